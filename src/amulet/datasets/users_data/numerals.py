"""Numbers written as text: which texts are plain numbers, and which columns of text are meant as numbers."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

from amulet.datasets.users_data.values import refused_values

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

_COMMAS: Final = re.compile(r"[+-]?(\d+,\d+|\d{1,3}([.,' \u00a0\u202f]\d{3})+([.,]\d+)?)", re.ASCII)
"""Numbers with a decimal comma or with signs between thousands."""

_CURRENCY: Final = r"[$\u00a3\u20ac\u00a5]?"
_AROUND: Final = re.compile(
    rf"['\"(\u2018\u201c]?[-+\u2212]?{_CURRENCY}\s*(.*?)\s*[%$\u00a3\u20ac\u00a5]?['\")\u2019\u201d]?"
)
"""A number with what files write around it: quotes, brackets, a sign, a currency, percent."""

_DATE: Final = re.compile(
    r"(\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4})([T ]\d{1,2}:\d{2}.*)?", re.ASCII
)
"""A day, with a time or without."""

_TRUTHS: Final = frozenset(["true", "false"])


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
    _check_no_lost_quantities([text for text in texts if text.lower() not in _MARKS], what)
    numbers = [text for text in texts if is_number(text)]
    others = [text for text in texts if not (_DIGITS.fullmatch(text) or is_number(text))]
    marks = all(text.lower() in _MARKS for text in others)
    if others and {*numbers} & {"0", "1"} and {text.lower() for text in others} <= _TRUTHS:
        raise refused_values(what, "hold truth values in one spelling", ", ".join(map(repr, sorted(texts)[:4])))
    if not numbers or not others or not (marks or _SEVERAL < len(numbers) > len(texts) / 2):
        return
    shown = ", ".join(repr(text) for text in others[:3])
    allowed = (
        "hold numbers or text, not both (leave missing cells empty, or name what stands for them: missing=[...] of "
        "from_csv; where the numbers are codes, write them as text, such as 'code 7')"
    )
    raise refused_values(what, allowed, f"{len(numbers)} different numbers and {shown}")


def _check_no_lost_quantities(texts: Sequence[str], what: str) -> None:
    """Refuse text that is numbers or days in a spelling that is not read, which would make a category of each.

    Raises:
        InvalidData: all are numbers, some with a comma or thousands apart; or there are more than ten and all are
            numbers with other signs around them, or days.
    """
    commas = [text for text in texts if _COMMAS.fullmatch(text) and not is_number(text)]
    if commas and all(is_number(text) or _COMMAS.fullmatch(text) for text in texts):
        allowed = "hold numbers with a decimal point and nothing between thousands, or text"
        raise refused_values(what, allowed, ", ".join(map(ascii, commas[:3])))
    if len(texts) <= _SEVERAL or all(map(is_number, texts)):
        return
    if all(map(_is_number_within, texts)):
        allowed = f"hold plain numbers, or at most {_SEVERAL} different ones with signs around them, as text"
        raise refused_values(what, allowed, f"{len(texts)}, such as {texts[0]!a}")
    if all(map(_DATE.fullmatch, texts)):
        allowed = "hold numbers or categories (make numbers of dates first, or leave the column out with 'drop')"
        raise refused_values(what, allowed, f"{len(texts)} different days, such as {texts[0]!r}")


def _is_number_within(text: str) -> bool:
    found = _AROUND.fullmatch(text)
    return found is not None and (is_number(found[1]) or _COMMAS.fullmatch(found[1]) is not None)
