"""Estimates how long a plan will take, from stored timings, and from one epoch of models that have none."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from time import perf_counter
from typing import Any

from amulet.core.held import Held
from amulet.experiments.graph.plays import Play
from amulet.experiments.graph.store import State, Store
from amulet.experiments.graph.tasks import Task, Train
from amulet.experiments.planning.plan import Plan


@dataclass(frozen=True)
class Line:
    """The tasks of one kind: how many are missing and stored, and the seconds that one takes, None if unknown."""

    name: str
    missing: int
    stored: int
    seconds: float | None


@dataclass(frozen=True)
class Estimate:
    """How long a plan will take on one processor core, by kind of task."""

    lines: tuple[Line, ...]

    @property
    def missing(self) -> int:
        """The number of tasks to compute."""
        return sum(line.missing for line in self.lines)

    @property
    def seconds(self) -> float:
        """The seconds that all tasks to compute take together on one core."""
        return sum(line.missing * (line.seconds or 0.0) for line in self.lines)


def estimate(planned: Plan, store: Store) -> Estimate:
    """The estimate for a plan: its tasks in groups of one kind, with the seconds that a task of each group takes."""
    states = planned.states(store)
    missing = {task.digest for task in planned.missing(states)}
    groups: dict[str, list[Task[Any]]] = defaultdict(list)
    labels: dict[str, str] = {}
    for trial in planned.trials:
        if trial.play.target is not None:
            labels.setdefault(trial.play.target.recipe.digest, trial.row)
    for task in planned.tasks:
        groups[_name(task, labels)].append(task)
    return Estimate(tuple(_line(name, tasks, missing, states, store, planned) for name, tasks in groups.items()))


def _name(task: Task[Any], labels: Mapping[str, str]) -> str:
    match task:
        case Train():
            return f"Train {labels.get(task.recipe.digest, '')}".strip()
        case Play():
            return f"Play {task.probe}"
    return type(task).__name__


def _line(
    name: str,
    tasks: Sequence[Task[Any]],
    missing: set[str],
    states: dict[str, State],
    store: Store,
    planned: Plan,
) -> Line:
    stored = [task for task in tasks if states[task.digest] is State.PRESENT]
    left = [task for task in tasks if task.digest in missing]
    made = [found["seconds"] for task in stored[:20] if (found := store.made(task)) is not None]
    seconds = fmean(made) if made else None
    if seconds is None and left and isinstance(left[0], Train):
        seconds = _timed(left[0], planned)
    return Line(name, len(left), len(stored), seconds)


def _timed(task: Train, planned: Plan) -> float | None:
    """The seconds of one epoch times the number of epochs; None for a user's training function, which is not run."""
    counted = task.recipe.with_preparations(0).one_epoch()
    if counted is None:
        return None
    (short, epochs), drawn = counted, task.draw.take(planned.dataset.train)
    held, device = Held(task.draw.origin.validation_of(planned.dataset.train)), task.backend.device
    short.fit(drawn, seed=task.seed, device=device, held=held)  # the first pays for imports and look-ups
    started = perf_counter()
    short.fit(drawn, seed=task.seed, device=device, held=held)
    return (perf_counter() - started) * epochs
