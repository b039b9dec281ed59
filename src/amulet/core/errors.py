"""The few errors a user can meet, and the one form their sentences take."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from amulet.core.text import visible


@dataclass(frozen=True)
class Problem:
    """One thing that is wrong with one parameter, as a sentence a user can act on."""

    parameter: str
    sentence: str

    @classmethod
    def of(cls, parameter: str, owner: str, allowed: str, given: object) -> Self:
        """The house's sentence: whose parameter, what is allowed, what was given."""
        shown = repr(given)
        shown = shown if len(shown) <= 80 else f"{shown[:77]}..."
        return cls(parameter, f"The '{parameter}' of {owner} must be {allowed}. Got {shown}.")


class AmuletError(Exception):
    """Everything Amulet raises on purpose."""


class ProblemsError(AmuletError, ValueError):
    """All problems found at once; `problems` holds them one by one."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(visible("\n".join(problem.sentence for problem in self.problems)))

    def __reduce__(self) -> tuple[type[Self], tuple[tuple[Problem, ...]]]:
        return type(self), (self.problems,)


class InvalidParameter(ProblemsError):  # noqa: N818 - reads as what it says
    """A value that its parameter does not allow."""


class InvalidData(ProblemsError):  # noqa: N818
    """Records, labels or sensitive attributes that cannot be used."""


class Conflict(ProblemsError):  # noqa: N818
    """Defenses that cannot be applied together, found before anything is trained."""


class AccessDenied(AmuletError, PermissionError):  # noqa: N818
    """An attack asked its target for more than its threat model grants."""


class MissingInput(AmuletError, LookupError):  # noqa: N818
    """An attack was run without something it needs, such as shadow models."""


class UserCodeFailed(AmuletError):  # noqa: N818
    """Code of the user's own tried to end the program, as `sys.exit` does."""


class Unwritable(AmuletError):  # noqa: N818
    """A file cannot be written: the disk is full, a quota is spent, a folder is read-only.

    Attributes:
        place: the file or folder.
    """

    def __init__(self, place: Path, reason: str) -> None:
        super().__init__(f"{place} cannot be written: {reason}.")
        self.place, self.reason = place, reason

    def __reduce__(self) -> tuple[type[Self], tuple[Path, str]]:
        return type(self), (self.place, self.reason)
