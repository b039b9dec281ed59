"""The main job: plan, compute what is missing, collect."""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amulet.core.data import AmuletDataset
from amulet.core.errors import InvalidParameter, Problem
from amulet.core.files import StrPath
from amulet.experiments.graph.executors import Executor
from amulet.experiments.graph.runner import RunFailed, run, set_aside
from amulet.experiments.graph.store import Damaged, NotStored, State, Store
from amulet.experiments.graph.tasks import Task
from amulet.experiments.planning.experiment import Experiment
from amulet.experiments.planning.plan import Plan, extended, plan
from amulet.experiments.results.collect import collect
from amulet.experiments.results.results import Results

log = logging.getLogger(__name__)
DEFAULT_STORE = Path("runs/store")
MOST_WORKERS = 1024
"""Processes; more than any machine has cores."""


@dataclass(frozen=True)
class Progress:
    """Progress callbacks.

    Attributes:
        start: told how many tasks are to be computed; once, or once for each look at a growing number of seeds.
        done: told of each task.
        look: told how many rows of attacks and audits are undecided, and up to how many seeds they go on.
    """

    start: Callable[[int], None] = lambda _: None
    done: Callable[[Task[Any]], None] = lambda _: None
    look: Callable[[int, int], None] = lambda *_: None


def assess(
    experiment: Experiment,
    *,
    dataset: AmuletDataset | None = None,
    store: StrPath = DEFAULT_STORE,
    device: str = "cpu",
    workers: int | None = None,
    progress: Progress = Progress(),
    executor: Executor | None = None,
) -> Results:
    """Train, attack and measure all that the store does not have yet.

    With more than one worker, a script that calls this must do so under `if __name__ == "__main__":`, since
    worker processes import the script.

    Args:
        experiment: what to assess.
        dataset: the records, where the experiment names no data set.
        store: folder of results, shared by any number of experiments and processes.
        device: "cpu" or a CUDA device.
        workers: processes; by default one per core, and one on a GPU.
        progress: told of the work.
        executor: where to compute instead of on this machine, such as a cluster whose machines see the store.

    Raises:
        InvalidParameter: the experiment cannot be run; all problems at once, before any training.
        RunFailed: some tasks failed, or the store cannot be written; what was computed is kept.
        UserCodeFailed: code of the user's own tried to end the program while the work was planned.
    """
    check_workers(workers)
    _, results = carry_out(plan(experiment, dataset, device), Store(Path(store)), workers, progress, executor)
    return results


def carry_out(
    planned: Plan,
    store: Store,
    workers: int | None = None,
    progress: Progress = Progress(),
    executor: Executor | None = None,
) -> tuple[Plan, Results]:
    """Compute what a plan lacks and collect its results; go on while looks are left and cells undecided.

    An entry that turns out to be damaged is named, set aside and computed again. Arguments as for `assess`.
    """
    check_workers(workers)
    for notice in planned.notices:
        log.warning("%s", notice)
    mended: set[str] = set()
    while True:
        missing = planned.missing(prepare(planned, store))
        progress.start(len(missing))
        chosen = workers or workers_for(planned)
        damaged = run(missing, store, workers=chosen, on_done=progress.done, executor=executor) if missing else set()
        results = _collected(planned, store) if not damaged else damaged.pop()
        if isinstance(results, str):
            mended = _mended_once(mended, {results, *damaged})
            continue
        following = _following(planned, results)
        if following is None:
            return planned, results
        progress.look(len(results.undecided), following.seeds)
        planned = following


def resumed(planned: Plan, store: Store) -> Plan:
    """The plan up to the look at which its work stands: the first that the store has not all results of."""
    while not planned.missing(planned.states(store)):
        results = _collected(planned, store)
        if isinstance(results, str):
            continue
        following = _following(planned, results)
        if following is None:
            break
        planned = following
    return planned


def verified(planned: Plan, store: Store) -> dict[str, State]:
    """What the store has of the plan, every byte checked; what is damaged is named and set aside."""
    for task in planned.tasks:
        if store.verify(task) is State.DAMAGED:
            log.warning("%s", set_aside(task, store))
    return planned.states(store)


def _collected(planned: Plan, store: Store) -> Results | str:
    """The results; where one is damaged, or has just been set aside by another process, the name of its entry."""
    try:
        return collect(planned, store)
    except Damaged as error:
        log.warning("%s %s", error, set_aside(error.task, store))
        return error.task.digest
    except NotStored as error:
        return error.task.digest


def _mended_once(before: set[str], now: set[str]) -> set[str]:
    """All entries that were set aside in this run; one that is damaged again will not be mended by computing it."""
    if again := sorted(before & now):
        entries = ", ".join(digest[:12] for digest in again)
        raise RunFailed(f"Results that were just computed cannot be read back: {entries}. The warnings say why.")
    return before | now


def _following(planned: Plan, results: Results) -> Plan | None:
    undecided = results.undecided
    return extended(planned, undecided) if undecided and planned.seeds < planned.experiment.looks[-1] else None


def prepare(planned: Plan, store: Store) -> dict[str, State]:
    """What the store has of the plan, the data set put in; what is no file with a result is named and set aside."""
    states = planned.states(store)
    for task in planned.tasks:
        if states[task.digest] is State.DAMAGED:
            log.warning("%s", set_aside(task, store))
            states[task.digest] = store.state(task)
    for source, dataset in planned.sources:
        if states.get(source.digest) is not State.PRESENT:
            store.save(source, dataset, seconds=0.0)
            states[source.digest] = State.PRESENT
    return states


def check_workers(workers: int | None) -> None:
    """Raise InvalidParameter unless so many processes can be started; None leaves their number to Amulet."""
    is_number = isinstance(workers, int) and not isinstance(workers, bool)
    if workers is not None and not (is_number and 1 <= workers <= MOST_WORKERS):
        allowed = f"a whole number from 1 to {MOST_WORKERS}, or None for one per core"
        raise InvalidParameter([Problem.of("workers", "assess", allowed, workers)])


def workers_for(planned: Plan) -> int:
    """One process for a GPU, which they would share; else one per core."""
    return 1 if planned.device.startswith("cuda") else cores()


def cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
