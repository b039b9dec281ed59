"""Computes what the store lacks: one loop over the graph of tasks, wherever the tasks themselves are computed."""

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

from amulet.core.containment import contained, text_of, told
from amulet.core.errors import AmuletError, Unwritable, UserCodeFailed
from amulet.experiments.graph.executors import Executor, WorkerLost, WorkersUnusable, executing
from amulet.experiments.graph.plays import Measure, MeasureByGroup, Trace
from amulet.experiments.graph.store import Damaged, NotStored, Store
from amulet.experiments.graph.surroundings import known_surroundings
from amulet.experiments.graph.tasks import Backend, Task

log = logging.getLogger(__name__)
OnDone = Callable[[Task[Any]], None]

AHEAD: Final = 2
"""Jobs in flight for each slot of an executor: one that is computed, one that waits."""

TRIES: Final = 3
"""How often a task is begun whose worker process dies, before it is given up."""

CHANGED: Final = "its source files changed after the assessment was planned. Start again."

SHOWN: Final = 10
"""Failures that are told one by one."""


class RunFailed(AmuletError):  # noqa: N818
    """Some tasks could not be computed; everything else was, and is kept."""


class Ending(StrEnum):
    """How the computation of a task ended."""

    STORED = "stored"
    FAILED = "failed"
    INPUT_DAMAGED = "input damaged"
    INPUT_ABSENT = "input absent"
    UNWRITABLE = "unwritable"


@dataclass(frozen=True)
class Answer:
    """What became of a task.

    Attributes:
        ending: how it ended.
        reason: a sentence, where it has no result.
        input: the digest of the damaged or absent input.
    """

    ending: Ending
    reason: str = ""
    input: str | None = None


@dataclass(frozen=True)
class Job:
    """One task as it travels to where it is computed.

    Attributes:
        task: to compute.
        digest: under which its result is expected.
        store: that has its inputs and takes its result.
    """

    task: Task[Any]
    digest: str
    store: Store

    def __call__(self) -> Answer:
        """Compute the task and store its value; whatever its code raises is an answer too."""
        try:
            return self._computed()
        except Unwritable as error:
            if error.place.is_relative_to(self.store.root):
                return Answer(Ending.UNWRITABLE, str(error))
            return Answer(Ending.FAILED, f"{text_of(self.task)}: {error}")
        except UserCodeFailed as error:
            return Answer(Ending.FAILED, f"{text_of(self.task)}: {error}")
        except Exception as error:
            log.debug("Task %s failed", self.digest, exc_info=True)
            return Answer(Ending.FAILED, f"{text_of(self.task)}: {told(error)}")

    def _computed(self) -> Answer:
        try:
            with contained("its code"):
                if self.task.digest != self.digest:
                    return Answer(Ending.FAILED, f"{text_of(self.task)}: {CHANGED}")
                compute(self.task, self.store)
        except Damaged as error:
            return Answer(Ending.INPUT_DAMAGED, f"{error} {set_aside(error.task, self.store)}", error.task.digest)
        except NotStored as error:
            return Answer(Ending.INPUT_ABSENT, f"{text_of(self.task)}: {error}", error.task.digest)
        return Answer(Ending.STORED)


def compute(task: Task[Any], store: Store) -> None:
    """Compute one task from what the store has, in surroundings that are the same for each, and store its value.

    Raises:
        AmuletError: another torch or device than the task's models are known by would compute it.
        Unwritable: its value cannot be stored.
        Damaged: an input is not what was written.
    """
    backend = next(_backends(task), Backend())
    _check_backend(backend)
    with known_surroundings(getattr(task, "seed", 0), backend.device):
        started = perf_counter()
        value = task.compute(store)
        seconds = perf_counter() - started
    store.save(task, value, seconds)


def set_aside(task: Task[Any], store: Store) -> str:
    """Set a damaged entry aside, so that it is computed again; a sentence that says so."""
    aside = store.set_aside(task)
    where = f"moved to {aside}" if aside else "another process has set it aside"
    return f"{type(task).__name__} {task.digest[:12]} is damaged and will be computed again ({where})."


def run(
    tasks: Sequence[Task[Any]],
    store: Store,
    *,
    workers: int,
    on_done: OnDone = lambda _: None,
    executor: Executor | None = None,
) -> set[str]:
    """Compute tasks, none of which is in the store, inputs before what needs them.

    What does not depend on a failing task goes on. Interrupted at any moment, only tasks in flight are lost.

    Args:
        tasks: in the order in which they are begun, as far as their inputs allow.
        store: has the inputs that are not among the tasks, and takes the results.
        workers: processes of this machine; 1 computes in this process.
        on_done: told of each task that was computed or failed.
        executor: where to compute instead, such as on a cluster.

    Returns:
        Digests of inputs that were found damaged and set aside. What needs them is not computed: plan again.

    Raises:
        RunFailed: at the end, naming what failed.
        Unwritable: at once, where the store cannot take results.
        WorkersUnusable: at once, where worker processes do not start.
    """
    with nullcontext(executor) if executor is not None else executing(workers) as chosen:
        state = _Run(tasks, store, on_done)
        state.carry_out(chosen)
    if state.failures:
        shown = [f"{len(state.failures)} tasks failed; all others are stored:", *state.failures[:SHOWN]]
        more = [f"... and {len(state.failures) - SHOWN} more."] if len(state.failures) > SHOWN else []
        raise RunFailed("\n".join([*shown, *more]))
    return state.damaged


class _Run:
    """The state of one run: what is ready, what is in flight, what went wrong."""

    def __init__(self, tasks: Sequence[Task[Any]], store: Store, on_done: OnDone) -> None:
        self.failures: list[str] = []
        self.damaged: set[str] = set()
        self._absent: list[Answer] = []
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
        """Keep a few jobs in flight, and meanwhile compute here what takes milliseconds."""
        several = executor.slots > 1
        room = executor.slots * AHEAD if several else 1
        running: dict[Future[Answer], Task[Any]] = {}
        self._sorter.prepare()
        self._add_ready(several)
        while running or self._ready or self._light:
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
        self.failures += [answer.reason for answer in self._absent if answer.input not in self.damaged]

    def _job(self, task: Task[Any]) -> Job:
        return Job(task, task.digest, self._store)

    def _add_ready(self, several: bool) -> None:
        for place in self._sorter.get_ready():
            heapq.heappush(self._light if several and _is_light(self._tasks[place]) else self._ready, place)

    def _answer(self, task: Task[Any], future: "Future[Answer]") -> Answer | None:
        """None where the task is to be tried again."""
        try:
            return future.result()
        except WorkersUnusable:
            raise
        except WorkerLost as error:
            self._tries[task.digest] += 1
            if self._tries[task.digest] < TRIES:
                log.warning("%s: %s. It is tried again.", text_of(task), error)
                heapq.heappush(self._ready, self._places[task.digest])
                return None
            reason = f"{text_of(task)}: {error}, {TRIES} times. Is there enough memory for so many workers?"
            return Answer(Ending.FAILED, reason)
        except Exception as error:  # noqa: BLE001 - a task that cannot travel, or an executor of the user's own
            return Answer(Ending.FAILED, f"{text_of(task)}: {error if isinstance(error, AmuletError) else told(error)}")

    def _settle(self, task: Task[Any], answer: Answer | None) -> None:
        """What fails is never marked as done, so that nothing which depends on it becomes ready."""
        if answer is None:
            return
        match answer.ending:
            case Ending.STORED:
                self._sorter.done(self._places[task.digest])
            case Ending.FAILED:
                self.failures.append(answer.reason)
            case Ending.INPUT_DAMAGED:
                log.warning("%s", answer.reason)
                self.damaged.add(str(answer.input))
            case Ending.INPUT_ABSENT:
                self._absent.append(answer)  # perhaps since another task has met it damaged
            case Ending.UNWRITABLE:
                raise RunFailed(f"{answer.reason} What was computed before is kept.")
        self._on_done(task)


def _is_light(task: Task[Any]) -> bool:
    """Reading a number or curve off an outcome takes milliseconds, if it is Amulet's own code that does."""
    match task:
        case Measure() | MeasureByGroup():
            return type(task.metric).__module__.startswith("amulet.")
        case Trace():
            return type(task.probe).__module__.startswith("amulet.")
    return False


def _backends(task: Task[Any]) -> Iterator[Backend]:
    """By what the models of a task, or of its inputs, are known to be computed."""
    yield from (value for item in fields(task) if isinstance(value := getattr(task, item.name), Backend))
    for item in task.inputs:
        yield from _backends(item)


def _check_backend(backend: Backend) -> None:
    if backend.torch != torch.__version__:
        raise AmuletError(f"It is to be computed with torch {backend.torch}. Here is torch {torch.__version__}.")
    if backend.device.startswith("cuda") and not torch.cuda.is_available():
        raise AmuletError(f"It is to be computed on the device '{backend.device}'. torch finds no GPU here.")
