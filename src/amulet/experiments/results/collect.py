"""Collect the results of a plan from the store."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from amulet.core.measurements.curve import Curve
from amulet.core.measurements.group_rates import GroupRates
from amulet.core.measurements.image_grid import ImageGrid
from amulet.core.measurements.tally import Tally
from amulet.core.metric import Undefined
from amulet.core.trainable import Defense
from amulet.experiments.graph.failures import Failure, with_dependents
from amulet.experiments.graph.plays import Exhibit, MeasureByGroup, Tabulate
from amulet.experiments.graph.store import NotStored, Store
from amulet.experiments.graph.tasks import Task
from amulet.experiments.planning.experiment import Experiment, Row
from amulet.experiments.planning.plan import Plan
from amulet.experiments.planning.trials import Cell, FactorTrial, Trial
from amulet.experiments.results.factors import Factors, FactorValue, MeasuredFactor
from amulet.experiments.results.numbers import Column, Rated, Traced, Value
from amulet.experiments.results.pictures import Pictured, rows_of
from amulet.experiments.results.results import Results


@dataclass(frozen=True)
class _Stored:
    """Gives the results of tasks from the store; of those without one since something failed, the reason for that."""

    store: Store
    failed: Mapping[str, Failure] = field(default_factory=dict)

    def load(self, task: Task[Any]) -> Any:
        try:
            return self.store.load(task)
        except NotStored:
            if task.digest in self.failed:
                return Undefined(self.failed[task.digest].reason)
            raise


def collect(plan: Plan, store: Store, failures: Mapping[str, Failure] | None = None) -> Results:
    """The results of a plan, all of whose tasks have been computed, but for those that failed or depend on such.

    Args:
        plan: what was computed.
        store: has the results.
        failures: by the digests of the tasks that failed. Values that depend on them are undefined, with the reason.
    """
    stored = _Stored(store, with_dependents(failures or {}, plan.tasks))
    values = [_value(cell, stored) for cell in plan.cells]
    return Results(
        experiment=plan.experiment.name,
        dataset=plan.dataset.name,
        content=plan.dataset.content,
        spec=plan.experiment.plain(),
        columns=columns_of(plan),
        values=tuple(sorted(values, key=lambda value: value.group is not None)),
        facts=_facts(plan, stored),
        classes=len(plan.dataset.schema.classes),
        own_risks={row.label: _own_risks(row, plan.experiment.rows) for row in plan.experiment.defenses},
        own_claims=_own_claims(plan.experiment),
        against={row.label: row.against for row in plan.experiment.defenses},
        curves=tuple(traced for each in plan.exhibits if (traced := _traced(*each, stored))),
        rates=tuple(rated for each in plan.tables if (rated := _rated(*each, stored))),
        looks=plan.experiment.looks,
        screened=tuple(row.label for row in plan.experiment.defenses if row.screened),
        not_judged=plan.not_judged,
        tested=Tally.of(plan.dataset.test),
        left_out=plan.left_out,
        families={row.label: _families(row, plan.experiment.rows) for row in plan.experiment.defenses},
        pictures=tuple(pictured for each in _of_first_seed(plan) if (pictured := _pictured(*each, stored))),
        failures=tuple((failures or {}).values()),
        factors=Factors(
            tuple(map(MeasuredFactor.of, plan.experiment.factors)),
            tuple(_factor_value(trial, stored) for trial in plan.factors),
        ),
    )


def columns_of(plan: Plan) -> tuple[Column, ...]:
    """The columns of the matrix that a plan computes."""
    found = (Column.of(cell.task.outcome.probe, cell.task.metric, cell.group) for cell in plan.cells)
    return tuple(dict.fromkeys(found))


def _value(cell: Cell, stored: _Stored) -> Value:
    measured = stored.load(cell.task)
    if isinstance(cell.task, MeasureByGroup) and not isinstance(measured, Undefined):
        measured = measured[(cell.group or "").removeprefix(f"{cell.task.attribute}=")]
    chance = stored.load(cell.by_chance) if cell.by_chance else None
    if isinstance(chance, Undefined):  # values with and without what chance adds must not be compared
        measured, chance = chance, None
    number, reason = (None, measured.reason) if isinstance(measured, Undefined) else (measured, None)
    about = (cell.row, cell.risk, cell.probe, cell.metric, cell.seed)
    return Value(*about, number, reason, cell.task.digest, cell.group, chance)


def _factor_value(trial: FactorTrial, stored: _Stored) -> FactorValue:
    measured = stored.load(trial.measure)
    number, reason = (None, measured.reason) if isinstance(measured, Undefined) else (measured, None)
    return FactorValue(trial.row, str(trial.factor), trial.seed, number, reason, trial.measure.digest)


def _rated(trial: Trial, table: Tabulate, stored: _Stored) -> Rated | None:
    probe, rates = trial.play.probe, stored.load(table)
    if not isinstance(rates, GroupRates):
        return None
    return Rated(trial.row, probe.risk, str(probe), trial.play.seed, table.digest, rates)


def _traced(trial: Trial, exhibit: Exhibit, stored: _Stored) -> Traced | None:
    probe, curve = trial.play.probe, stored.load(exhibit)
    if not isinstance(curve, Curve):
        return None
    return Traced(trial.row, probe.risk, str(probe), trial.play.seed, exhibit.digest, curve)


def _of_first_seed(plan: Plan) -> Iterator[tuple[Trial, Exhibit]]:
    """Images of one seed show what they are to show, and those of all would make the file large."""
    first = min(trial.play.seed for trial in plan.trials)
    return (each for each in plan.exhibits if each[0].play.seed == first)


def _pictured(trial: Trial, exhibit: Exhibit, stored: _Stored) -> Pictured | None:
    probe, grid = trial.play.probe, stored.load(exhibit)
    if not isinstance(grid, ImageGrid):
        return None
    about = (trial.row, probe.risk, str(probe), trial.play.seed, exhibit.digest)
    return Pictured(*about, grid.title, grid.columns, rows_of(grid), grid.references)


def _own_risks(row: Row, rows: Sequence[Row]) -> tuple[str, ...]:
    """The risks that a row's defenses are made for, without the defenses of the row that it is compared with."""
    return tuple(dict.fromkeys(risk for each in _added(row, rows) if not each.claims for risk in each.risks))


def _own_claims(experiment: Experiment) -> dict[str, tuple[str, ...]]:
    """The audits of claims that a row's defenses are made for, by row, for the rows that have such defenses."""
    found = {}
    for row in experiment.defenses:
        added = [defense for defense in _added(row, experiment.rows) if defense.claims]
        audits = [str(probe) for probe in experiment.probes if any(probe.checks(defense) for defense in added)]
        if audits:
            found[row.label] = tuple(audits)
    return found


def _families(row: Row, rows: Sequence[Row]) -> tuple[str, ...]:
    """The families in the literature of what a row adds; none for a row with an attack, of which they do not speak."""
    found = (defense.family for defense in _added(row, rows) if row.attacked is None)
    return tuple(dict.fromkeys(family for family in found if family is not None))


def _added(row: Row, rows: Sequence[Row]) -> list[Defense]:
    """The defenses of a row, without those of the row that it is compared with."""
    reference = next(each for each in rows if each.label == row.against)
    return [defense for defense in row.defenses if defense not in reference.defenses]


def _facts(plan: Plan, stored: _Stored) -> dict[str, dict[str, dict[str, Any]]]:
    """What was recorded in training, by row and seed, without the seconds, which differ from run to run."""
    facts: dict[str, dict[str, dict[str, Any]]] = {}
    targets = {(row, str(task.seed)): task for row, task in plan.targets}
    for (row, seed), task in targets.items():
        found = {} if task.digest in stored.failed else stored.store.facts(task)
        facts.setdefault(row, {})[seed] = {name: fact for name, fact in found.items() if name != "seconds"}
    return facts
