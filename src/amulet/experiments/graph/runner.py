"""Compute the tasks that the store has no result of, inputs first, in this process or in other ones."""

import heapq
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from contextlib import nullcontext
from dataclasses import dataclass, fields
from enum import StrEnum
from graphlib import TopologicalSorter
from time import perf_counter
from typing import Any, Final

import torch

from amulet.core.errors import AmuletError, Unwritable, UserCodeFailed
from amulet.core.processes.worker_processes import WorkerLost, WorkersUnusable
from amulet.core.user_code.containment import contained, text_of, told
from amulet.experiments.graph.executors.local import Inline, executing
from amulet.experiments.graph.executors.protocol import Executor
from amulet.experiments.graph.failures import SHOWN, Failure, RunFailed, traceback_of
from amulet.experiments.graph.plays import Exhibit, Measure, MeasureByChance, MeasureByGroup, Tabulate
from amulet.experiments.graph.store import Damaged, NewerStore, NotStored, State, Store
from amulet.experiments.graph.surroundings import known_surroundings
from amulet.experiments.graph.tasks import Backend, Task

log = logging.getLogger(__name__)
OnDone = Callable[[Task[Any]], None]

AHEAD: Final = 2
"""Jobs that are submitted at one time for each slot of an executor: one is computed while one waits."""

TRIES: Final = 3
"""How often a task is started, if its worker process dies each time, before it counts as failed."""

CHANGED: Final = "its source files changed after the assessment was planned. Start again."


class Ending(StrEnum):
    """How the computation of a task ended."""

    STORED = "stored"
    FAILED = "failed"
    INPUT_DAMAGED = "input damaged"
    INPUT_ABSENT = "input absent"
    UNWRITABLE = "unwritable"


@dataclass(frozen=True)
class Answer:
    """The answer of a job: whether the task's result is stored, and if not, why.

    Attributes:
        ending: how the computation ended.
        reason: why there is no result, a phrase or a sentence; empty if there is one.
        input: the digest of the input that is damaged or absent, if that is the reason.
        traceback: where an error of the task's code was raised.
    """

    ending: Ending
    reason: str = ""
    input: str | None = None
    traceback: str = ""


@dataclass(frozen=True)
class Job:
    """One task in the form in which it is sent to the process that computes it.

    Attributes:
        task: the task to compute.
        digest: the task's digest when it was planned. If it differs where the task is computed, code has changed.
        store: holds the task's inputs and receives its result.
    """

    task: Task[Any]
    digest: str
    store: Store

    def __call__(self) -> Answer:
        """Compute the task and store its result. Errors of the task's code are not raised but returned as an answer."""
        try:
            return self._computed()
        except Unwritable as error:
            if error.place.is_relative_to(self.store.root):
                return Answer(Ending.UNWRITABLE, str(error))
            return Answer(Ending.FAILED, str(error), traceback=traceback_of(error))
        except NewerStore as error:
            return Answer(Ending.UNWRITABLE, str(error))
        except UserCodeFailed as error:
            return Answer(Ending.FAILED, str(error), traceback=traceback_of(error))
        except Exception as error:
            log.debug("Task %s failed", self.digest, exc_info=True)
            return Answer(Ending.FAILED, told(error), traceback=traceback_of(error))

    def _computed(self) -> Answer:
        try:
            with contained("its code"):
                if self.task.digest != self.digest:
                    return Answer(Ending.FAILED, CHANGED)
                if self.store.verify(self.task) is State.PRESENT:  # this job is started anew, or another run was faster
                    return Answer(Ending.STORED)
                compute(self.task, self.store)
        except Damaged as error:
            return Answer(Ending.INPUT_DAMAGED, f"{error} {set_aside(error.task, self.store)}", error.task.digest)
        except NotStored as error:
            return Answer(Ending.INPUT_ABSENT, str(error), error.task.digest)
        return Answer(Ending.STORED)


def compute(task: Task[Any], store: Store) -> None:
    """Compute one task from results in the store, under the same process-wide settings for every task, and store it.

    Raises:
        AmuletError: this process has another torch version or device than the task was planned for.
        Unwritable: the result cannot be stored.
        Damaged: the stored result of an input is damaged.
    """
    backend = next(_backends(task), Backend())
    _check_backend(backend)
    with known_surroundings(getattr(task, "seed", 0), backend.device):
        started = perf_counter()
        value = task.compute(store)
        seconds = perf_counter() - started
    store.save(task, value, seconds)


def set_aside(task: Task[Any], store: Store) -> str:
    """Move a damaged entry of the store aside, so that it is computed again. Returns a sentence that says so."""
    aside = store.set_aside(task)
    where = f"moved to {aside}" if aside else "another process has set it aside"
    return f"{type(task).__name__} {task.digest[:12]} is damaged and will be computed again ({where})."


@dataclass(frozen=True)
class RunResult:
    """What a run could not do.

    Attributes:
        damaged: the digests of inputs that were found damaged and moved aside. Tasks that need them are not computed;
            call `Plan.missing` again to have these inputs computed too.
        failures: by the digests of the tasks that failed. Tasks that depend on them are not computed and not listed.
    """

    damaged: set[str]
    failures: dict[str, Failure]


def run(
    tasks: Sequence[Task[Any]],
    store: Store,
    *,
    workers: int = 1,
    on_done: OnDone = lambda _: None,
    executor: Executor | None = None,
) -> RunResult:
    """Compute tasks whose results are not in the store, each after its inputs.

    If a task fails, tasks that do not depend on it are still computed. If the run is interrupted, only the tasks that
    are being computed are lost.

    Args:
        tasks: the tasks, started in this order as far as their inputs allow.
        store: holds the inputs that are not among the tasks, and receives the results.
        workers: the number of worker processes on this machine; with 1, tasks are computed in this process.
        on_done: called with each task that was computed or that failed.
        executor: computes the tasks instead of worker processes on this machine, for instance on a cluster.

    Raises:
        RunFailed: the store cannot be written. It is raised at once.
        WorkersUnusable: worker processes do not start. It is raised at once.
    """
    with nullcontext(executor) if executor is not None else executing(workers) as chosen:
        state = _Run(tasks, store, on_done)
        state.carry_out(chosen)
    return RunResult(state.damaged, state.failures)


class _Run:
    """The state of one run: tasks that are ready, tasks that are being computed, and failures."""

    def __init__(self, tasks: Sequence[Task[Any]], store: Store, on_done: OnDone) -> None:
        self.failures: dict[str, Failure] = {}
        self.damaged: set[str] = set()
        self._tasks, self._store, self._on_done = tasks, store, on_done
        self._places = {task.digest: place for place, task in enumerate(tasks)}
        self._sorter = TopologicalSorter(
            {place: [self._places[item.digest] for item in task.inputs if item.digest in self._places]
             for place, task in enumerate(tasks)}
        )  # fmt: skip
        self._ready: list[int] = []
        self._light: list[int] = []
        self._tries: Counter[str] = Counter()

    def carry_out(self, executor: Executor) -> None:
        """Submit jobs to the executor as their inputs get ready, and compute quick tasks in this process meanwhile."""
        several = not isinstance(executor, Inline)
        running: dict[Future[Answer], Task[Any]] = {}
        self._sorter.prepare()
        self._add_ready(several)
        while running or self._ready or self._light:
            room = executor.slots * AHEAD if several else 1  # workers of a cluster come and go
            while self._ready and len(running) < room:
                task = self._tasks[heapq.heappop(self._ready)]
                running[executor.submit(self._job(task))] = task
            if self._light:
                task = self._tasks[heapq.heappop(self._light)]
                self._settle(task, self._job(task)())
                finished = [future for future in running if future.done()]
            else:
                finished = list(wait(running, return_when=FIRST_COMPLETED).done)
            for future in finished:
                task = running.pop(future)
                self._settle(task, self._answer(task, future))
            self._add_ready(several)

    def _job(self, task: Task[Any]) -> Job:
        return Job(task, task.digest, self._store)

    def _add_ready(self, several: bool) -> None:
        for place in self._sorter.get_ready():
            heapq.heappush(self._light if several and _is_light(self._tasks[place]) else self._ready, place)

    def _answer(self, task: Task[Any], future: "Future[Answer]") -> Answer | None:
        """The answer of a finished job; None if its worker process died and the task is started again."""
        try:
            return future.result()
        except WorkersUnusable:
            raise
        except WorkerLost as error:
            self._tries[task.digest] += error.deaths
            if self._tries[task.digest] < TRIES:
                log.warning("%s: %s. It is tried again.", text_of(task), error)
                heapq.heappush(self._ready, self._places[task.digest])
                return None
            return Answer(Ending.FAILED, f"{error}, {self._tries[task.digest]} times. {error.advice}")
        except AmuletError as error:
            return Answer(Ending.FAILED, str(error))
        except Exception as error:  # noqa: BLE001 - a task that cannot travel, or an executor of the user's own
            return Answer(Ending.FAILED, told(error), traceback=traceback_of(error))

    def _settle(self, task: Task[Any], answer: Answer | None) -> None:
        """Record how a task ended. A failed task is not marked as done, so tasks that depend on it never get ready."""
        if answer is None:
            return
        match answer.ending:
            case Ending.STORED:
                self._sorter.done(self._places[task.digest])
            case Ending.FAILED:
                self._fail(task, answer)
            case Ending.INPUT_DAMAGED:
                log.warning("%s", answer.reason)
                self.damaged.add(str(answer.input))
            case Ending.INPUT_ABSENT:
                self.damaged.add(str(answer.input))  # another process has set it aside or deleted it
            case Ending.UNWRITABLE:
                raise RunFailed(f"{answer.reason} What was computed before is kept.")
        self._on_done(task)

    def _fail(self, task: Task[Any], answer: Answer) -> None:
        failure = Failure(text_of(task), answer.reason, answer.traceback)
        self.failures[task.digest] = failure
        if len(self.failures) <= SHOWN:
            log.warning("Failed: %s", failure)
        elif len(self.failures) == SHOWN + 1:
            log.warning("More tasks failed; they are all told at the end.")


def _is_light(task: Task[Any]) -> bool:
    """Whether a task takes milliseconds: a metric or exhibit that is computed from an outcome by Amulet's own code."""
    match task:
        case Measure() | MeasureByGroup() | MeasureByChance():
            return type(task.metric).__module__.startswith("amulet.")
        case Tabulate():
            return task.outcome.probe.outcome_type.__module__.startswith("amulet.")
        case Exhibit():
            return type(task.probe).__module__.startswith("amulet.")
    return False


def _backends(task: Task[Any]) -> Iterator[Backend]:
    """The backends that a task and its inputs, at any depth, are planned for."""
    yield from (value for item in fields(task) if isinstance(value := getattr(task, item.name), Backend))
    for item in task.inputs:
        yield from _backends(item)


def _check_backend(backend: Backend) -> None:
    if backend.torch != torch.__version__:
        raise AmuletError(f"It is to be computed with torch {backend.torch}. Here is torch {torch.__version__}.")
    if backend.device.startswith("cuda") and not torch.cuda.is_available():
        raise AmuletError(f"It is to be computed on the device '{backend.device}'. torch finds no GPU here.")
