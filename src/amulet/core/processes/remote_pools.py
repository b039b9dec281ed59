"""What a machine of a cluster does with jobs: worker processes compute them, which the cluster's own process starts."""

from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.util import Finalize
from threading import Lock
from typing import Any, Final

from amulet.core.errors import AmuletError
from amulet.core.processes.worker_processes import WorkerPool

IDLE: Final = 300.0
"""Seconds without a job after which a worker process on a machine of a cluster ends."""

_POOLS: dict[str, WorkerPool] = {}
_LOCK = Lock()


def answered(payload: bytes, run: str, time_limit: float | None) -> tuple[str, Any]:
    """The address of this worker of Dask, and the result of a pickled job; errors are as of `WorkerPool.answer`.

    Args:
        payload: the pickled job.
        run: the name of the assessment. Each has worker processes of its own, as many as jobs come at the same time.
        time_limit: the seconds that the job may take; None if there is no limit.
    """
    from distributed import get_worker  # noqa: PLC0415 - of an extra

    with _LOCK:
        if run not in _POOLS:
            _POOLS[run] = WorkerPool(time_limit=time_limit, idle=IDLE)
            Finalize(None, _POOLS[run].stop, exitpriority=1)  # before Python waits for them
        pool = _POOLS[run]
    return get_worker().address, pool.answer(payload)


def stopped(run: str) -> None:
    """Kill the worker processes of an assessment."""
    with _LOCK:
        pool = _POOLS.pop(run, None)
    if pool is not None:
        pool.stop()


@dataclass(frozen=True)
class Bundle:
    """Jobs that one job of Slurm computes, one after another, in a worker process.

    A job whose result is stored already ends at once, so that a bundle which is started anew, after a pre-emption for
    instance, goes on where it was stopped.

    Attributes:
        payloads: the pickled jobs.
        time_limit: the seconds that each may take; None if there is no limit.
    """

    payloads: tuple[bytes, ...]
    time_limit: float | None = None

    def __call__(self) -> list[Any]:
        """The result of each job, or the error of Amulet with which it ended."""
        pool = WorkerPool(time_limit=self.time_limit)
        try:
            return [_result_or_error(pool, payload) for payload in self.payloads]
        finally:
            pool.stop()

    def checkpoint(self) -> Any:
        """What submitit is to start anew when Slurm has stopped this job: the same."""
        from submitit.helpers import DelayedSubmission  # noqa: PLC0415 - of an extra

        return DelayedSubmission(self)


def _result_or_error(pool: WorkerPool, payload: bytes) -> Any:
    try:
        return pool.answer(payload)
    except AmuletError as error:
        return error


def split(seconds: Sequence[float], longest: float) -> list[list[int]]:
    """Numbers of jobs in bundles: consecutive ones that together take at most so long, or a single one.

    Example:
        >>> split([10, 10, 10, 50, 5], longest=30)
        [[0, 1, 2], [3], [4]]
    """
    bundles: list[list[int]] = []
    room = 0.0
    for place, taken in enumerate(seconds):
        if not bundles or taken > room:
            bundles.append([])
            room = longest
        bundles[-1].append(place)
        room -= taken
    return bundles
