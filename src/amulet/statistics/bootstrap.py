"""Percentile intervals by bootstrap over records. Efron and Tibshirani 1993, https://doi.org/10.1201/9780429246593.

Chapter 13 has the interval, section 8.3 the resampling of groups each by itself.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, isinf

import numpy as np
from numpy.typing import NDArray

from amulet.statistics.verdicts import ALPHA, Verdict, Word

BEYOND = 20
"""The fewest resamples at or beyond each end of an interval; fewer would make the end a matter of luck."""


@dataclass(frozen=True, eq=False)
class Resampled:
    """The difference of one metric between two models, as measured and on resamples of the same records.

    Attributes:
        observed: after minus before, None where either has no value.
        differences: (resamples,) the same on each resample, NaN where either has no value.
        margin: differences smaller than this do not matter, in the metric's units.
        same: whether both models are one and the same, so that nothing can differ.
        unit: what one case of the outcome is; only records can be resampled.
    """

    observed: float | None
    differences: NDArray[np.float64]
    margin: float
    same: bool = False
    unit: str = "record"

    @property
    def undefined(self) -> int:
        """Resamples without a value."""
        return int(np.isnan(self.differences).sum())


def fewest_resamples(family: int, alpha: float = ALPHA) -> int:
    """So many that each end of `family` simultaneous intervals has at least 20 resamples at or beyond it."""
    return ceil(2 * BEYOND * max(1, family) / alpha)


def draws(strata: NDArray[np.int64], resamples: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Places of records drawn with replacement, (n,) each time; every stratum keeps its size.

    Args:
        strata: (n,) which stratum each record belongs to.
        resamples: how many draws.
        rng: decides all of them.
    """
    groups = [np.flatnonzero(strata == code) for code in np.unique(strata)]
    for _ in range(resamples):
        yield np.concatenate([group[rng.integers(len(group), size=len(group))] for group in groups])


def percentile_interval(differences: NDArray[np.float64], level: float) -> tuple[float, float] | None:
    """The central share `level` of the differences; None where that cannot be said.

    A resample without a value could lie anywhere, so it is counted beyond both ends. Each end is one of the
    differences, the outer of the two between which the percentile falls.
    """
    tail, missing = (1 - level) / 2, np.isnan(differences)
    low = float(np.quantile(np.where(missing, -np.inf, differences), tail, method="lower"))
    high = float(np.quantile(np.where(missing, np.inf, differences), 1 - tail, method="higher"))
    return None if isinf(low) or isinf(high) else (low, high)


def judge_resampled(family: Sequence[Resampled], alpha: float = ALPHA) -> list[Verdict]:
    """Verdicts of a family of differences between one pair of models, over other records.

    The intervals hold together with probability 1 - alpha (Bonferroni). One that lies within its margin shows
    no meaningful change; else one that lies above or below zero an increase or a decrease; else nothing is
    settled. There are no p-values: the words are read off the intervals alone.
    """
    testable = sum(not cell.same and cell.observed is not None and cell.unit == "record" for cell in family)
    return [_judged(cell, alpha / max(1, testable)) for cell in family]


def explore_resampled(cells: Sequence[Resampled], alpha: float = ALPHA) -> list[Verdict]:
    """Each cell judged by itself. Exploratory: no correction for multiple comparisons."""
    return [judge_resampled([cell], alpha)[0] for cell in cells]


def _judged(cell: Resampled, level: float) -> Verdict:
    if cell.same:
        return Verdict(Word.UNCHANGED, None, (0.0, 0.0), None, cell.margin)
    if cell.observed is None:
        return Verdict(Word.UNDEFINED, None, None, None, cell.margin, reason="one of the models has no value")
    if cell.unit != "record":
        reason = f"the metric is of {cell.unit}s, and only records can be resampled"
        return Verdict(Word.INCONCLUSIVE, None, None, None, cell.margin, level, reason)
    interval = percentile_interval(cell.differences, 1 - level)
    if interval is None:
        reason = f"no value on {cell.undefined} of {len(cell.differences)} resamples of the records"
        return Verdict(Word.INCONCLUSIVE, None, None, None, cell.margin, level, reason)
    if interval[0] == interval[1]:
        reason = "all resamples of the records show exactly the same difference, so that its error cannot be judged"
        return Verdict(Word.INCONCLUSIVE, None, None, None, cell.margin, level, reason)
    return Verdict(_word(interval, cell.margin), None, interval, None, cell.margin, level)


def _word(interval: tuple[float, float], margin: float) -> Word:
    low, high = interval
    if -margin < low and high < margin:
        return Word.NO_CHANGE
    if low > 0:
        return Word.INCREASES
    return Word.DECREASES if high < 0 else Word.INCONCLUSIVE
