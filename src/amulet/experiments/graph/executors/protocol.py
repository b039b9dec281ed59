"""What the runner asks of an executor."""

from concurrent.futures import Future  # noqa: TC003 - users look up the hints of the protocol
from typing import Protocol, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Job(Protocol[T_co]):
    """A computation that can be sent to another process: it can be pickled, and so can its result."""

    def __call__(self) -> T_co:
        """Compute the result."""


class Executor(Protocol):
    """Computes jobs. A client of a cluster becomes an executor by having `slots` and `submit`.

    A job changes process-wide settings while it runs, so one process must not run two jobs at the same time.
    """

    @property
    def slots(self) -> int:
        """How many jobs are computed at the same time; it may change. Only a few more are submitted in advance."""

    def submit(self, job: Job[T], /) -> "Future[T]":
        """Start to compute a job, or keep it until a slot is free.

        The future raises WorkerLost if the process that computed the job has died, and WorkersUnusable if no job can
        be computed any more. Other errors are of the job itself.
        """
