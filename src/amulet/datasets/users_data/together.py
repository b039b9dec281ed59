"""Several checks of a user's data, whose problems are told together."""

from collections.abc import Callable
from typing import Any

from amulet.core.errors import InvalidData, Problem


def together(*checks: Callable[[], Any]) -> list[Any]:
    """What the checks return, in their order; none may depend on another.

    Raises:
        InvalidData: with the problems of all checks that raise it.
    """
    found, problems = [], list[Problem]()
    for check in checks:
        try:
            found.append(check())
        except InvalidData as error:
            problems.extend(error.problems)
    if problems:
        raise InvalidData(problems)
    return found
