"""From an experiment to tasks: every problem before anything is trained, and what the store has already."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import torch

from amulet.core.containment import contained
from amulet.core.data import AmuletDataset
from amulet.core.errors import InvalidParameter, Problem
from amulet.core.probe import Probe
from amulet.core.split import Draw, MemberDraw, Split
from amulet.core.threat import ShadowRequest
from amulet.experiments.checks import applied, data_problems
from amulet.experiments.experiment import BASELINE, Experiment, Row
from amulet.experiments.registry import metrics_for
from amulet.experiments.store import State, Store
from amulet.experiments.tasks import Backend, Measure, Play, Score, Source, Task, Trace, Train
from amulet.training.population import shadow_seed
from amulet.training.removal import Removal
from amulet.training.stages import Trainable

Pair = tuple[str, str]
"""A row's label and a probe, as text."""


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
class Trial:
    """One probe of one row's model of one seed, and all that is read off it."""

    row: str
    play: Play
    measures: tuple[Measure, ...]
    trace: Trace | None

    @property
    def pair(self) -> Pair:
        """What more seeds are added to."""
        return self.row, str(self.play.probe)

    def cells(self) -> Iterator[Cell]:
        """A number for each metric."""
        for task in self.measures:
            yield Cell(self.row, self.play.probe.risk, str(self.play.probe), str(task.metric), self.play.seed, task)


@dataclass(frozen=True)
class Plan:
    """All that has to be computed for an experiment, as far as it is planned."""

    experiment: Experiment
    dataset: AmuletDataset
    trials: tuple[Trial, ...]

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """Every number of the matrix."""
        return tuple(cell for trial in self.trials for cell in trial.cells())

    @property
    def traces(self) -> "Iterator[tuple[Trial, Trace]]":
        """The curves, each with the trial it belongs to."""
        return ((trial, trial.trace) for trial in self.trials if trial.trace is not None)

    @property
    def seeds(self) -> int:
        """How many are planned for at least one probe."""
        return len({trial.play.seed for trial in self.trials})

    @property
    def source(self) -> Source:
        """The data set as tasks know it."""
        return Source(self.dataset.name, self.dataset.content)

    @cached_property
    def tasks(self) -> tuple[Task[Any], ...]:
        """Every task once, each behind its inputs."""
        return ordered(task for trial in self.trials for task in (*trial.measures, trial.trace) if task is not None)

    @property
    def device(self) -> str:
        """Where all of it is computed."""
        return self.trials[0].play.target.backend.device

    def target(self, row: str, seed: int) -> Train:
        """The task that trains a row's target model."""
        return next(target for label, target in self.targets if (label, target.seed) == (row, seed))

    @property
    def targets(self) -> Iterator[tuple[str, Train]]:
        """Rows and the tasks that train their models on the members as they are, some more than once."""
        pairs = ((trial.row, trial.play.target) for trial in self.trials)
        return (pair for pair in pairs if isinstance(pair[1].draw, MemberDraw))

    def missing(self, states: "dict[str, State]") -> tuple[Task[Any], ...]:
        """What is left to compute: results that are not there, what they need, and whatever is damaged."""
        needed = {trial.play.target.digest for trial in self.trials}  # their facts are part of the results
        for task in reversed(self.tasks):
            wanted = isinstance(task, Measure | Trace) or task.digest in needed
            lacking = states[task.digest] is not State.PRESENT
            if lacking and (wanted or states[task.digest] is State.DAMAGED):
                needed.add(task.digest)
                needed.update(item.digest for item in task.inputs)
        return tuple(t for t in self.tasks if t.digest in needed and states[t.digest] is not State.PRESENT)

    def states(self, store: Store) -> "dict[str, State]":
        """What the store has of each task, by digest, without reading it."""
        return {task.digest: store.state(task) for task in self.tasks}


@contained("Code that the plan calls")
def plan(experiment: Experiment, dataset: AmuletDataset | None = None, device: str = "cpu") -> Plan:
    """Every task of an experiment, up to the first look at its verdicts; `extended` adds those behind it.

    Args:
        experiment: what to assess.
        dataset: the records, where the experiment names no data set.
        device: "cpu" or a CUDA device; it is part of every model's identity.

    Raises:
        InvalidParameter: all problems of all rows, attacks and metrics at once.
        UserCodeFailed: code of the user's own tried to end the program.
    """
    dataset = _dataset(experiment, dataset)
    check_device(device)
    recipes, problems = applied(experiment)
    problems += data_problems(experiment, recipes, dataset)
    if problems:
        raise InvalidParameter(problems)
    empty = Plan(experiment, dataset, ())
    pairs = {(row.label, str(probe)) for row in experiment.rows for probe in experiment.probes}
    return _with_seeds(empty, pairs, range(experiment.looks[0]), device)


def extended(planned: Plan, pairs: Collection[Pair]) -> Plan:
    """The plan with the seeds up to the next look, for some rows and probes and for the baseline under those probes.

    Raises:
        ValueError: there is no look left.
    """
    looks = planned.experiment.looks
    if planned.seeds >= looks[-1]:
        raise ValueError(f"All {looks[-1]} seeds are planned already.")
    until = next(look for look in looks if look > planned.seeds)
    pairs = {*pairs, *((BASELINE, probe) for _, probe in pairs)}
    held = Counter(trial.pair for trial in planned.trials)
    for already in sorted({held[pair] for pair in pairs}):  # no pair may skip a seed
        some = {pair for pair in pairs if held[pair] == already}
        planned = _with_seeds(planned, some, range(already, until), planned.device)
    return planned


def _with_seeds(planned: Plan, pairs: Collection[Pair], repetitions: range, device: str) -> Plan:
    experiment, source = planned.experiment, planned.source
    recipes, _ = applied(experiment)
    benches = [
        _Bench(source, Backend(device), replace(experiment.split, seed=experiment.split.seed + number))
        for number in repetitions
    ]
    trials = (
        _trial(experiment, row, probe, recipes, bench)
        for bench in benches
        for row in experiment.rows
        for probe in experiment.probes
        if (row.label, str(probe)) in pairs
    )
    return replace(planned, trials=(*planned.trials, *trials))


def _dataset(experiment: Experiment, given: AmuletDataset | None) -> AmuletDataset:
    if (experiment.dataset is None) == (given is None):
        raise InvalidParameter(
            [Problem("dataset", "Records must come from the experiment's 'dataset' or be handed over, one of the two.")]
        )
    return given if experiment.dataset is None else experiment.dataset.load()  # type: ignore[return-value]


def check_device(device: str) -> None:
    """Raise InvalidParameter unless torch can put tensors there."""
    try:
        torch.zeros(1, device=device).item()  # which a device without numbers, such as meta, refuses
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

    def target(self, recipe: Trainable, probe: Probe[Any]) -> Train:
        """The model under assessment."""
        return self._train(recipe, probe.trained_on(MemberDraw(self.split)), self.split.seed)

    def control(self, recipe: Trainable) -> Train:
        """The same model, had nobody tampered with its records."""
        return self._train(recipe, MemberDraw(self.split), self.split.seed)

    def shadows(self, recipe: Trainable, wanted: ShadowRequest) -> tuple[Train, ...]:
        """The adversary's models."""
        return tuple(
            self._train(recipe, draw, shadow_seed(self.split.seed, number))
            for number, draw in enumerate(wanted.draws(self.split))
        )

    def _train(self, recipe: Trainable, draw: Draw, seed: int) -> Train:
        """Where records are to be removed first of all, by scores that every percent shares."""
        first = next(iter(recipe.preparations), None)
        scores = (
            Score(first.scorer, self._train(recipe.unprepared(), draw, seed)) if isinstance(first, Removal) else None
        )
        return Train(recipe, self.source, draw, seed, self.backend, scores)


def _trial(experiment: Experiment, row: Row, probe: Probe[Any], recipes: dict[str, Trainable], bench: _Bench) -> Trial:
    def played(probe: Probe[Any]) -> Play:
        wanted = probe.shadows_wanted()
        return Play(
            probe=probe,
            target=bench.target(recipes[row.label], probe),
            shadows=bench.shadows(recipes[row.label] if wanted.defense_known else experiment.recipe, wanted),
            split=bench.split,
            seed=bench.split.seed,
        )

    play, traced = played(probe), tuple(played(each) for each in probe.traced())
    control = replace(play, target=bench.control(recipes[row.label]))
    metrics = metrics_for(probe, experiment.metrics)
    measures = tuple(Measure(metric, control if metric.control else play) for metric in metrics)
    return Trial(row.label, play, measures, Trace(probe, traced) if traced else None)


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
