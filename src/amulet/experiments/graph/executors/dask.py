"""An executor on the workers of a Dask cluster. Dask passes jobs on; worker processes of Amulet compute them."""

import logging
import time
from collections.abc import Iterator
from concurrent.futures import CancelledError, Future
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import Any, Final, TypeVar

from amulet.core.processes.remote_pools import answered, stopped
from amulet.core.processes.shipping import Refusal
from amulet.core.processes.worker_processes import WorkerLost, WorkersUnusable
from amulet.experiments.graph.executors.protocol import Executor, Job
from amulet.experiments.graph.executors.shipper import Shipper, shipping

T = TypeVar("T")
log = logging.getLogger(__name__)

CONNECTING: Final = 10.0
"""Seconds to wait for the scheduler."""
ANSWERING: Final = 120.0
"""Seconds to wait until the workers have answered the first job."""
LOOKING: Final = 1.0
"""Seconds after which the number of workers is asked for again."""


class Nothing:
    """A job without a result, by which a machine shows that it is fit."""

    def __call__(self) -> None:
        """Do nothing."""


class Dask:
    """An executor on the workers of a Dask cluster, which may join and leave.

    Args:
        client: connected to the scheduler.
        shipper: packs the jobs.
        time_limit: the seconds that a job may take; None if there is no limit.
    """

    def __init__(self, client: Any, shipper: Shipper, time_limit: float | None = None) -> None:
        self._client, self._shipper, self._time_limit = client, shipper, time_limit
        self._unfit: dict[str, str] = {}
        self._threads: dict[str, int] = {}
        self._looked = float("-inf")
        self._numbers = count()
        self._open: set[Any] = set()

    @property
    def slots(self) -> int:
        """The threads of all workers that are fit, each of which computes one job at a time; at least one."""
        return max(1, sum(self._fit().values()))

    def submit(self, job: Job[T], /) -> "Future[T]":
        """Hand a job over to the scheduler."""
        future: Future[T] = Future()
        try:
            self._send(self._shipper.packed(job), future)
        except Exception as error:  # noqa: BLE001 - a job that cannot be pickled fails by itself
            future.set_exception(error)
        return future

    def require_fit_workers(self) -> None:
        """Let each worker compute a job that does nothing.

        Raises:
            WorkersUnusable: there is no worker, or one has other software or does not see the store.
        """
        workers = list(self._fit())
        if not workers:
            raise WorkersUnusable(
                f"The scheduler {self._client.scheduler.address} has no workers. Start some with `dask worker`."
            )
        asked: dict[str, Future[None]] = {address: Future() for address in workers}
        payload = self._shipper.packed(Nothing())
        for address, future in asked.items():
            self._send(payload, future, only=address)
        deadline = time.monotonic() + ANSWERING
        answering = 0
        for future in asked.values():
            with suppress(TimeoutError, WorkerLost):
                future.result(max(0.0, deadline - time.monotonic()))
                answering += 1
        if not answering:
            raise WorkersUnusable(f"No worker of Dask has answered within {ANSWERING:g} seconds.")

    def stop(self) -> None:
        """Kill the processes that compute jobs of this run."""
        for remote in list(self._open):
            with suppress(Exception):
                remote.cancel()
        with suppress(Exception):
            self._client.run(stopped, self._shipper.name, wait=False)

    def _fit(self) -> dict[str, int]:
        """The workers that are fit, with their numbers of threads."""
        if time.monotonic() - self._looked > LOOKING:
            with suppress(OSError, TimeoutError):  # the scheduler is away; futures tell when it does not come back
                self._threads = dict(self._client.nthreads())
            self._looked = time.monotonic()
        return {address: threads for address, threads in self._threads.items() if address not in self._unfit}

    def _send(self, payload: bytes, future: "Future[Any]", only: str | None = None) -> None:
        workers = [only] if only else list(self._fit()) if self._unfit else None
        remote = self._client.submit(
            answered,
            payload,
            self._shipper.name,
            self._time_limit,
            pure=False,
            key=f"amulet-{self._shipper.name}-{next(self._numbers)}",
            workers=workers,
            allow_other_workers=False,
        )
        self._open.add(remote)
        remote.add_done_callback(lambda done: self._settle(done, payload, future, only))

    def _settle(self, remote: Any, payload: bytes, future: "Future[Any]", only: str | None) -> None:
        """Hand on how a job ended. One that a worker has refused is sent to others."""
        self._open.discard(remote)
        try:
            address, answer = self._result(remote)
            if not isinstance(answer, Refusal):
                future.set_result(answer)
                return
            self._unfit[address] = answer.reason
            sentence = f"The worker {address} cannot be used: {answer.reason}."
            if only or not self._fit():
                future.set_exception(WorkersUnusable(sentence))
                return
            log.warning("%s", sentence)
            self._send(payload, future)
        except Exception as error:  # noqa: BLE001 - whatever ends the job ends its future
            future.set_exception(error)

    def _result(self, remote: Any) -> Any:
        from distributed.comm import CommClosedError  # noqa: PLC0415 - of an extra
        from distributed.scheduler import KilledWorker  # noqa: PLC0415

        try:
            return remote.result()
        except KilledWorker as error:
            deaths = error.allowed_failures + 1
            raise WorkerLost("the worker of Dask that computed it has died", deaths) from None
        except ModuleNotFoundError as error:
            raise WorkersUnusable(f"A worker of Dask cannot import what it needs: {error}.") from None
        except (CancelledError, CommClosedError):
            raise WorkersUnusable(
                "The connection to the scheduler of Dask is lost. What was computed is kept; the same command goes on."
            ) from None


@contextmanager
def on_dask(address: str, store: Path, time_limit: float | None = None) -> Iterator[Executor]:
    """An executor on a Dask cluster.

    Args:
        address: of the scheduler, as "host:port".
        store: the folder of the store, which all workers see under the same path.
        time_limit: the seconds that a job may take; None if there is no limit.

    Raises:
        WorkersUnusable: `distributed` is not installed, there is no scheduler at the address, or workers are not fit.
    """
    with _connected(address) as client, shipping(store) as shipper:
        executor = Dask(client, shipper, time_limit)
        try:
            executor.require_fit_workers()
            yield executor
        finally:
            executor.stop()


@contextmanager
def _connected(address: str) -> Iterator[Any]:
    try:
        from distributed import Client  # noqa: PLC0415 - of an extra
    except ImportError:
        raise WorkersUnusable('Dask is not installed here. Install it with: pip install "amulet[dask]"') from None
    with _no_messages_of_dask():
        try:
            client = Client(f"tcp://{address}", timeout=CONNECTING, set_as_default=False)
        except (OSError, TimeoutError, ValueError):
            sentence = f"There is no scheduler of Dask at {address}. Start one with `dask scheduler`."
            raise WorkersUnusable(sentence) from None
        try:
            yield client
        finally:
            client.close(timeout=CONNECTING)


@contextmanager
def _no_messages_of_dask() -> Iterator[None]:
    """Inside, a connection that is lost is told in our sentence, not by tracebacks of Dask's own threads."""
    names = ("distributed", "distributed.client", "distributed.utils", "distributed.core")
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


def dask_slots(address: str) -> int:
    """How many jobs the workers of a Dask cluster compute at the same time."""
    with _connected(address) as client:
        return max(1, sum(map(int, client.nthreads().values())))
