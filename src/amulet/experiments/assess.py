"""`assess`: plan an experiment, compute all results that the store lacks, and collect them."""

import errno
import logging
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import torch

from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidParameter, Problem
from amulet.core.processes.worker_processes import end_if_imported_by_worker
from amulet.core.storage.files import StrPath
from amulet.experiments.graph.executors.addresses import LOCAL, Place, check_address, executor_at
from amulet.experiments.graph.executors.protocol import Executor
from amulet.experiments.graph.executors.slurm_requests import Needs
from amulet.experiments.graph.failures import Failure, RunFailed, told_failures, with_dependents
from amulet.experiments.graph.runner import run, set_aside
from amulet.experiments.graph.store import Damaged, NotStored, State, Store
from amulet.experiments.graph.tasks import Task
from amulet.experiments.planning.estimate import estimate
from amulet.experiments.planning.experiment import Experiment
from amulet.experiments.planning.memory_needed import gigabytes_needed
from amulet.experiments.planning.plan import Plan, extended, plan
from amulet.experiments.results.collect import collect
from amulet.experiments.results.results import Results

log = logging.getLogger(__name__)
DEFAULT_STORE = Path("runs/store")
MOST_WORKERS = 1024
"""The largest number of worker processes that can be asked for."""


@dataclass(frozen=True)
class Progress:
    """Functions that are called as the work advances.

    Attributes:
        start: called with the number of tasks to compute; once, or once for each look if seeds are added until
            verdicts are decided.
        done: called with each task that was computed.
        look: called with the number of pairs of a row and a probe that are undecided, and with the number of seeds up
            to which these are continued.
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
    on: str | Executor = LOCAL,
    time_limit: float | None = None,
) -> Results:
    """Train, attack and measure whatever the store has no results of yet, and return all results.

    If a task fails, all others are computed that do not depend on it. The values that do are undefined, with the
    reason; `failures` of the results has the tasks with their tracebacks. The next call tries them again.

    A script that calls this with more than one worker must do so under `if __name__ == "__main__":`, since worker
    processes import the script.

    Args:
        experiment: the experiment to assess.
        dataset: the records, if the experiment names no data set.
        store: the folder of stored results, which any number of experiments and processes can share.
        device: "cpu" or a CUDA device such as "cuda:0".
        workers: the number of worker processes; by default one per core, and one on a GPU.
        progress: functions that are called as the work advances.
        on: where tasks are computed: "local", "dask://host:port" or "slurm:partition=gpu,jobs=64"; the guide on
            clusters has all options. The machines of a cluster must see the store under the same path. Or an executor
            of your own.
        time_limit: the seconds that a task may take; one that takes longer is stopped and has failed.

    Raises:
        WorkersUnusable: the cluster cannot be used.
        InvalidParameter: the experiment cannot be run. All problems are reported together, before any training.
        RunFailed: so much failed that there is no value at all, or the store cannot be written. Results that were
            computed are kept.
        UserCodeFailed: user code tried to end the program while the experiment was planned.
    """
    end_if_imported_by_worker()
    placed(on, workers, device, time_limit)  # whatever is wrong with it is told before the data set is read
    kept = store_at(store)
    _, results = carry_out(plan(experiment, dataset, device), kept, workers, progress, on, time_limit)
    return results


def carry_out(
    planned: Plan,
    store: Store,
    workers: int | None = None,
    progress: Progress = Progress(),
    on: str | Executor = LOCAL,
    time_limit: float | None = None,
) -> tuple[Plan, Results]:
    """Compute the missing results of a plan and collect all of them; the plan is part of what is returned.

    If the experiment adds seeds until verdicts are decided, the plan is extended and computed further as long as
    verdicts are undecided and seeds are left. A stored result that is found damaged is reported in a warning, moved
    aside and computed again. The arguments are those of `assess`.
    """
    place = placed(on, workers, planned.device, time_limit)
    for notice in planned.notices:
        log.warning("%s", notice)
    mended: set[str] = set()
    failures: dict[str, Failure] = {}
    while True:
        failed = with_dependents(failures, planned.tasks)
        missing = [task for task in planned.missing(prepare(planned, store)) if task.digest not in failed]
        progress.start(len(missing))
        damaged = set[str]()
        if missing:
            with executor_at(place, store.root, _needs(planned, store)) as chosen:
                done = run(missing, store, on_done=progress.done, executor=chosen)
            damaged, failures = done.damaged, failures | done.failures
        results = _collected(planned, store, failures) if not damaged else damaged.pop()
        if isinstance(results, str):
            mended = _mended_once(mended, {results, *damaged})
            continue
        _require_a_value(results)
        following = _following(planned, results)
        if following is None:
            return planned, results
        progress.look(len(results.undecided), following.seeds)
        planned = following


def resumed(planned: Plan, store: Store) -> Plan:
    """The plan, extended up to the first look whose results are not all in the store."""
    while not planned.missing(planned.states(store)):
        results = _collected(planned, store)
        if isinstance(results, str):
            continue
        following = _following(planned, results)
        if following is None:
            break
        planned = following
    return planned


def inspected(planned: Plan, store: Store, *, every_byte: bool) -> tuple[Plan, dict[str, State]]:
    """The plan with the seeds that were added already, and what the store has of each of its tasks.

    Args:
        planned: up to the first look.
        store: where results are kept.
        every_byte: whether to read all entries. What is damaged is set aside, and counts as damaged.
    """
    first = verified(planned, store) if every_byte else {}
    planned = resumed(planned, store)
    states = verified(planned, store) if every_byte else planned.states(store)
    damaged = {digest for digest, state in first.items() if state is State.DAMAGED}
    return planned, states | dict.fromkeys(damaged & states.keys(), State.DAMAGED)


def verified(planned: Plan, store: Store) -> dict[str, State]:
    """Which results of the plan are in the store, after checking their content.

    Damaged results are reported in a warning and moved aside.
    """
    damaged = []
    for task in planned.tasks:
        if store.verify(task) is State.DAMAGED:
            log.warning("%s", set_aside(task, store))
            damaged.append(task.digest)
    return planned.states(store) | dict.fromkeys(damaged, State.DAMAGED)


def _require_a_value(results: Results) -> None:
    """Raise RunFailed if tasks failed and nothing has a value: such results would only replace better ones."""
    if results.failures and all(value.value is None for value in results.values):
        raise RunFailed(told_failures(results.failures, "nothing could be measured"))


def _collected(planned: Plan, store: Store, failures: Mapping[str, Failure] | None = None) -> Results | str:
    """All results; if one is damaged, or another process has just moved it aside, the digest of its task instead."""
    try:
        return collect(planned, store, failures)
    except Damaged as error:
        log.warning("%s %s", error, set_aside(error.task, store))
        return error.task.digest
    except NotStored as error:
        return error.task.digest


def _mended_once(before: set[str], now: set[str]) -> set[str]:
    """The digests of all results that were moved aside in this run.

    Raises:
        RunFailed: a result is damaged for the second time, so that computing it again does not help.
    """
    if again := sorted(before & now):
        entries = ", ".join(digest[:12] for digest in again)
        raise RunFailed(f"Results that were just computed cannot be read back: {entries}. The warnings say why.")
    return before | now


def _following(planned: Plan, results: Results) -> Plan | None:
    undecided = results.undecided
    return extended(planned, undecided) if undecided and planned.seeds < planned.experiment.looks[-1] else None


def prepare(planned: Plan, store: Store) -> dict[str, State]:
    """Store the data sets of a plan, and return which of its results are in the store.

    Whatever lies in the place of a result without being one is reported in a warning and moved aside.
    """
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
    """Raise InvalidParameter unless this is a valid number of worker processes; with None, Amulet chooses it."""
    is_number = isinstance(workers, int) and not isinstance(workers, bool)
    if workers is not None and not (is_number and 1 <= workers <= MOST_WORKERS):
        allowed = f"a whole number from 1 to {MOST_WORKERS}, or None for one per core"
        raise InvalidParameter([Problem.of("workers", "assess", allowed, workers)])


def check_time_limit(seconds: float | None) -> None:
    """Raise InvalidParameter unless this is a valid time limit; None means that there is none."""
    is_number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    if seconds is not None and not (is_number and 0 < seconds < float("inf")):
        allowed = "a number of seconds above 0, or None for no limit"
        raise InvalidParameter([Problem.of("time_limit", "assess", allowed, seconds)])


def placed(on: str | Executor, workers: int | None, device: str, time_limit: float | None = None) -> Place:
    """Where tasks are computed. The arguments are those of `assess`.

    Raises:
        InvalidParameter: an argument is not valid, or `workers` is given for a cluster.
    """
    check_workers(workers)
    check_time_limit(time_limit)
    check_address(on)
    if workers is not None and on != LOCAL:
        allowed = "left out where tasks are computed elsewhere than on this machine"
        raise InvalidParameter([Problem.of("workers", "assess", allowed, workers)])
    return Place(on, workers or workers_for(device), device, time_limit)


def store_at(place: StrPath) -> Store:
    """The store in a folder.

    Raises:
        InvalidParameter: it is a URL, or no folder can have such a path.
    """
    if re.match("[a-z][a-z0-9+.-]+:/", str(place)):
        allowed = "a folder, which the machines of a cluster share; URLs are not supported"
        raise InvalidParameter([Problem.of("store", "assess", allowed, str(place))])
    if not _is_possible(Path(place)):
        raise InvalidParameter([Problem.of("store", "assess", "a path that a folder can have", str(place))])
    return Store(Path(place))


def _is_possible(place: Path) -> bool:
    """Whether there can be such a path: no name in it is too long or has a NUL."""
    try:
        place.lstat()
    except ValueError:
        return False
    except OSError as error:
        return error.errno != errno.ENAMETOOLONG
    return True


def _needs(planned: Plan, store: Store) -> Needs:
    """What the tasks of a plan need; nothing is estimated before it is asked for."""
    estimated = cache(lambda: estimate(planned, store))
    return Needs(
        seconds=lambda task: estimated().of(task),
        gigabytes=cache(lambda: gigabytes_needed(planned)),
        gpu=planned.device.startswith("cuda"),
    )


def workers_for(device: str) -> int:
    """The default number of worker processes: one per core; on "cuda" one per GPU, and one on a GPU with a number."""
    if device == "cuda":
        return max(1, torch.cuda.device_count())
    return 1 if device.startswith("cuda") else cores()


def cores() -> int:
    """The number of processor cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
