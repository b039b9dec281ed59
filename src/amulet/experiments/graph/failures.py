"""Tasks that could not be computed: why, and what else has no result for that reason."""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from traceback import format_exception
from typing import Any, Final

from amulet.core.errors import AmuletError
from amulet.experiments.graph.tasks import Task

SHOWN: Final = 10
"""The number of failures that a message lists; further ones are counted."""

LONGEST: Final = 20_000
"""The characters of a traceback that are kept, from its end."""


class RunFailed(AmuletError):  # noqa: N818
    """Nothing could be measured, or the store cannot be written. Results that were computed are kept in the store."""


@dataclass(frozen=True)
class Failure:
    """A task that could not be computed.

    Attributes:
        task: the task in words.
        error: why, in one line: the error that its code raised, or how its process ended.
        traceback: where the error was raised; empty if there was none, and in results that are read from a file.
    """

    task: str
    error: str
    traceback: str = field(default="", compare=False, repr=False)

    def __str__(self) -> str:
        """The task and the error in one line."""
        return f"{self.task}: {self.error}"

    @property
    def reason(self) -> str:
        """Why a value is undefined that depends on the task."""
        return f"failed: {self.error.removesuffix('.')}"


def with_dependents(failures: Mapping[str, Failure], tasks: Iterable[Task[Any]]) -> dict[str, Failure]:
    """The failures by the digests of the tasks that failed, and of those that depend on them at any depth.

    Args:
        failures: by the digests of the tasks that failed.
        tasks: each after its inputs.
    """
    found = dict(failures)
    for task in tasks if failures else ():
        causes = (found[item.digest] for item in task.inputs if item.digest in found)
        cause = next(causes, None)
        if cause is not None:
            found.setdefault(task.digest, cause)
    return found


def told_failures(failures: Collection[Failure], others: str) -> str:
    """The failures as lines: how many, and each of the first ones.

    Args:
        failures: of a run.
        others: what is said of all other tasks.
    """
    tasks = "1 task" if len(failures) == 1 else f"{len(failures):,} tasks"
    lines = [f"{tasks} failed; {others}:", *map(str, failures)][: SHOWN + 1]
    more = [f"... and {len(failures) - SHOWN:,} more."] if len(failures) > SHOWN else []
    return "\n".join([*lines, *more])


def traceback_of(error: BaseException) -> str:
    """The traceback of an exception and of those that caused it, without control characters; the end if it is long."""
    text = "".join(format_exception(error))
    return re.sub(r"[^\n\x20-\x7e\xa0-\U0010ffff]", "\N{REPLACEMENT CHARACTER}", text)[-LONGEST:]
