"""The errors that Amulet raises, and the form of their messages."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from amulet.core.text import shortened, visible


@dataclass(frozen=True)
class Problem:
    """One problem with one parameter.

    Attributes:
        parameter: its name.
        sentence: says what is wrong and what is allowed instead.
    """

    parameter: str
    sentence: str

    @classmethod
    def of(cls, parameter: str, owner: str, allowed: str, given: object) -> Self:
        """A problem in the usual form.

        Args:
            parameter: the name of the parameter.
            owner: what the parameter belongs to, such as a class.
            allowed: the values that are allowed; it completes "must be ...".
            given: the value that was given.

        Example:
            >>> Problem.of("epsilon", "PGD", "at least 0", -1).sentence
            "The 'epsilon' of PGD must be at least 0. Got -1."
        """
        shown = repr(given)
        shown = shown if len(shown) <= 80 else f"{shown[:77]}..."
        return cls(parameter, f"The '{parameter}' of {owner} must be {allowed}. Got {shown}.")


class AmuletError(Exception):
    """Base class of the errors that Amulet raises deliberately.

    Their text may quote names and values from outside: it is shown without control characters, long lines without
    their middle.
    """

    def __str__(self) -> str:
        return shortened(visible(super().__str__()))


class ProblemsError(AmuletError, ValueError):
    """An error that reports all problems found, each in a line; `problems` holds them separately."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(problem.sentence for problem in self.problems))

    def __reduce__(self) -> tuple[type[Self], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


class InvalidParameter(ProblemsError):  # noqa: N818 - the name states the problem
    """A parameter has a value that is not allowed."""


class InvalidData(ProblemsError):  # noqa: N818
    """Records, labels or sensitive attributes are not valid, or do not suffice for what is asked."""


class Conflict(ProblemsError):  # noqa: N818
    """Defenses cannot be applied together; raised before anything is trained."""


class AccessDenied(AmuletError, PermissionError):  # noqa: N818
    """An attack asked its target for an output that its threat model does not grant."""


class MissingInput(AmuletError, LookupError):  # noqa: N818
    """Something was run without an input that it needs, such as an attack without its shadow models."""


class UserCodeFailed(AmuletError):  # noqa: N818
    """Code of the user tried to end the program, as `sys.exit` does."""


class Unwritable(AmuletError):  # noqa: N818
    """A file cannot be written, for example because the disk is full or the folder is read-only.

    Attributes:
        place: the file or folder.
        reason: why it cannot be written.
    """

    def __init__(self, place: Path, reason: str) -> None:
        super().__init__(f"{place} cannot be written: {reason}.")
        self.place, self.reason = place, reason

    def __reduce__(self) -> tuple[type[Self], tuple[Path, str]]:
        return type(self), (self.place, self.reason)
