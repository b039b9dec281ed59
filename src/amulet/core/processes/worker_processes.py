"""Worker processes, which compute pickled jobs and end together with the process that started them.

They serve the runner of an assessment on this machine, and on every machine of a cluster. This module imports neither
torch nor the rest of Amulet, so that a process that only passes jobs on stays small.
"""

import ctypes
import multiprocessing
import os
import pickle
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from multiprocessing.context import SpawnProcess
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from amulet.core.errors import AmuletError
from amulet.core.processes.shipping import Shipped
from amulet.core.user_code.containment import told

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

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
LEFT_TO_PARENT: Final = (signal.SIGTERM, signal.SIGUSR2)
"""Signals that Slurm sends to all processes of a job that must end or make room; the parent decides what it means."""
MEMORY: Final = "Is there enough memory for so many workers?"


class WorkerLost(AmuletError):  # noqa: N818
    """The process that computed a job has died, for lack of memory or by a fault in compiled code for instance.

    Attributes:
        deaths: how many processes have died that computed the job.
        advice: what the user may look at, as a sentence.
    """

    def __init__(self, sentence: str, deaths: int = 1, advice: str = MEMORY) -> None:
        super().__init__(sentence)
        self.deaths, self.advice = deaths, advice


class WorkersUnusable(AmuletError):  # noqa: N818
    """No process can compute jobs, or none any more."""


class TimeLimitReached(AmuletError):  # noqa: N818
    """A job was stopped, since it took longer than the time limit."""


@dataclass(frozen=True, eq=False)
class Worker:
    """A worker process and the pipe that connects this process to it.

    Attributes:
        place: its number among the workers that run at the same time.
    """

    process: SpawnProcess
    pipe: "Connection[Any, Any]"
    place: int

    @classmethod
    def start(cls, place: int, environment: Mapping[str, str], idle: float | None) -> "Worker":
        """Start a worker process. It sends a message when it is ready for its first job.

        Args:
            place: its number among the workers that run at the same time.
            environment: environment variables that it has beside those of this process.
            idle: the seconds without a job after which it ends; None if it does not.
        """
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(target=_serve, args=(theirs, os.getpid(), dict(environment), idle), name=NAME)
        with _control_c_blocked(), _as_parent():
            process.start()
        theirs.close()
        return cls(process, ours, place)

    def answer(self, payload: bytes, time_limit: float | None) -> bytes:
        """The pickled result of a pickled job.

        Raises:
            EOFError, OSError: the process has died.
            TimeLimitReached: the result is not there after so many seconds.
        """
        self.pipe.send_bytes(payload)
        self.pipe.recv_bytes()  # what the job imports, such as torch, does not count
        if time_limit is not None and not self.pipe.poll(time_limit):
            raise TimeLimitReached(f"it was stopped after {time_limit:g} seconds, the time limit")
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


class WorkerPool:
    """Worker processes that are started when they are needed, at most one for each thread that asks for an answer.

    If a worker process dies, exactly one job is lost, and it is known which. The next job gets a new process.

    Args:
        environments: environment variables of the workers, by their numbers; they are repeated for further ones.
        time_limit: the seconds that a job may take; None if there is no limit.
        idle: the seconds without a job after which a worker ends; None if it does not.
    """

    def __init__(
        self,
        environments: Sequence[Mapping[str, str]] = ({},),
        time_limit: float | None = None,
        idle: float | None = None,
    ) -> None:
        self._environments, self._time_limit, self._idle_seconds = environments, time_limit, idle
        self._idle: list[Worker] = []
        self._workers: set[Worker] = set()
        self._lock = threading.Lock()
        self._closed = False

    def answer(self, payload: bytes) -> Any:
        """The result of a pickled job, computed by a worker process.

        Raises:
            WorkerLost: the worker process has died.
            WorkersUnusable: it has ended before it could begin.
            TimeLimitReached: the job has taken too long, and its worker process was killed.
            AmuletError: the job cannot be unpickled, or has raised an exception.
        """
        worker = self._taken()
        try:
            succeeded, answer = pickle.loads(worker.answer(payload, self._time_limit))  # noqa: S301 - from our own
        except TimeLimitReached:
            self._ended(worker, 0.0)
            raise
        except (EOFError, OSError):
            raise WorkerLost(f"the process that computed it {self._ended(worker)}") from None
        with self._lock:
            self._idle.append(worker)
        if not succeeded:
            raise AmuletError(answer)
        return answer

    def _taken(self) -> Worker:
        """An idle worker process, or a new one."""
        with self._lock:
            if self._closed:
                raise WorkersUnusable("The run has ended.")
            while self._idle:
                worker = self._idle.pop()
                if worker.process.is_alive():
                    return worker
                self._workers.discard(worker)  # it was idle for long
            place = min(set(range(len(self._workers) + 1)) - {worker.place for worker in self._workers})
            environment = self._environments[place % len(self._environments)]
            worker = Worker.start(place, environment, self._idle_seconds)
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

    def _ended(self, worker: Worker, seconds: float = GRACE) -> str:
        how = worker.end(seconds)
        with self._lock:
            self._workers.discard(worker)
        return how

    def close(self) -> None:
        """End the worker processes, which must not be computing anything."""
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


def end_if_imported_by_worker() -> None:
    """End this process quietly if it is a worker process that is still importing the script of its parent.

    The script then asks for workers outside `if __name__ == "__main__":`, and would start to run in every worker. The
    parent process tells its user so.
    """
    current = multiprocessing.current_process()
    if current.name == NAME and getattr(current, "_inheriting", False):
        os._exit(UNGUARDED)


@contextmanager
def _control_c_blocked() -> Iterator[None]:
    """Processes started inside ignore Control-C, which a terminal sends to them too, so that their parent decides."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


@contextmanager
def _as_parent() -> Iterator[None]:
    """Inside, a daemonic process, such as a worker of Dask, may start processes; Python forbids it, lest they stay.

    Ours end with their parent.
    """
    config = multiprocessing.current_process()._config  # type: ignore[attr-defined] # noqa: SLF001
    daemon = config.pop("daemon", None)
    try:
        yield
    finally:
        if daemon is not None:
            config["daemon"] = daemon


def _serve(pipe: "Connection[Any, Any]", parent: int, environment: Mapping[str, str], idle: float | None) -> None:
    """The main function of a worker process: it computes jobs until its pipe is closed, or none comes for long."""
    os.environ.update(environment)  # before anything asks for the GPUs
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for number in LEFT_TO_PARENT:
        signal.signal(number, _nothing)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
    _end_with(parent)
    pipe.send_bytes(b"ready")
    with suppress(EOFError, BrokenPipeError):
        while pipe.poll(idle):
            payload = pipe.recv_bytes()
            job = _opened(payload)
            pipe.send_bytes(b"begins")
            pipe.send_bytes(_answer(job))


def _nothing(number: int, frame: FrameType | None) -> None:
    """Handle a signal by going on. Unlike an ignored signal, this is not inherited by programs that a task starts."""
    del number, frame


def _opened(payload: bytes) -> Callable[[], Any]:
    """A pickled job. If it cannot be unpickled, since user code fails as it is imported, the job raises that error."""
    try:
        job = pickle.loads(payload)  # noqa: S301 - from the parent process
        return job.opened() if isinstance(job, Shipped) else job
    except BaseException as error:  # noqa: BLE001
        sentence = told(error)
        return lambda: _fail(sentence)


def _fail(sentence: str) -> None:
    raise AmuletError(sentence)


def _answer(job: Callable[[], Any]) -> bytes:
    """The pickled result of a job, or the error."""
    try:
        return pickle.dumps((True, job()))
    except AmuletError as error:
        return pickle.dumps((False, str(error)))
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
