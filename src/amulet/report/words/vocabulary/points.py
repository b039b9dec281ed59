"""Differences and levels in points, hundredths of a metric that lies between -1 and 1; others in their own units."""

from typing import Final

from amulet.experiments.results.numbers import Column
from amulet.report.words.vocabulary.formats import MINUS, number, signed
from amulet.report.words.vocabulary.names import metric_words

_ONE_DECIMAL: Final = 9.95
"""A number of points that is smaller has one decimal; larger ones have none."""
_WHOLE: Final = 2.0
"""Levels that differ by at least so many points are given without decimals."""


def in_points(column: Column) -> bool:
    """Whether the metric's values lie between -1 and 1, so that they can be given in points."""
    return column.low >= -1 and column.high <= 1


def points(column: Column, difference: float) -> str:
    """A difference with its sign: "+4.8", "+15"; none for what rounds to zero. Not in points: "+0.031"."""
    if not in_points(column):
        return signed(difference)
    size = abs(100 * difference)
    text = f"{size:.1f}" if size < _ONE_DECIMAL else f"{size:.0f}"
    return text if float(text) == 0 else f"{MINUS if difference < 0 else '+'}{text}"


def levels(column: Column, before: float, after: float, *, unit: bool = True) -> str:
    """From one level to another: "22 → 27 points", "1.2 → 1.9 points"; "0.031 → 0.050" where it is not in points.

    Args:
        column: what is measured.
        before: its first value.
        after: its second value.
        unit: whether to add the word "points".
    """
    if not in_points(column):
        return f"{number(before)} → {number(after)}"
    decimals = 0 if abs(100 * (after - before)) >= _WHOLE else 1
    first, second = (f"{100 * value:.{decimals}f}".replace("-", MINUS) for value in (before, after))
    return f"{first} → {second}{' points' if unit else ''}"


def plain_name(column: Column, attribute: str = "") -> str:
    """What a column measures in words for every reader, as part of a sentence: "approval gap by race".

    Args:
        column: its metric states the words; without them it goes by its title.
        attribute: the sensitive attribute that its probe is about, if any.
    """
    words = metric_words(column)
    plain = words.plain.replace("{attribute}", attribute or "a sensitive attribute")
    if not plain or column.group is None:
        return plain or words.in_sentence
    return f"{plain} ({column.group.replace('=', ' = ', 1)})"
