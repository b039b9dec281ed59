"""Processes for tests that kill them or start many at a time.

They are forked from a process that has imported Amulet and has one thread. A fork of the tests' own process could wait
for ever for a lock that another of its threads (of a Dask client, for instance) held at that moment.
"""

import multiprocessing
import pickle
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.context import ForkServerProcess
from typing import Any, Final

import torch

PATIENCE: Final = 900.0
"""Seconds until a wait is given up; nothing takes as long on the slowest machine."""

Work = Callable[[], object]
CLEAN: Final = multiprocessing.get_context("forkserver")
CLEAN.set_forkserver_preload([__name__, "amulet.experiments", "pytest"])

torch.set_num_threads(1)


@contextmanager
def at_work(work: Work) -> Iterator[ForkServerProcess]:
    """A process of its own that begins at this moment to do work, which can be pickled; killed at the end."""
    begun = CLEAN.Event()
    process = _process(begun.set, work)
    process.start()
    try:
        assert begun.wait(PATIENCE)
        yield process
    finally:
        process.kill()
        process.join()


def together(*works: Work) -> None:
    """Each in a process of its own, all at the same time, until every one has ended well."""
    gate = CLEAN.Barrier(len(works))
    processes = [_process(gate.wait, work) for work in works]
    for process in processes:
        process.start()
    for process in processes:
        process.join(PATIENCE)
    assert [process.exitcode for process in processes] == [0] * len(works)


def _process(before: Work, work: Work) -> ForkServerProcess:
    return CLEAN.Process(target=_do, args=(before, pickle.dumps(work)))


def _do(before: Work, work: Any) -> None:
    done = pickle.loads(work)  # noqa: S301 - of this file
    before()
    done()
