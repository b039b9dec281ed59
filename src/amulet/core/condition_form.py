"""How conditions on verdicts are written: "[ROW:] WHAT CHANGE". What they mean, `amulet.experiments` knows."""

import re
from typing import Final

FORM: Final = re.compile(
    r"(?P<what>.+) (?:(?P<plain>increases|decreases|changes)|may (?P<may>increase|decrease|change))"
)
NOT_OF_THE_FORM: Final = (
    "it must be '[ROW:] WHAT CHANGE', where the change is increases, decreases, changes, may increase, "
    "may decrease or may change, such as 'membership_inference increases'."
)
_LONGEST: Final = 200
"""The most characters of a condition in a message."""


def plainly(text: str) -> str:
    """The condition as it is read: on one line, with single blanks.

    Example:
        >>> plainly(" utility   may change"), bool(FORM.fullmatch("utility rises"))
        ('utility may change', False)
    """
    return " ".join(text.split())


def not_understood(text: str, reason: str) -> str:
    """The sentence on a condition that is not understood; `reason` ends it."""
    shown = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 3]}..."
    return f"The condition '{shown}' is not understood: {reason}"
