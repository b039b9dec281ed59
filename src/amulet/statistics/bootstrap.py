"""Percentile intervals by bootstrap over records. Efron and Tibshirani 1993, https://doi.org/10.1201/9780429246593.

The percentile interval is that of chapter 13, the resampling within strata that of section 8.3.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import ceil, isinf

import numpy as np
from numpy.typing import NDArray

from amulet.statistics.turned import BELOW_CHANCE
from amulet.statistics.verdicts import ALPHA, CHANGES, Verdict, Word

BEYOND = 20
"""The fewest resamples at or beyond each end of an interval. With fewer, the end depends mainly on chance."""


@dataclass(frozen=True, eq=False)
class Resampled:
    """The difference of one metric between two models, as measured and on resamples of the same records.

    Attributes:
        observed: the metric of the second model minus that of the first, on all records; None where the metric is
            undefined for either.
        differences: (resamples,) the same difference on each resample; NaN where the metric is undefined for either.
        margin: the smallest difference that matters, in the metric's units.
        same: whether both models are the same model, so that no metric can differ.
        unit: what one case of the outcome is, such as "record" or "class"; only records can be resampled.
        gains: for either model the (resamples,) values by which an attack beats its adversary without the model, NaN
            where undefined; empty where there is no such adversary.
        sums: (resamples,) where an attack that can be turned round does worse than chance on either model, the sum of
            both values less twice its centre; None elsewhere.
    """

    observed: float | None
    differences: NDArray[np.float64]
    margin: float
    same: bool = False
    unit: str = "record"
    gains: tuple[NDArray[np.float64], ...] = ()
    sums: NDArray[np.float64] | None = None

    @property
    def undefined(self) -> int:
        """The number of resamples on which the metric is undefined for either model."""
        return int(np.isnan(self.differences).sum())


def fewest_resamples(family: int, alpha: float = ALPHA) -> int:
    """The fewest resamples with which each end of every simultaneous interval has at least 20 at or beyond it.

    Args:
        family: the number of comparisons that are judged together.
        alpha: the chance that any of their intervals does not cover its true difference.

    Example:
        >>> fewest_resamples(family=10)
        8000
    """
    return ceil(2 * BEYOND * max(1, family) / alpha)


def draws(strata: NDArray[np.int64], resamples: int, rng: np.random.Generator) -> Iterator[NDArray[np.int64]]:
    """Bootstrap resamples of n records: draws with replacement within each stratum.

    Args:
        strata: (n,) code of the stratum that each record belongs to. Every resample has as many records of a stratum
            as there are.
        resamples: the number of resamples.
        rng: the source of randomness.

    Yields:
        The (n,) places of the records drawn, once for each resample.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> [places.tolist() for places in draws(np.array([0, 0, 1, 1, 1]), 2, rng)]
        [[1, 1, 3, 2, 2], [0, 0, 2, 2, 4]]
    """
    groups = [np.flatnonzero(strata == code) for code in np.unique(strata)]
    for _ in range(resamples):
        yield np.concatenate([group[rng.integers(len(group), size=len(group))] for group in groups])


def percentile_interval(differences: NDArray[np.float64], level: float) -> tuple[float, float] | None:
    """The percentile interval: the central share `level` of the differences.

    The difference on a resample where the metric is undefined could be of any size, so it counts as beyond both ends.
    Each end is one of the differences: where a percentile falls between two of them, the one farther out.

    Args:
        differences: (resamples,) differences, NaN where undefined.
        level: the share of the differences that the interval holds, in (0, 1).

    Returns:
        The lower and the upper end; None where so many differences are undefined that an end is unknown.

    Example:
        >>> percentile_interval(np.arange(100.0), level=0.9)
        (4.0, 95.0)
    """
    tail, missing = (1 - level) / 2, np.isnan(differences)
    low = float(np.quantile(np.where(missing, -np.inf, differences), tail, method="lower"))
    high = float(np.quantile(np.where(missing, np.inf, differences), 1 - tail, method="higher"))
    return None if isinf(low) or isinf(high) else (low, high)


def judge_resampled(family: Sequence[Resampled], alpha: float = ALPHA) -> list[Verdict]:
    """Verdicts on the differences between two models, generalised to other records from the same population.

    Together, the intervals cover all true differences with probability 1 - alpha (Bonferroni). The verdict follows
    from the interval alone, without p-values: "no meaningful change" if it lies within the margin; otherwise
    "increases" or "decreases" if it lies above or below zero; otherwise "inconclusive". Where an attack is shown to
    beat its adversary without the model on neither of the two, a change is "no leak shown in either". Where an attack
    does worse than chance on either model, there is a change only if the interval of `sums` is above zero, too: then
    the model with the higher value is also the one on which the attack tells more with its answers turned round.

    Args:
        family: the differences that are judged together.
        alpha: the chance that any interval does not cover its true difference.

    Returns:
        A verdict for each difference, in the order given.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> large = Resampled(0.1, rng.normal(0.1, 0.01, size=2000), margin=0.02)
        >>> small = Resampled(0.0, rng.normal(0.0, 0.01, size=2000), margin=0.05)
        >>> [verdict.word.value for verdict in judge_resampled([large, small])]
        ['increases', 'no meaningful change']
    """
    testable = sum(not cell.same and cell.observed is not None and cell.unit == "record" for cell in family)
    return [_interval_verdict(cell, alpha / max(1, testable)) for cell in family]


def explore_resampled(cells: Sequence[Resampled], alpha: float = ALPHA) -> list[Verdict]:
    """As `judge_resampled`, each cell by itself. Exploratory: no correction for multiple comparisons.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> cell = Resampled(0.1, rng.normal(0.1, 0.01, size=2000), margin=0.02)
        >>> [verdict.word.value for verdict in explore_resampled([cell, cell])]
        ['increases', 'increases']
    """
    return [judge_resampled([cell], alpha)[0] for cell in cells]


def _interval_verdict(cell: Resampled, level: float) -> Verdict:
    if cell.same:
        return Verdict(Word.UNCHANGED, None, (0.0, 0.0), None, cell.margin)
    if cell.observed is None:
        return Verdict.undefined(cell.margin, "one of the models has no value")
    if cell.unit != "record":
        units = "classes" if cell.unit == "class" else f"{cell.unit}s"
        reason = f"the metric is of {units}, and only records can be resampled"
        return Verdict(Word.INCONCLUSIVE, None, None, None, cell.margin, level, reason)
    interval = percentile_interval(cell.differences, 1 - level)
    if interval is None:
        reason = f"no value on {cell.undefined} of {len(cell.differences)} resamples of the records"
        return Verdict(Word.INCONCLUSIVE, None, None, None, cell.margin, level, reason)
    if interval[0] == interval[1]:
        reason = "all resamples of the records show exactly the same difference, so that its error cannot be judged"
        return Verdict(Word.INCONCLUSIVE, None, None, None, cell.margin, level, reason)
    return _tested_verdict(cell, interval, level)


def _tested_verdict(cell: Resampled, interval: tuple[float, float], level: float) -> Verdict:
    word = _interval_word(interval, cell.margin)
    if word in CHANGES and cell.sums is not None and not _is_above(cell.sums, 1 - level):
        return Verdict(Word.INCONCLUSIVE, None, interval, None, cell.margin, level, BELOW_CHANCE)
    if word in CHANGES and cell.gains and not any(_is_above(gain, 1 - 2 * ALPHA) for gain in cell.gains):
        word = Word.NO_LEAK
    return Verdict(word, None, interval, None, cell.margin, level)


def _is_above(values: NDArray[np.float64], level: float) -> bool:
    """Whether the percentile interval of this level lies above zero."""
    interval = percentile_interval(values, level)
    return interval is not None and interval[0] > 0


def _interval_word(interval: tuple[float, float], margin: float) -> Word:
    low, high = interval
    if -margin < low and high < margin:
        return Word.NO_CHANGE
    if low > 0:
        return Word.INCREASES
    return Word.DECREASES if high < 0 else Word.INCONCLUSIVE
