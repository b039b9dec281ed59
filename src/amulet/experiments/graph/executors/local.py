"""Executors on this machine: this process, or several worker processes."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from multiprocessing.reduction import ForkingPickler
from typing import Any, TypeVar

from amulet.core.processes.worker_processes import NAME, WorkerPool, WorkersUnusable
from amulet.experiments.graph.executors.protocol import Executor, Job

T = TypeVar("T")


class Inline:
    """An executor that computes each job in this process as soon as it is submitted."""

    slots = 1

    def submit(self, job: Job[T], /) -> "Future[T]":
        """Compute the job now."""
        future: Future[T] = Future()
        future.set_result(job())
        return future


class Processes:
    """An executor with several worker processes. For each, a thread of this process waits for its answers.

    Args:
        slots: the number of worker processes.
        environments: environment variables of the workers, by their numbers; they are repeated for further ones.
        time_limit: the seconds that a job may take; None if there is no limit.
    """

    def __init__(
        self, slots: int, environments: Sequence[Mapping[str, str]] = ({},), time_limit: float | None = None
    ) -> None:
        self.slots = slots
        self._threads = ThreadPoolExecutor(slots, thread_name_prefix=NAME)
        self._pool = WorkerPool(environments, time_limit)

    def submit(self, job: Job[T], /) -> "Future[T]":
        """Keep a job for the next idle worker process."""
        return self._threads.submit(self._answered, job)

    def _answered(self, job: Job[T]) -> Any:
        return self._pool.answer(bytes(ForkingPickler.dumps(job)))

    def close(self) -> None:
        """End the worker processes after all jobs are done."""
        self._threads.shutdown()
        self._pool.close()

    def stop(self) -> None:
        """Kill the worker processes at once."""
        self._pool.stop()
        self._threads.shutdown(cancel_futures=True)


@contextmanager
def executing(
    workers: int, environments: Sequence[Mapping[str, str]] = ({},), time_limit: float | None = None
) -> Iterator[Executor]:
    """An executor on this machine. Its worker processes end with the block, even if that is interrupted or killed.

    Args:
        workers: the number of worker processes; with 1 and no time limit, jobs are computed in this process.
        environments: environment variables of the workers, by their numbers; they are repeated for further ones.
        time_limit: the seconds that a job may take; None if there is no limit.
    """
    if workers == 1 and time_limit is None:
        yield Inline()
        return
    _require_importable()
    pool = Processes(workers, environments, time_limit)
    try:
        yield pool
    except BaseException:
        pool.stop()
        raise
    pool.close()


def one_gpu_each(device: str, gpus: int) -> tuple[dict[str, str], ...]:
    """Environment variables of workers that share the GPUs of this machine, each of which sees a single one.

    Args:
        device: where models are trained. Only for "cuda", without a number, workers are spread over the GPUs.
        gpus: the number of GPUs that torch finds.
    """
    if device != "cuda" or gpus < 2:
        return ({},)
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else list(map(str, range(gpus)))
    return tuple({"CUDA_VISIBLE_DEVICES": name.strip()} for name in names[:gpus])


def _require_importable() -> None:
    """Raise WorkersUnusable if the running program lies in no file, so that worker processes could not import it."""
    main = sys.modules["__main__"]
    file = getattr(main, "__file__", None)
    if file is not None and getattr(main, "__spec__", None) is None and not os.path.exists(file):  # noqa: PTH110
        raise WorkersUnusable(
            "Worker processes import the script that they work for, and this one is not read from a file. Save it in a "
            "file, or ask for workers=1."
        )
