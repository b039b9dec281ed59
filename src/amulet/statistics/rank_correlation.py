"""Spearman's rank correlation and its permutation test. Spearman 1904, https://doi.org/10.2307/1412159."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from amulet.statistics.permutation import DRAWN, average_ranks

FEWEST: Final = 5
"""The fewest pairs: with four, even a perfect order has a p-value of 0.083."""

ALL: Final = 7
"""The most pairs of which all permutations are looked at, 5,040."""

EQUAL: Final = 1e-12
"""Values that differ by less are equal but for rounding."""


@dataclass(frozen=True)
class RankCorrelation:
    """The result of the test.

    Attributes:
        rho: Spearman's coefficient, in -1..1.
        p: two-sided p-value of the hypothesis that the order of one says nothing of the other.
        n: the number of pairs.
    """

    rho: float
    p: float
    n: int


def rank_correlation(first: Sequence[float], second: Sequence[float]) -> RankCorrelation | None:
    """Spearman's coefficient of paired values, and the permutation test of it.

    All permutations are looked at for up to 7 pairs, otherwise 9,999 random ones and the observed one. The pairs must
    be independent of each other: what is measured several times on one thing is to be averaged first.

    Args:
        first: one value for each pair.
        second: likewise.

    Returns:
        The result, or None for fewer than five pairs, and where all values of one are equal.

    Example:
        >>> found = rank_correlation([1.0, 2.0, 3.0, 4.0, 5.0], [10.0, 20.0, 30.0, 50.0, 40.0])
        >>> round(found.rho, 3), round(found.p, 3), found.n
        (0.9, 0.083, 5)
    """
    if len(first) < FEWEST:
        return None
    ranks = [average_ranks(_rounded(values)) for values in (first, second)]
    centred = [each - each.mean() for each in ranks]
    sizes = [float(np.sqrt((each**2).sum())) for each in centred]
    if min(sizes) == 0:
        return None
    found = (_orders(len(first), centred[1]) @ centred[0]) / (sizes[0] * sizes[1])
    rho = float(centred[0] @ centred[1] / (sizes[0] * sizes[1]))
    as_far = int((np.abs(found) >= abs(rho) - 1e-9).sum())
    p = as_far / len(found) if len(first) <= ALL else (as_far + 1) / (len(found) + 1)
    return RankCorrelation(round(rho, 12), p, len(first))  # so that a perfect order has 1


def _rounded(values: Sequence[float]) -> NDArray[np.float64]:
    """The values, those that differ by rounding alone made equal."""
    array = np.array(values, dtype=np.float64)
    size = float(np.abs(array).max())
    return np.round(array / (size * EQUAL)) if size > 0 else array


def _orders(count: int, ranks: NDArray[np.float64]) -> NDArray[np.float64]:
    """(orders, n) the ranks in all orders, or in many random ones."""
    if count <= ALL:
        return np.array(list(permutations(ranks)))
    places = np.random.default_rng(0).random((DRAWN, count)).argsort(1)
    return ranks[places]
