"""The plan of an experiment: all tasks it needs, checked for problems before anything is trained."""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, cast

import torch

from amulet.core.dataset import AmuletDataset, require_dataset
from amulet.core.dataset_spec import DatasetSpec
from amulet.core.errors import InvalidParameter, Problem
from amulet.core.measurements.groups import measured_by_group
from amulet.core.metric import Metric
from amulet.core.probe import Probe
from amulet.core.roles import target_request
from amulet.core.short_repr import short_repr
from amulet.core.trainable import released
from amulet.core.user_code.containment import contained
from amulet.experiments.graph.plays import Exhibit, Measure, MeasureByChance, MeasureByGroup, Tabulate
from amulet.experiments.graph.store import State, Store
from amulet.experiments.graph.tasks import Backend, ModelTask, Source, Task
from amulet.experiments.planning.bench import Bench
from amulet.experiments.planning.checks import applied, data_problems, model_problems, notices_of, request_problems
from amulet.experiments.planning.completion import completed
from amulet.experiments.planning.experiment import Experiment, Row
from amulet.experiments.planning.left_out import LeftOut, measurable, metrics_left_out
from amulet.experiments.planning.memory import source_of
from amulet.experiments.planning.trials import Cell, FactorTrial, Pair, Trial
from amulet.experiments.planning.unreleased import NotJudged, not_judged, played
from amulet.factors.factor import Factor, FactorMetric

READINGS = (Measure, MeasureByGroup, MeasureByChance, Tabulate, Exhibit)
"""The kinds of tasks whose results are collected."""


@dataclass(frozen=True)
class Plan:
    """The tasks of an experiment for the seeds that are planned so far.

    Attributes:
        experiment: the experiment.
        dataset: its data set.
        device: the device that computes everything.
        trials: one for each probe, row and seed.
        others: further data sets that probes ask for.
        notices: sentences that the user should know before the work begins.
        left_out: what was asked for with all risks, all defenses or all factors and cannot be done, and the metrics
            that cannot have a value on the records.
        factors: one for each factor, row and seed.
    """

    experiment: Experiment
    dataset: AmuletDataset
    device: str
    trials: tuple[Trial, ...] = ()
    others: Mapping[DatasetSpec, AmuletDataset] = field(default_factory=dict)
    notices: tuple[str, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    factors: tuple[FactorTrial, ...] = ()

    __repr__ = short_repr

    @cached_property
    def cells(self) -> tuple[Cell, ...]:
        """The numbers of the matrix that this plan computes."""
        groups = {attribute.name: attribute.values for attribute in self.dataset.schema.attributes}
        return tuple(cell for trial in self.trials for cell in trial.cells(groups))

    @property
    def exhibits(self) -> "Iterator[tuple[Trial, Exhibit]]":
        """The tasks that make exhibits, each with the trial it belongs to."""
        return ((trial, trial.exhibit) for trial in self.trials if trial.exhibit is not None)

    @property
    def tables(self) -> "Iterator[tuple[Trial, Tabulate]]":
        """The tasks that count rates of groups, each with the trial it belongs to."""
        return ((trial, trial.rates) for trial in self.trials if trial.rates is not None)

    @property
    def seeds(self) -> int:
        """The number of seeds that are planned for at least one row and probe."""
        return len({trial.play.seed for trial in self.trials})

    @cached_property
    def sources(self) -> tuple[tuple[Source, AmuletDataset], ...]:
        """All data sets with the tasks that stand for them, the data set under assessment first."""
        return tuple((source_of(dataset), dataset) for dataset in (self.dataset, *self.others.values()))

    @property
    def source(self) -> Source:
        """The task that stands for the data set under assessment."""
        return self.sources[0][0]

    @cached_property
    def tasks(self) -> tuple[Task[Any], ...]:
        """All tasks, each once and after its inputs."""
        return ordered((*(task for trial in self.trials for task in trial.readings), *self._measured_factors))

    @cached_property
    def trainings(self) -> tuple[int, int]:
        """How many models there are to train or derive, and how many if no attack, audit or row shared any."""
        readings = [*(trial.readings for trial in self.trials), *((task,) for task in self._measured_factors)]
        alone = (ordered(each) for each in readings)
        return _models(self.tasks), sum(map(_models, alone))

    @cached_property
    def metrics(self) -> Mapping[Probe[Any], tuple[Metric[Any], ...]]:
        """The metrics of each attack and audit, without those that cannot have a value on the records."""
        listed = self.experiment.metrics
        return {probe: measurable(probe, listed, self.dataset) for probe in self.experiment.probes}

    @cached_property
    def not_judged(self) -> NotJudged:
        """Of each row the attacks that have nothing to read there, with the reason."""
        return not_judged(self.experiment)

    @property
    def _measured_factors(self) -> Iterator[Measure]:
        return (trial.measure for trial in self.factors)

    def target(self, row: str, seed: int) -> ModelTask:
        """The task that trains the model under assessment of a row and seed."""
        return next(target for label, target in self.targets if (label, target.seed) == (row, seed))

    @property
    def targets(self) -> Iterator[tuple[str, ModelTask]]:
        """The labels of rows with the tasks that train their models; some occur more than once."""
        return ((trial.row, trial.target) for trial in self.trials if trial.target is not None)

    def missing(self, states: "dict[str, State]") -> tuple[Task[Any], ...]:
        """The tasks to compute, given the states of all: those without a result that is needed, and damaged ones."""
        plays = (*(trial.play for trial in self.trials), *(task.outcome for task in self._measured_factors))
        targets = (play.target for play in plays)
        needed = {target.digest for target in targets if target is not None}  # their facts are part of the results
        for task in reversed(self.tasks):
            wanted = isinstance(task, READINGS) or task.digest in needed
            lacking = states[task.digest] is not State.PRESENT
            if lacking and (wanted or states[task.digest] is State.DAMAGED):
                needed.add(task.digest)
                needed.update(item.digest for item in task.inputs)
        return tuple(t for t in self.tasks if t.digest in needed and states[t.digest] is not State.PRESENT)

    def states(self, store: Store) -> "dict[str, State]":
        """Whether the store has the result of each task, by digest of the task, without reading the results."""
        return {task.digest: store.state(task) for task in self.tasks}


@contained("Code that the plan calls")
def plan(experiment: Experiment, dataset: AmuletDataset | None = None, device: str = "cpu") -> Plan:
    """The plan of an experiment for the seeds of the first look at its verdicts; `extended` adds further seeds.

    Args:
        experiment: the experiment to plan.
        dataset: the records, if the experiment names no data set.
        device: "cpu" or a CUDA device. Results of different devices are stored separately.

    Raises:
        InvalidParameter: the problems of all rows, attacks and metrics together.
        UserCodeFailed: user code tried to end the program.
    """
    dataset = _dataset(experiment, dataset)
    check_device(device)
    experiment, left_out = completed(experiment, dataset, Backend(device))
    recipes, problems = applied(experiment)
    problems += data_problems(experiment, recipes, dataset)
    if problems:
        raise InvalidParameter(problems)
    left_out += tuple(metrics_left_out(experiment.probes, experiment.metrics, dataset))
    others = {spec: spec.load() for probe in experiment.played for spec in probe.sources(experiment.split)}
    notices = (*map(str, left_out), *notices_of(experiment, recipes, dataset))
    empty = Plan(experiment, dataset, device, others=others, notices=notices, left_out=left_out)
    _check_requests(empty)
    return _with_seeds(empty, played(experiment), range(experiment.looks[0]))


def _check_requests(planned: Plan) -> None:
    """Raise InvalidParameter unless every model that a probe asks for can be trained and used in every repetition."""
    experiment = planned.experiment
    repetitions = range(experiment.looks[-1])
    problems = {
        problem.sentence: problem
        for bench in _benches(planned, experiment.rows[0], repetitions)  # requests are the same for every row
        for problem in request_problems(bench, experiment.played, planned.dataset, planned.others)
    }
    for row in () if problems else experiment.rows:
        bench = next(_benches(planned, row, repetitions))
        found = model_problems(bench, row, experiment.played, dict(planned.sources))
        problems |= {problem.sentence: problem for problem in found}
    if problems:
        raise InvalidParameter(problems.values())


def extended(planned: Plan, pairs: Collection[Pair]) -> Plan:
    """The plan with more seeds, up to the next look, for some rows and probes and the rows they are compared with.

    Raises:
        ValueError: the plan has all seeds already.
    """
    looks = planned.experiment.looks
    if planned.seeds >= looks[-1]:
        raise ValueError(f"All {looks[-1]} seeds are planned already.")
    until = next(look for look in looks if look > planned.seeds)
    references = {row.label: row.against for row in planned.experiment.rows}
    pairs = {*pairs, *((references[row], probe) for row, probe in pairs)}
    held = Counter(trial.pair for trial in planned.trials)
    for already in sorted({held[pair] for pair in pairs}):  # no pair may skip a seed
        some = {pair for pair in pairs if held[pair] == already}
        planned = _with_seeds(planned, some, range(already, until))
    return planned


def _with_seeds(planned: Plan, pairs: Collection[Pair], repetitions: range) -> Plan:
    experiment = planned.experiment
    benches = {row.label: tuple(_benches(planned, row, repetitions)) for row in experiment.rows}
    trials = tuple(
        _trial(planned, row, probe, benches[row.label][place])
        for place in range(len(repetitions))
        for row in experiment.rows
        for probe in experiment.probes
        if (row.label, str(probe)) in pairs
    )
    measured = {(trial.row, trial.seed) for trial in planned.factors}
    models = dict.fromkeys((trial.row, trial.play.seed) for trial in trials)
    factors = (
        _factor_trial(row, factor, benches[row][seed - experiment.split.seed - repetitions.start])
        for row, seed in models
        for factor in experiment.factors
        if (row, seed) not in measured
    )
    return replace(planned, trials=(*planned.trials, *trials), factors=(*planned.factors, *factors))


def _factor_trial(row: str, factor: Factor, bench: Bench) -> FactorTrial:
    return FactorTrial(row, factor, Measure(FactorMetric(factor), bench.play(factor)))


def _benches(planned: Plan, row: Row, repetitions: range) -> Iterator[Bench]:
    """What the attacks and audits of a row have in common, for each repetition."""
    experiment = planned.experiment
    recipes, _ = applied(experiment)
    others = {spec: source_of(dataset) for spec, dataset in planned.others.items()}
    for number in repetitions:
        split = replace(experiment.split, seed=experiment.split.seed + number)
        yield Bench(
            recipe=recipes[row.label],
            plain=experiment.recipe,
            source=planned.source,
            split=split,
            backend=Backend(planned.device),
            attacked=row.attacked,
            others=others,
            releases=released(row.defenses),
        )


def _dataset(experiment: Experiment, given: AmuletDataset | None) -> AmuletDataset:
    if (experiment.dataset is None) == (given is None):
        raise InvalidParameter(
            [Problem("dataset", "Records must come from the experiment's 'dataset' or be handed over, one of the two.")]
        )
    if experiment.dataset is not None:
        return experiment.dataset.load()
    require_dataset(given, "dataset", experiment.name)
    return cast("AmuletDataset", given)


def check_device(device: str) -> None:
    """Raise InvalidParameter unless torch can compute on this device."""
    if str(device).partition(":")[0] == "mps":
        allowed = '"cpu" or a CUDA device such as "cuda:0", since "mps" has no float64, which Amulet needs'
        raise InvalidParameter([Problem.of("device", "plan", allowed, device)])
    try:
        torch.zeros(1, device=device).item()  # which a device without numbers, such as meta, refuses
    except (RuntimeError, AssertionError) as error:
        reason = str(error).partition("\n")[0].partition(". ")[0]
        raise InvalidParameter(
            [Problem.of("device", "plan", f"one that torch finds here ({reason})", device)]
        ) from None


def _trial(planned: Plan, row: Row, probe: Probe[Any], bench: Bench) -> Trial:
    play = bench.play(probe)
    exhibited = tuple(play if each == probe else bench.play(each) for each in probe.exhibited())
    own = bench.model(target_request(bench.split))
    metrics = planned.metrics[probe]
    attributes = planned.experiment.by_group if measured_by_group(probe.outcome_type) else ()
    return Trial(
        row=row.label,
        play=play,
        measures=tuple(Measure(metric, play) for metric in metrics),
        by_group=tuple(MeasureByGroup(metric, play, attribute) for attribute in attributes for metric in metrics),
        exhibit=Exhibit(probe, exhibited) if exhibited else None,
        target=own if play.target is not None and play.target.digest == own.digest else None,
        by_chance=tuple(MeasureByChance(metric, play) for metric in metrics if metric.net_of_chance),
        rates=Tabulate(play) if probe.outcome_type.compares_groups else None,
    )


def ordered(tasks: Iterable[Task[Any]]) -> tuple[Task[Any], ...]:
    """The tasks and, at any depth, their inputs, each once and after its inputs."""
    seen: dict[str, Task[Any]] = {}

    def visit(task: Task[Any]) -> None:
        if task.digest not in seen:
            for item in task.inputs:
                visit(item)
            seen[task.digest] = task

    for task in tasks:
        visit(task)
    return tuple(seen.values())


def _models(tasks: Iterable[Task[Any]]) -> int:
    return sum(isinstance(task, ModelTask) for task in tasks)


def count_by_kind(tasks: Iterable[Task[Any]]) -> Counter[str]:
    """The number of tasks of each class, by name of the class."""
    return Counter(type(task).__name__ for task in tasks)
