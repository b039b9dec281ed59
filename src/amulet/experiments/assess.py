"""The main job: plan, compute what is missing, collect."""

import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from amulet.core.data import AmuletDataset
from amulet.experiments.collect import collect
from amulet.experiments.experiment import Experiment
from amulet.experiments.plan import Plan, extended, plan
from amulet.experiments.results import Results
from amulet.experiments.runner import run
from amulet.experiments.store import State, Store
from amulet.experiments.tasks import Task

log = logging.getLogger(__name__)
DEFAULT_STORE = Path("runs/store")


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
    store: str | Path = DEFAULT_STORE,
    device: str = "cpu",
    workers: int | None = None,
    progress: Progress = Progress(),
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

    Raises:
        InvalidParameter: the experiment cannot be run; all problems at once, before any training.
        RunFailed: some tasks failed; the rest is stored.
    """
    _, results = carry_out(plan(experiment, dataset, device), Store(Path(store)), workers, progress)
    return results


def carry_out(
    planned: Plan, store: Store, workers: int | None = None, progress: Progress = Progress()
) -> tuple[Plan, Results]:
    """Compute what a plan lacks and collect its results; go on while looks are left and cells undecided."""
    for notice in planned.notices:
        log.warning("%s", notice)
    while True:
        missing = planned.missing(prepare(planned, store))
        progress.start(len(missing))
        if missing:
            run(missing, store, workers=workers or _workers_for(planned), on_done=progress.done)
        results = collect(planned, store)
        following = _following(planned, results)
        if following is None:
            return planned, results
        progress.look(len(results.undecided), following.seeds)
        planned = following


def resumed(planned: Plan, store: Store) -> Plan:
    """The plan up to the look at which its work stands: the first that the store has not all results of."""
    while not planned.missing(planned.states(store)):
        following = _following(planned, collect(planned, store))
        if following is None:
            break
        planned = following
    return planned


def _following(planned: Plan, results: Results) -> Plan | None:
    undecided = results.undecided
    return extended(planned, undecided) if undecided and planned.seeds < planned.experiment.looks[-1] else None


def prepare(planned: Plan, store: Store) -> dict[str, State]:
    """What the store has of the plan, damaged entries named and set aside, the data set put in."""
    states = planned.states(store)
    for task in planned.tasks:
        if states[task.digest] is State.DAMAGED and (aside := store.set_aside(task)):
            name = f"{type(task).__name__} {task.digest[:12]}"
            log.warning("%s is damaged and will be computed again (moved to %s).", name, aside)
    for source, dataset in planned.sources:
        if states.get(source.digest) is not State.PRESENT:
            store.save(source, dataset, seconds=0.0)
            states[source.digest] = State.PRESENT
    return states


def _workers_for(planned: Plan) -> int:
    """One process for a GPU, which they would share; else one per core."""
    return 1 if planned.device.startswith("cuda") else cores()


def cores() -> int:
    """Processors this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
