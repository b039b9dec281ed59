"""From an experiment to tasks: every problem before anything is trained, and what the store has already."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch

from amulet.core.data import AmuletDataset, Schema
from amulet.core.errors import InvalidParameter, Problem, ProblemsError
from amulet.core.metric import Metric
from amulet.core.probe import Probe
from amulet.core.split import MemberDraw, ShadowDraw, Split
from amulet.experiments.experiment import Experiment, Row
from amulet.experiments.registry import Kind, plugins
from amulet.experiments.store import State, Store
from amulet.experiments.tasks import Backend, Measure, Play, Source, Task, Train
from amulet.training.population import shadow_seed
from amulet.training.stages import Trainable


@dataclass(frozen=True)
class Cell:
    """One number of the matrix for one seed, and the task that gives it."""

    row: str
    risk: str
    probe: str
    metric: str
    seed: int
    task: Measure


@dataclass(frozen=True)
class Plan:
    """All that has to be computed for an experiment."""

    experiment: Experiment
    dataset: AmuletDataset
    cells: tuple[Cell, ...]

    @property
    def source(self) -> Source:
        """The data set as tasks know it."""
        return Source(self.dataset.name, self.dataset.content)

    @cached_property
    def tasks(self) -> tuple[Task[Any], ...]:
        """Every task once, each behind its inputs."""
        return ordered(cell.task for cell in self.cells)

    @property
    def device(self) -> str:
        """Where all of it is computed."""
        return self.cells[0].task.outcome.target.backend.device

    def target(self, row: str, seed: int) -> Train:
        """The task that trains a row's target model."""
        return next(cell.task.outcome.target for cell in self.cells if cell.row == row and cell.seed == seed)

    def missing(self, states: "dict[str, State]") -> tuple[Task[Any], ...]:
        """What is left to compute: results that are not there, what they need, and whatever is damaged."""
        needed = {cell.task.outcome.target.digest for cell in self.cells}  # their facts are part of the results
        for task in reversed(self.tasks):
            wanted = isinstance(task, Measure) or task.digest in needed
            lacking = states[task.digest] is not State.PRESENT
            if lacking and (wanted or states[task.digest] is State.DAMAGED):
                needed.add(task.digest)
                needed.update(item.digest for item in task.inputs)
        return tuple(t for t in self.tasks if t.digest in needed and states[t.digest] is not State.PRESENT)

    def states(self, store: Store) -> "dict[str, State]":
        """What the store has of each task, by digest; every byte is checked."""
        return {task.digest: store.state(task) for task in self.tasks}


def plan(experiment: Experiment, dataset: AmuletDataset | None = None, device: str = "cpu") -> Plan:
    """Every task of an experiment.

    Args:
        experiment: what to assess.
        dataset: the records, where the experiment names no data set.
        device: "cpu" or a CUDA device; it is part of every model's identity.

    Raises:
        InvalidParameter: all problems of all rows, attacks and metrics at once.
    """
    dataset = _dataset(experiment, dataset)
    check_device(device)
    recipes, problems = _recipes(experiment)
    problems += _data_problems(experiment, recipes, dataset)
    if problems:
        raise InvalidParameter(problems)
    source, backend = Source(dataset.name, dataset.content), Backend(device)
    cells = [
        cell
        for seed in range(experiment.split.seed, experiment.split.seed + experiment.seeds)
        for row in experiment.rows
        for cell in _cells(experiment, row, recipes, _Bench(source, backend, replace(experiment.split, seed=seed)))
    ]
    return Plan(experiment, dataset, tuple(cells))


def _dataset(experiment: Experiment, given: AmuletDataset | None) -> AmuletDataset:
    if (experiment.dataset is None) == (given is None):
        raise InvalidParameter(
            [Problem("dataset", "Records must come from the experiment's 'dataset' or be handed over, one of the two.")]
        )
    return given if experiment.dataset is None else experiment.dataset.load()  # type: ignore[return-value]


def check_device(device: str) -> None:
    """Raise InvalidParameter unless torch can put tensors there."""
    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0]
        raise InvalidParameter(
            [Problem.of("device", "plan", f"one that torch finds here ({reason})", device)]
        ) from None


@dataclass(frozen=True)
class _Bench:
    """What all models of one seed share."""

    source: Source
    backend: Backend
    split: Split

    def target(self, recipe: Trainable) -> Train:
        """The model under assessment."""
        return Train(recipe, self.source, MemberDraw(self.split), self.split.seed, self.backend)

    def shadows(self, recipe: Trainable, count: int) -> tuple[Train, ...]:
        """The adversary's models."""
        return tuple(
            Train(
                recipe,
                self.source,
                ShadowDraw(self.split, number),
                shadow_seed(self.split.seed, number),
                self.backend,
            )
            for number in range(count)
        )


def _cells(experiment: Experiment, row: Row, recipes: dict[str, Trainable], bench: _Bench) -> Iterator[Cell]:
    for probe in _probes(experiment):
        wanted = probe.shadows_wanted()
        shadow_recipe = recipes[row.label] if wanted.defense_known else experiment.recipe
        play = Play(
            probe=probe,
            target=bench.target(recipes[row.label]),
            shadows=bench.shadows(shadow_recipe, wanted.count),
            split=bench.split,
            seed=bench.split.seed,
        )
        for metric in metrics_for(probe, experiment.metrics):
            yield Cell(row.label, probe.risk, str(probe), str(metric), bench.split.seed, Measure(metric, play))


def metrics_for(probe: Probe[Any], listed: Sequence[Metric[Any]]) -> tuple[Metric[Any], ...]:
    """The listed metrics of the probe's outcome, and every registered one that none of them replaces."""
    fitting = [metric for metric in listed if metric.outcome_type() is probe.outcome_type]
    replaced = {type(metric) for metric in fitting}
    registered = [plugin.spec for plugin in plugins() if plugin.kind is Kind.METRIC]
    defaults = [spec() for spec in registered if issubclass(spec, Metric) and spec not in replaced]
    return (*(metric for metric in defaults if metric.outcome_type() is probe.outcome_type), *fitting)


def ordered(tasks: Iterable[Task[Any]]) -> tuple[Task[Any], ...]:
    """Tasks and all that they need, each once, inputs first."""
    seen: dict[str, Task[Any]] = {}

    def visit(task: Task[Any]) -> None:
        if task.digest not in seen:
            for item in task.inputs:
                visit(item)
            seen[task.digest] = task

    for task in tasks:
        visit(task)
    return tuple(seen.values())


def count_by_kind(tasks: Iterable[Task[Any]]) -> Counter[str]:
    """How many tasks of each class."""
    return Counter(type(task).__name__ for task in tasks)


def _probes(experiment: Experiment) -> tuple[Probe[Any], ...]:
    return (*experiment.audits, *experiment.attacks)


def _recipes(experiment: Experiment) -> tuple[dict[str, Trainable], list[Problem]]:
    recipes: dict[str, Trainable] = {}
    problems: list[Problem] = []
    for row in experiment.rows:
        recipe = experiment.recipe
        try:
            for defense in row.defenses:
                recipe = defense.apply(recipe)
        except ProblemsError as error:
            problems += [_in_row(row, problem) for problem in error.problems]
        recipes[row.label] = recipe
    return recipes, problems


def _data_problems(experiment: Experiment, recipes: dict[str, Trainable], dataset: AmuletDataset) -> list[Problem]:
    schema, records = dataset.schema, len(experiment.split.divide(len(dataset.train)).members)
    problems = [_in_row(row, problem) for row in experiment.rows
                for problem in recipes[row.label].data_problems(schema, records)]  # fmt: skip
    return problems + list(probe_problems(_probes(experiment), experiment.metrics, schema))


def probe_problems(probes: Sequence[Probe[Any]], metrics: Sequence[Metric[Any]], schema: Schema) -> Iterator[Problem]:
    """What a data set lacks for the attacks and audits, and metrics that none of them has an outcome for."""
    yield from (Problem(str(probe), sentence) for probe in probes for sentence in probe.demands(schema))
    outcomes = {probe.outcome_type for probe in probes}
    for metric in metrics:
        if metric.outcome_type() not in outcomes:
            missing = metric.outcome_type().__name__
            yield Problem("metrics", f"{metric} has no effect: no attack or audit gives a {missing}.")


def _in_row(row: Row, problem: Problem) -> Problem:
    return Problem(problem.parameter, f"Row '{row.label}': {problem.sentence}")
