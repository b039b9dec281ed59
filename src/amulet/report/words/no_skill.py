"""What a metric comes to without any learning: the number to compare every cell of its line with."""

from typing import Final

from amulet.core.tally import Tally
from amulet.experiments.numbers import Column
from amulet.report.words.formats import number

_SHARES: Final = {
    ("utility", "accuracy"),
    ("evasion", "robust_accuracy"),
    ("evasion", "clean_accuracy"),
    ("evasion", "noise_accuracy"),
}
"""Shares of all test records that are classified correctly."""
_BALANCED: Final = {("utility", "balanced_accuracy"), ("evasion", "balanced_robust_accuracy")}


def baseline(tested: Tally, column: Column) -> str:
    """As words and a number; empty where there is none, or in results of older versions, which lack the counts.

    A model that always names one class is right for that class's share of the test records, attacked or not.
    """
    if (column.risk, column.metric) in _SHARES | _BALANCED:
        return _naming_one_class(tested, balanced=(column.risk, column.metric) in _BALANCED)
    return f"guessing: {number(column.chance)}" if isinstance(column.chance, int | float) else ""


def _naming_one_class(tested: Tally, *, balanced: bool) -> str:
    counts = {name: count for name, count in tested.classes.items() if count}
    if not counts:
        return ""
    if balanced:
        return f"always naming one class: {number(1 / len(counts))}"
    most = max(counts, key=lambda name: counts[name])
    return f"always naming “{most}”: {number(counts[most] / tested.total)}"
