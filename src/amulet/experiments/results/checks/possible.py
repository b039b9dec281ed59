"""Intervals within what is possible: two values of a metric differ by no more than the width of its range."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from amulet.experiments.results.numbers import Column
from amulet.statistics import Verdict


def possible(verdicts: Iterable[Verdict], columns: Iterable[Column]) -> Iterator[Verdict]:
    """The verdicts with their intervals clipped to the differences that their metrics can have.

    A t interval knows nothing of bounds: with two seeds it can reach from -4 to 4 for accuracies, whose differences lie
    in -1..1. The true difference lies within the bounds, so that a clipped interval covers it as often, and no verdict
    changes. The measured value of the baseline would allow less, but it is an estimate itself.
    """
    for verdict, column in zip(verdicts, columns, strict=True):
        yield _within(verdict, column.high - column.low)


def _within(verdict: Verdict, most: float) -> Verdict:
    if verdict.interval is None:
        return verdict
    low, high = (min(max(end, -most), most) for end in verdict.interval)
    return replace(verdict, interval=(low, high))
