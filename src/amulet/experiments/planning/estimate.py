"""How long a plan will take, from what the store has timed, and from brief tries of what it has not."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any, Final

from amulet.core.errors import AmuletError
from amulet.experiments.graph.plays import Exhibit, Measure, MeasureByChance, MeasureByGroup, Play, Tabulate
from amulet.experiments.graph.store import Damaged, NotStored, State, Store
from amulet.experiments.graph.tasks import Derive, Score, Task, Train
from amulet.experiments.planning.plan import Plan
from amulet.experiments.planning.rehearsal import Rehearsal, Untold
from amulet.experiments.planning.stand_ins import kind_of

TIMED: Final = 20
"""How many stored tasks of a kind are looked at."""

PER_KIND: Final = 2.0
"""Seconds to spend on a kind of task, more or less."""

ENTRY: Final = 1300
"""Bytes of the JSON of a result, about."""

IN_ALL: Final = 20.0
"""Seconds to spend on all kinds, more or less, where there are many."""


@dataclass(frozen=True)
class Line:
    """Tasks of one name.

    Attributes:
        name: what they do.
        missing: how many are to be computed.
        stored: how many the store has.
        seconds: that one takes on average, of those whose time can be told; None if of none.
        untold: how many of the missing ones have no estimate.
    """

    name: str
    missing: int
    stored: int
    seconds: float | None
    untold: int = 0


@dataclass(frozen=True)
class Gap:
    """Tasks without an estimate of their time.

    Attributes:
        name: what they do.
        tasks: how many are to be computed.
        reason: why there is no estimate, as part of a sentence.
    """

    name: str
    tasks: int
    reason: str


@dataclass(frozen=True)
class Estimate:
    """What a plan will cost on one core.

    Attributes:
        lines: all tasks by name.
        gaps: what `seconds` leaves out.
        by_kind: the seconds of a task of each kind, as far as they can be told.
        names: what the tasks of each kind do.
        sizes: the bytes of a result of each kind in the store, about.
        tasks: those to compute, each after its inputs.
    """

    lines: tuple[Line, ...]
    gaps: tuple[Gap, ...] = ()
    by_kind: Mapping[str, float] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    sizes: Mapping[str, int] = field(default_factory=dict)
    tasks: tuple[Task[Any], ...] = ()

    def of(self, task: Task[Any]) -> float | None:
        """The seconds of one task; None if there is no estimate."""
        return self.by_kind.get(kind_of(task))

    def name(self, task: Task[Any]) -> str:
        """What a task does."""
        return self.names.get(kind_of(task), type(task).__name__)

    def size(self, task: Task[Any]) -> int:
        """The bytes of a task's result in the store, about."""
        return self.sizes.get(kind_of(task), ENTRY)

    @property
    def missing(self) -> int:
        """The number of tasks to compute."""
        return sum(line.missing for line in self.lines)

    @property
    def seconds(self) -> float:
        """Of one core, over all tasks to compute whose time can be told."""
        return sum((line.missing - line.untold) * (line.seconds or 0.0) for line in self.lines)


@dataclass(frozen=True)
class _Kind:
    """Tasks that differ in their seeds alone; `seconds` of each, or why there is no estimate."""

    name: str
    missing: tuple[Task[Any], ...]
    stored: tuple[Task[Any], ...]
    seconds: float | None = None
    reason: str = ""


def estimate(planned: Plan, store: Store) -> Estimate:
    """Group the tasks by what they do, and time each group, on one core.

    What the store has of a kind is timed by that. Of other kinds a task is tried in brief: trainings for a few steps,
    attacks and audits with few records. This takes some seconds for each kind. Nothing is written to the store.
    """
    states = planned.states(store)
    missing = planned.missing(states)
    kinds = _kinds(planned, states, missing)
    untimed = sum(bool(kind.missing) and not kind.stored for kind in kinds.values())
    stored = {name: kind.stored[0] for name, kind in kinds.items() if kind.stored}
    rehearsal = Rehearsal(
        {source.digest: dataset for source, dataset in planned.sources},
        lambda kind: _value(stored[kind], store) if kind in stored else None,
        min(PER_KIND, IN_ALL / max(1, untimed)),
    )
    timed_by_kind = {key: _timed(kind, store, rehearsal) for key, kind in kinds.items()}
    timed = list(timed_by_kind.values())
    by_name: dict[str, list[_Kind]] = defaultdict(list)
    for kind in timed:
        by_name[kind.name].append(kind)
    gaps = tuple(Gap(kind.name, len(kind.missing), kind.reason) for kind in timed if kind.reason)
    seconds = {key: kind.seconds for key, kind in timed_by_kind.items() if kind.seconds is not None}
    return Estimate(
        tuple(_line(name, held) for name, held in by_name.items()),
        gaps,
        seconds,
        names={key: kind.name for key, kind in kinds.items()},
        sizes={key: _size(kind, store, rehearsal) for key, kind in kinds.items()},
        tasks=missing,
    )


def _kinds(planned: Plan, states: Mapping[str, State], tasks: Sequence[Task[Any]]) -> dict[str, _Kind]:
    missing = {task.digest for task in tasks}
    labels: dict[str, str] = {}
    for trial in planned.trials:
        if trial.play.target is not None:
            labels.setdefault(trial.play.target.recipe.digest, trial.row)
    grouped: dict[str, list[Task[Any]]] = defaultdict(list)
    for task in planned.tasks:
        grouped[kind_of(task)].append(task)
    return {
        kind: _Kind(
            _name(tasks[0], labels),
            tuple(task for task in tasks if task.digest in missing),
            tuple(task for task in tasks if states[task.digest] is State.PRESENT),
        )
        for kind, tasks in grouped.items()
    }


def _name(task: Task[Any], labels: Mapping[str, str]) -> str:
    match task:
        case Train():
            return f"Train {labels.get(task.recipe.digest, 'by another recipe')}"
        case Derive():
            return f"Derive {task.method}"
        case Score():
            return f"Score {task.scorer}"
        case Play():
            return f"Play {task.probe}"
    return type(task).__name__


def _value(task: Task[Any], store: Store) -> Any | None:
    try:
        return store.load(task)
    except (NotStored, Damaged):
        return None


def _size(kind: _Kind, store: Store, rehearsal: Rehearsal) -> int:
    """Bytes of a stored result of the kind, else of the tensors of one that was tried, beside its JSON."""
    if kind.stored:
        with suppress(AmuletError, OSError):
            return store.size(kind.stored[0])
    return ENTRY + sum(rehearsal.size(task) for task in kind.missing[:1])


def _timed(kind: _Kind, store: Store, rehearsal: Rehearsal) -> _Kind:
    """The same, with the seconds that a task takes, or why there are none."""
    made = [found["seconds"] for task in kind.stored[:TIMED] if (found := store.made(task)) is not None]
    if made:
        return _Kind(kind.name, kind.missing, kind.stored, fmean(made))
    tried = [task for task in kind.missing if isinstance(task, _TRIED)]
    if not tried:
        return kind
    try:
        return _Kind(kind.name, kind.missing, kind.stored, rehearsal.seconds(tried[0]))
    except Untold as error:
        return _Kind(kind.name, kind.missing, kind.stored, reason=str(error))


_TRIED: Final = (Train, Derive, Score, Play, Measure, MeasureByGroup, MeasureByChance, Tabulate, Exhibit)
"""All but data sets, which the plan has read already."""


def _line(name: str, kinds: Sequence[_Kind]) -> Line:
    times = [(kind.seconds, max(1, len(kind.missing))) for kind in kinds if kind.seconds is not None]
    told = sum(count for _, count in times)
    return Line(
        name,
        missing=sum(len(kind.missing) for kind in kinds),
        stored=sum(len(kind.stored) for kind in kinds),
        seconds=sum(seconds * count for seconds, count in times) / told if told else None,
        untold=sum(len(kind.missing) for kind in kinds if kind.reason),
    )
