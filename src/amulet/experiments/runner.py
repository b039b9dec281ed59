"""Computes what the store lacks, on as many processes as there are cores, one torch thread each."""

import logging
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from graphlib import TopologicalSorter
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from amulet.core.errors import AmuletError
from amulet.experiments.store import Store
from amulet.experiments.tasks import Task

log = logging.getLogger(__name__)
OnDone = Callable[[Task[Any]], None]


class RunFailed(AmuletError):  # noqa: N818
    """Some tasks could not be computed; everything else was, and is kept."""


Failures = list[str]


def compute(task: Task[Any], store: Store) -> None:
    """Compute one task from what the store has, and store its value."""
    started = perf_counter()
    value = task.compute(store)
    store.save(task, value, perf_counter() - started)


def run(tasks: Sequence[Task[Any]], store: Store, *, workers: int, on_done: OnDone) -> None:
    """Compute tasks, none of which is in the store, inputs before what needs them.

    What does not depend on a failing task goes on. Interrupted at any moment, only tasks in flight are lost.

    Raises:
        RunFailed: at the end, naming what failed.
    """
    failures = _serially(tasks, store, on_done) if workers == 1 else _in_parallel(tasks, store, workers, on_done)
    if failures:
        raise RunFailed("\n".join([f"{len(failures)} tasks failed; all others are stored:", *failures[:10]]))


def _attempt(task: Task[Any], digest: str, store: Store) -> str | None:
    """Compute; what went wrong as text, since not every exception survives the way between processes."""
    try:
        if task.digest != digest:
            return f"{task}: its source files changed after the assessment was planned. Start again."
        compute(task, store)
    except Exception as error:
        log.debug("Task %s failed", digest, exc_info=True)
        where = traceback.extract_tb(error.__traceback__)[-1]
        return f"{task}: {type(error).__name__}: {error} ({Path(where.filename).name}:{where.lineno})"
    return None


def _serially(tasks: Sequence[Task[Any]], store: Store, on_done: OnDone) -> Failures:
    failures: Failures = []
    lost: set[str] = set()
    with _one_thread():
        for task in tasks:
            if any(item.digest in lost for item in task.inputs):
                lost.add(task.digest)
                continue
            failure = _attempt(task, task.digest, store)
            if failure is not None:
                failures.append(failure)
                lost.add(task.digest)
            on_done(task)
    return failures


def _in_parallel(tasks: Sequence[Task[Any]], store: Store, workers: int, on_done: OnDone) -> Failures:
    """What fails is never marked as done, so that nothing which depends on it becomes ready."""
    failures: Failures = []
    by_digest = {task.digest: task for task in tasks}
    graph = {task.digest: [item.digest for item in task.inputs if item.digest in by_digest] for task in tasks}
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    running: dict[Future[str | None], str] = {}
    with _pool(workers) as pool:
        while True:
            running |= {pool.submit(_attempt, by_digest[ready], ready, store): ready for ready in sorter.get_ready()}
            if not running:
                return failures
            done, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in done:
                digest = running.pop(future)
                failure = _result(future)
                if failure is None:
                    sorter.done(digest)
                else:
                    failures.append(failure)
                on_done(by_digest[digest])


def _result(future: "Future[str | None]") -> str | None:
    try:
        return future.result()
    except BrokenProcessPool as error:
        raise RunFailed("A worker process ended unexpectedly (out of memory?). Start again to resume.") from error


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """A pool whose processes end with this one, whether it returns, is interrupted or is killed."""
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_start_worker)
    try:
        yield pool
    except BaseException:
        pool.shutdown(wait=False, cancel_futures=True)
        for child in multiprocessing.active_children():
            child.terminate()
        raise
    else:
        pool.shutdown()


def _start_worker() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent decides
    torch.set_num_threads(1)
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


@contextmanager
def _one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(threads)
