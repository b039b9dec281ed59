"""How large a plan is: its time on a number of workers, its longest chain of tasks, its bytes and its memory."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from amulet.experiments.graph.tasks import Task
from amulet.experiments.planning.estimate import Estimate
from amulet.experiments.planning.memory_needed import gigabytes_needed
from amulet.experiments.planning.plan import Plan


@dataclass(frozen=True)
class Sizing:
    """What the missing tasks of a plan take and need. Tasks whose time cannot be told count as none.

    Attributes:
        tasks: how many there are.
        seconds: of all of them, one after the other.
        chain: the names and seconds of the tasks of the longest chain, each of which waits for the one before.
        workers: how many tasks are computed at the same time.
        bytes: by which the store grows.
        gigabytes: of memory that are enough for a process.
    """

    tasks: int
    seconds: float
    chain: tuple[tuple[str, float], ...]
    workers: int
    bytes: int
    gigabytes: float

    @property
    def longest(self) -> float:
        """Seconds of the longest chain, below which no number of workers gets."""
        return sum(seconds for _, seconds in self.chain)

    @property
    def least(self) -> float:
        """Seconds that no order of the tasks is faster than."""
        return max(self.longest, self.seconds / self.workers)

    @property
    def most(self) -> float:
        """Seconds that every order keeps in which no worker is idle while a task is ready.

        Graham 1969, https://doi.org/10.1137/0117039, Theorem 1 in the form with the longest chain.
        """
        return self.seconds / self.workers + self.longest * (1 - 1 / self.workers)


def sizing(planned: Plan, estimated: Estimate, *, workers: int = 1, speed: float = 1.0) -> Sizing:
    """The size of what a plan has to compute.

    Args:
        planned: the plan.
        estimated: its tasks to compute, and the time and the bytes of each kind of task.
        workers: how many tasks are computed at the same time.
        speed: how many times as fast as here a task is computed there.
    """
    missing = estimated.tasks

    def seconds(task: Task[Any]) -> float:
        return (estimated.of(task) or 0.0) / speed

    return Sizing(
        tasks=len(missing),
        seconds=sum(map(seconds, missing)),
        chain=tuple((estimated.name(task), seconds(task)) for task in longest_chain(missing, seconds)),
        workers=workers,
        bytes=sum(map(estimated.size, missing)),
        gigabytes=gigabytes_needed(planned),
    )


def longest_chain(tasks: Iterable[Task[Any]], seconds: Callable[[Task[Any]], float]) -> tuple[Task[Any], ...]:
    """The chain of tasks, each an input of the next, that takes longest; of tasks that come after their inputs."""
    ends: dict[str, tuple[float, Task[Any], Task[Any] | None]] = {}
    for task in tasks:
        inputs = [item for item in task.inputs if item.digest in ends]
        before = max(inputs, key=lambda item: ends[item.digest][0], default=None)
        ends[task.digest] = ((ends[before.digest][0] if before else 0.0) + seconds(task), task, before)
    chain: list[Task[Any]] = []
    last = max(ends.values(), key=lambda end: end[0])[1] if ends else None
    while last is not None:
        chain.append(last)
        last = ends[last.digest][2]
    return tuple(reversed(chain))
