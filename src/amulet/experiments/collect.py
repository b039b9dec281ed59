"""Read every number of a plan from the store."""

from typing import Any

from amulet.core.metric import Undefined
from amulet.core.tally import Tally
from amulet.experiments.experiment import Row
from amulet.experiments.plan import Plan, Trial
from amulet.experiments.results import Column, Results, Traced, Value
from amulet.experiments.store import Store
from amulet.experiments.tasks import Trace


def collect(plan: Plan, store: Store) -> Results:
    """The results of a plan whose every task has been computed."""
    columns = {Column.of(cell.task.outcome.probe, cell.task.metric): None for cell in plan.cells}
    values = []
    for cell in plan.cells:
        value = store.load(cell.task)
        number, reason = (None, value.reason) if isinstance(value, Undefined) else (value, None)
        values.append(Value(cell.row, cell.risk, cell.probe, cell.metric, cell.seed, number, reason, cell.task.digest))
    return Results(
        experiment=plan.experiment.name,
        dataset=plan.dataset.name,
        content=plan.dataset.content,
        spec=plan.experiment.plain(),
        columns=tuple(columns),
        values=tuple(values),
        facts=_facts(plan, store),
        classes=len(plan.dataset.schema.classes),
        own_risks={row.label: _own_risks(row) for row in plan.experiment.defenses},
        curves=tuple(_traced(trial, trace, store) for trial, trace in plan.traces),
        looks=plan.experiment.looks,
        tested=Tally.of(plan.dataset.test),
    )


def _traced(trial: Trial, trace: Trace, store: Store) -> Traced:
    probe = trial.play.probe
    return Traced(trial.row, probe.risk, str(probe), trial.play.seed, trace.digest, store.load(trace))


def _own_risks(row: Row) -> tuple[str, ...]:
    return tuple(dict.fromkeys(defense.risk for defense in row.defenses if defense.risk is not None))


def _facts(plan: Plan, store: Store) -> dict[str, dict[str, dict[str, Any]]]:
    """Without seconds, which differ from run to run."""
    facts: dict[str, dict[str, dict[str, Any]]] = {}
    targets = {(row, str(task.seed)): task for row, task in plan.targets}
    for (row, seed), task in targets.items():
        found = store.facts(task)
        facts.setdefault(row, {})[seed] = {name: fact for name, fact in found.items() if name != "seconds"}
    return facts
