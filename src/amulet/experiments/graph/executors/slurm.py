"""An executor on Slurm, through submitit. What is ready at one time is submitted as one job array."""

import logging
import shutil
import threading
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import Popen, TimeoutExpired
from typing import Any, Final, TypeVar

from amulet.core.errors import AmuletError
from amulet.core.processes.remote_pools import Bundle, split
from amulet.core.processes.shipping import Refusal
from amulet.core.processes.worker_processes import WorkerLost, WorkersUnusable
from amulet.core.user_code.containment import text_of
from amulet.experiments.graph.executors.protocol import Executor, Job
from amulet.experiments.graph.executors.shipper import Shipper, shipping
from amulet.experiments.graph.executors.slurm_queue import Queued, asked
from amulet.experiments.graph.executors.slurm_requests import Needs, SlurmOptions, asking_for

T = TypeVar("T")
log = logging.getLogger(__name__)

UNKNOWN: Final = 3600.0
"""Seconds that a task without an estimate counts for."""
BUNDLE: Final = 300.0
"""Estimated seconds of the tasks that one job of Slurm computes, if there are several."""
AT_A_TIME: Final = 16
"""Tasks for each job of Slurm that the runner submits in advance, so that short ones can share a job."""
LULL: Final = 0.3
"""Seconds without a new task after which those that wait are submitted."""
LOOKING: Final = 30.0
"""Seconds after which Slurm is asked for the jobs that have left no result."""
ENDING: Final = 10.0
"""Seconds in which a job that was cancelled must have ended on this machine, before it is killed."""
LIMITS: Final = "`time` and `mem` of --on set what the first try asks for."
ADVICE: Final = "Its next try asks Slurm for twice the time and memory; `time` and `mem` of --on set them."


@dataclass(eq=False)
class _Waiting:
    """A task that is to be submitted."""

    payload: bytes
    future: "Future[Any]"
    seconds: float
    losses: int


@dataclass(eq=False)
class _Submitted:
    """A job of Slurm and its tasks."""

    job: Any
    tasks: Sequence[_Waiting]
    ended: str = ""
    """The state in which Slurm says that it has ended."""


class Slurm:
    """An executor on Slurm. A thread submits bundles of tasks, and looks for their results.

    Args:
        options: of the user.
        needs: of the tasks.
        shipper: packs the jobs.
        time_limit: the seconds that a task may take; None if there is no limit.
    """

    def __init__(self, options: SlurmOptions, needs: Needs, shipper: Shipper, time_limit: float | None = None) -> None:
        self.slots = options.jobs * AT_A_TIME
        self._options, self._needs, self._shipper, self._time_limit = options, needs, shipper, time_limit
        self._poll = 0.1 if options.cluster == "local" else 2.0
        self._waiting: list[_Waiting] = []
        self._latest = 0.0
        self._submitted: list[_Submitted] = []
        self._losses: dict[str, int] = defaultdict(int)
        self._looked = time.monotonic()
        self._told: set[str] = set()
        self._lock = threading.Lock()
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._work, name="amulet slurm", daemon=True)
        self._thread.start()

    def submit(self, job: Job[T], /) -> "Future[T]":
        """Keep a job for the next array."""
        future: Future[T] = Future()
        task = getattr(job, "task", None)
        digest = getattr(job, "digest", "")
        try:
            payload = self._shipper.packed(job)
        except Exception as error:  # noqa: BLE001 - a job that cannot be pickled fails by itself
            future.set_exception(error)
            return future
        seconds = self._needs.seconds(task)
        future.add_done_callback(lambda done: self._count(digest, done))
        with self._lock:
            known = UNKNOWN if seconds is None else seconds
            self._waiting.append(_Waiting(payload, future, known, self._losses[digest]))
            self._latest = time.monotonic()
        return future

    def stop(self) -> None:
        """Cancel all jobs of Slurm that have not ended."""
        self._ending.set()
        self._thread.join()
        for submitted in self._submitted:
            with suppress(Exception):
                submitted.job.cancel()
        for submitted in self._submitted:
            process = getattr(submitted.job, "_process", None)  # of submitit's local executor
            if process is not None:
                _end(process)

    def _count(self, digest: str, done: "Future[Any]") -> None:
        if isinstance(done.exception(), WorkerLost):
            self._losses[digest] += 1

    def _work(self) -> None:
        while not self._ending.wait(self._poll):
            try:
                self._settle_finished()
                self._submit_waiting()
            except Exception as error:
                log.debug("Slurm", exc_info=True)
                self._give_up(f"Slurm has not accepted a job: {error}")

    def _give_up(self, sentence: str) -> None:
        with self._lock:
            waiting, self._waiting = self._waiting, []
        for task in [*waiting, *(each for submitted in self._submitted for each in submitted.tasks)]:
            if not task.future.done():
                task.future.set_exception(WorkersUnusable(sentence))

    def _settle_finished(self) -> None:
        for submitted in [each for each in self._submitted if self._has_result(each.job)]:
            self._submitted.remove(submitted)
            _settle(submitted)
        if self._options.cluster != "local" and time.monotonic() - self._looked > LOOKING:
            self._ask_for_the_rest()
            self._looked = time.monotonic()

    def _has_result(self, job: Any) -> bool:
        if self._options.cluster == "local":
            return bool(job.done())
        result: Path = job.paths.result_pickle
        with suppress(FileNotFoundError):
            return result in result.parent.iterdir()  # a shared file system may show new files in lists alone
        return False

    def _ask_for_the_rest(self) -> None:
        """Settle jobs that had ended without a result when Slurm was last asked, by when it would be seen here."""
        for submitted in [each for each in self._submitted if each.ended]:
            self._submitted.remove(submitted)
            _lose(submitted, submitted.ended)
        found = asked([each.job.job_id for each in self._submitted]) if self._submitted else {}
        for submitted in self._submitted:
            queued = found.get(submitted.job.job_id, Queued("unknown"))
            submitted.ended = queued.state if queued.has_ended else ""
            if queued.is_stuck and queued.reason not in self._told:
                self._told.add(queued.reason)
                log.warning("Job %s of Slurm waits, for this reason: %s.", submitted.job.job_id, queued.reason)

    def _submit_waiting(self) -> None:
        with self._lock:
            room = self._options.jobs - len(self._submitted)
            if not self._waiting or room <= 0 or time.monotonic() - self._latest < LULL:
                return
            waiting, self._waiting = self._waiting, []
        alike: dict[int, list[_Waiting]] = defaultdict(list)
        for task in waiting:
            alike[task.losses].append(task)
        for losses, tasks in alike.items():
            longest = BUNDLE if losses == 0 else 0.0  # what was lost is tried alone
            bundles = split([task.seconds for task in tasks], longest)
            kept, left = bundles[: max(0, room)], bundles[max(0, room) :]
            room -= len(kept)
            with self._lock:
                self._waiting[:0] = [tasks[place] for bundle in left for place in bundle]
            if kept:
                self._submit_array([[tasks[place] for place in bundle] for bundle in kept], losses)

    def _submit_array(self, bundles: Sequence[Sequence[_Waiting]], losses: int) -> None:
        longest = max(sum(task.seconds for task in bundle) for bundle in bundles)
        packed = [Bundle(tuple(task.payload for task in bundle), self._time_limit) for bundle in bundles]
        try:
            asking = asking_for(self._options, self._needs, longest, losses, self._shipper.folder)
            jobs = asking.submit_array(packed)
        except Exception as error:
            if losses == 0:
                raise
            told = f"Slurm has not accepted a job for it with {2**losses} times the time and memory: {text_of(error)}"
            for task in (task for bundle in bundles for task in bundle):
                task.future.set_exception(WorkerLost(told, advice=LIMITS))
            return
        self._submitted += [_Submitted(job, bundle) for job, bundle in zip(jobs, bundles, strict=True)]


def _settle(submitted: _Submitted) -> None:
    """Hand the results of a job of Slurm on to its tasks; if it has none, all of them are lost."""
    try:
        answers = submitted.job.result()
    except Exception as error:
        log.debug("Slurm", exc_info=True)
        _lose(submitted, type(error).__name__)
        return
    for task, answer in zip(submitted.tasks, answers, strict=True):
        match answer:
            case Refusal():
                task.future.set_exception(WorkersUnusable(f"A machine of Slurm cannot be used: {answer.reason}."))
            case AmuletError():
                task.future.set_exception(answer)
            case _:
                task.future.set_result(answer)


def _lose(submitted: _Submitted, why: str) -> None:
    """Report all tasks of a job of Slurm as lost."""
    told = f"its job of Slurm {submitted.job.job_id} has left no result ({why})"
    for task in submitted.tasks:
        task.future.set_exception(WorkerLost(told, advice=ADVICE))


@contextmanager
def on_slurm(options: SlurmOptions, needs: Needs, store: Path, time_limit: float | None = None) -> Iterator[Executor]:
    """An executor on Slurm. Its jobs are cancelled when the block ends.

    Args:
        options: of the user.
        needs: of the tasks.
        store: the folder of the store, which all machines see under the same path. What they exchange lies there too.
        time_limit: the seconds that a task may take; None if there is no limit.

    Raises:
        WorkersUnusable: submitit is not installed, or there is no Slurm here.
    """
    try:
        import submitit  # noqa: F401, PLC0415 - of an extra
    except ImportError:
        raise WorkersUnusable('submitit is not installed here. Install it with: pip install "amulet[slurm]"') from None
    if options.cluster == "slurm" and shutil.which("sbatch") is None:
        raise WorkersUnusable("There is no Slurm here: the command 'sbatch' is not found.")
    with shipping(store) as shipper:
        executor = Slurm(options, needs, shipper, time_limit)
        try:
            yield executor
        finally:
            executor.stop()


def _end(process: "Popen[bytes]") -> None:
    """Wait until a process that was cancelled has ended; it is killed where it ignores that, as under `nohup`."""
    try:
        process.wait(ENDING)
    except TimeoutExpired:
        process.kill()
        process.wait()
