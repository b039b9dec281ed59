"""Executors, which compute jobs: in this process, or in worker processes that end together with it."""

import ctypes
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.context import SpawnProcess
from multiprocessing.reduction import ForkingPickler
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from amulet.core.containment import told
from amulet.core.errors import AmuletError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)

PR_SET_PDEATHSIG: Final = 1
NAME: Final = "amulet worker"
UNGUARDED: Final = 78
"""Exit code of a worker process that ends since the script that it imports asks for workers itself."""
GUARD: Final = (
    'Put the part of the script that runs under `if __name__ == "__main__":`, since every worker process imports the '
    "script, or ask for workers=1."
)
GRACE: Final = 5.0
"""Seconds that a worker process has to end by itself after its pipe is closed; then it is killed."""


class Job(Protocol[T_co]):
    """A computation that can be sent to another process: it can be pickled, and so can its result."""

    def __call__(self) -> T_co:
        """Compute the result."""


class Executor(Protocol):
    """Computes jobs. A client of a cluster becomes an executor by having `slots` and `submit`.

    A job changes process-wide settings while it runs, so one process must not run two jobs at the same time.

    Attributes:
        slots: how many jobs are computed at the same time. Only a few more than that are submitted in advance.
    """

    slots: int

    def submit(self, job: Job[T], /) -> "Future[T]":
        """Start to compute a job, or keep it until a slot is free.

        The future raises WorkerLost if the process that computed the job has died, and WorkersUnusable if no job can
        be computed any more.
        """


class WorkerLost(AmuletError):  # noqa: N818
    """The process that computed a job has died, for lack of memory or by a fault in compiled code for instance."""


class WorkersUnusable(AmuletError):  # noqa: N818
    """Worker processes end before they can accept a job."""


class Inline:
    """An executor that computes each job in this process as soon as it is submitted."""

    slots = 1

    def submit(self, job: Job[T], /) -> "Future[T]":
        """Compute the job now."""
        future: Future[T] = Future()
        future.set_result(job())
        return future


@dataclass(frozen=True, eq=False)
class Worker:
    """A worker process and the pipe that connects this process to it."""

    process: SpawnProcess
    pipe: "Connection[Any, Any]"

    @classmethod
    def start(cls) -> "Worker":
        """Start a worker process. It sends a message when it is ready for its first job."""
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, os.getpid()), name=NAME)
        with _control_c_blocked():
            process.start()
        theirs.close()
        return cls(process, ours)

    def answer(self, payload: bytes) -> bytes:
        """The pickled result of a pickled job.

        Raises:
            EOFError, OSError: the process has died.
        """
        self.pipe.send_bytes(payload)
        return self.pipe.recv_bytes()

    def end(self, seconds: float) -> str:
        """Wait some seconds for the process to end, then kill it. Returns a phrase that says how it ended."""
        self.pipe.close()
        self.process.join(seconds)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        code = self.process.exitcode or 0
        return f"ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"


class Processes:
    """An executor with several worker processes. For each, a thread of this process waits for its answers.

    If a worker process dies, exactly one job is lost, and it is known which. The next job gets a new process.
    """

    def __init__(self, slots: int) -> None:
        self.slots = slots
        self._threads = ThreadPoolExecutor(slots, thread_name_prefix=NAME)
        self._idle: list[Worker] = []
        self._workers: set[Worker] = set()
        self._lock = threading.Lock()
        self._closed = False

    def submit(self, job: Job[T], /) -> "Future[T]":
        """Keep a job for the next idle worker process."""
        return self._threads.submit(self._answered, job)

    def _answered(self, job: Job[T]) -> T:
        payload = bytes(ForkingPickler.dumps(job))
        worker = self._taken()
        try:
            succeeded, answer = pickle.loads(worker.answer(payload))  # noqa: S301 - from a process of our own
        except (EOFError, OSError):
            raise WorkerLost(f"the process that computed it {self._ended(worker)}") from None
        with self._lock:
            self._idle.append(worker)
        if not succeeded:
            raise AmuletError(answer)
        return answer  # type: ignore[no-any-return]

    def _taken(self) -> Worker:
        """An idle worker process, or a new one. There are never more processes than threads."""
        with self._lock:
            if self._closed:
                raise WorkersUnusable("The run has ended.")
            if self._idle:
                return self._idle.pop()
            worker = Worker.start()
            self._workers.add(worker)
        try:
            worker.pipe.recv_bytes()
        except (EOFError, OSError):
            ended = self._ended(worker)
            if worker.process.exitcode == UNGUARDED:
                raise WorkersUnusable(
                    f"A worker process imported this script, which started to run anew. {GUARD}"
                ) from None
            if (worker.process.exitcode or 0) < 0:  # for lack of memory for instance, not by its own fault
                raise WorkerLost(f"the process that was to compute it {ended}") from None
            raise WorkersUnusable(f"A worker process {ended} before it could begin. {GUARD}") from None
        return worker

    def _ended(self, worker: Worker) -> str:
        with self._lock:
            self._workers.discard(worker)
        return worker.end(GRACE)

    def close(self) -> None:
        """End the worker processes after all jobs are done."""
        self._threads.shutdown()
        for worker in self._workers:
            worker.pipe.close()
        for worker in self._workers:
            worker.end(GRACE)

    def stop(self) -> None:
        """Kill the worker processes at once."""
        with self._lock:
            self._closed = True
            for worker in self._workers:
                worker.process.kill()
        self._threads.shutdown(cancel_futures=True)


@contextmanager
def executing(workers: int) -> Iterator[Executor]:
    """An executor on this machine. Its worker processes end with the block, even if that is interrupted or killed."""
    if workers == 1:
        yield Inline()
        return
    _require_importable()
    pool = Processes(workers)
    try:
        yield pool
    except BaseException:
        pool.stop()
        raise
    pool.close()


def end_if_imported_by_worker() -> None:
    """End this process quietly if it is a worker process that is still importing the script of its parent.

    The script then asks for workers outside `if __name__ == "__main__":`, and would start to run in every worker. The
    parent process tells its user so.
    """
    current = multiprocessing.current_process()
    if current.name == NAME and getattr(current, "_inheriting", False):
        os._exit(UNGUARDED)


def _require_importable() -> None:
    """Raise WorkersUnusable if the running program lies in no file, so that worker processes could not import it."""
    main = sys.modules["__main__"]
    file = getattr(main, "__file__", None)
    if file is not None and getattr(main, "__spec__", None) is None and not os.path.exists(file):  # noqa: PTH110
        raise WorkersUnusable(
            "Worker processes import the script that they work for, and this one is not read from a file. Save it in a "
            "file, or ask for workers=1."
        )


@contextmanager
def _control_c_blocked() -> Iterator[None]:
    """Processes started inside ignore Control-C, which a terminal sends to them too, so that their parent decides."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: "Connection[Any, Any]", parent: int) -> None:
    """The main function of a worker process: it computes jobs until its pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    _end_with(parent)
    pipe.send_bytes(b"ready")
    with suppress(EOFError, BrokenPipeError):
        while True:
            pipe.send_bytes(_answer(pipe.recv_bytes()))


def _answer(payload: bytes) -> bytes:
    """The pickled result of a pickled job, or the error, since user code may fail as soon as it is imported."""
    try:
        return pickle.dumps((True, pickle.loads(payload)()))  # noqa: S301 - from the parent process
    except BaseException as error:  # noqa: BLE001
        return pickle.dumps((False, told(error)))


def _end_with(parent: int) -> None:
    """Let this process be killed when its parent dies.

    On Linux the kernel does it, since Python cannot act while C code holds the interpreter's lock.
    """
    if sys.platform.startswith("linux") and ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) == 0:
        if os.getppid() != parent:  # it died before
            os._exit(1)
        return
    threading.Thread(target=_wait_for_parent, daemon=True).start()


def _wait_for_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
