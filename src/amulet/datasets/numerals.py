"""Numbers written as text: which texts are plain numbers, and which columns of text are meant as numbers."""

import re
from collections.abc import Iterable
from typing import Any, Final

from amulet.datasets.values import refused_values

_EXPONENT: Final = r"(e[+-]?\d+)?"
_PLAIN: Final = re.compile(rf"[+-]?((0|[1-9]\d*)(\.\d*)?|\.\d+){_EXPONENT}|[+-]?inf(inity)?", re.IGNORECASE | re.ASCII)
_DIGITS: Final = re.compile(rf"[+-]?(\d+\.?\d*|\.\d+){_EXPONENT}", re.IGNORECASE | re.ASCII)
_LONGEST_WHOLE: Final = 15
"""Digits of a whole number that float64 holds exactly, whichever they are; longer ones are identifiers."""

_MARKS: Final = frozenset(
    [
        "",
        "?",
        "-",
        "--",
        ".",
        "*",
        "na",
        "n/a",
        "n.a.",
        "#n/a",
        "#na",
        "nan",
        "-nan",
        "<na>",
        "null",
        "none",
        "nil",
        "nat",
    ]
)
"""How files write that a number is missing, in lower case."""

_SEVERAL: Final = 10


def is_number(text: str) -> bool:
    """Whether a text is a number that loses nothing when it is read as one: no leading zeros, not too many digits."""
    if not _PLAIN.fullmatch(text):
        return False
    return len(text.lstrip("+-")) <= _LONGEST_WHOLE or not text.lstrip("+-").isdigit()


def check_no_lost_numbers(values: Iterable[Any], what: str) -> None:
    """Refuse text that is numbers but for a few entries, which would make a category of every number.

    Raises:
        InvalidData: all that is no number stands for a missing one, or most of many different values are numbers.
    """
    texts = [str(value).strip() for value in values]
    numbers = [text for text in texts if is_number(text)]
    others = [text for text in texts if not (_DIGITS.fullmatch(text) or is_number(text))]
    marks = all(text.lower() in _MARKS for text in others)
    if not numbers or not others or not (marks or _SEVERAL < len(numbers) > len(texts) / 2):
        return
    shown = ", ".join(repr(text) for text in others[:3])
    allowed = (
        "hold numbers or text, not both (leave missing cells empty, or name what stands for them: missing=[...] of "
        "from_csv; where the numbers are codes, write them as text, such as 'code 7')"
    )
    raise refused_values(what, allowed, f"{len(numbers)} different numbers and {shown}")
