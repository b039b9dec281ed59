"""The permutation test of two samples by ranks. Wilcoxon 1945, and Phipson and Smyth 2010 for random permutations."""

from collections.abc import Sequence
from itertools import combinations
from math import comb
from typing import Final

import numpy as np
from numpy.typing import NDArray

MOST: Final = 20_000
"""The most permutations that are all looked at."""

DRAWN: Final = 9_999
"""The number of random permutations where there are more."""


def permutation_p_value(first: Sequence[float], second: Sequence[float]) -> float:
    """The two-sided p-value of the hypothesis that both samples come from one distribution.

    The statistic is the sum of the ranks of the first sample, which is the area under the ROC curve in other units. All
    permutations are looked at if there are at most 20,000, otherwise 9,999 random ones and the observed one.

    Args:
        first: at least one value.
        second: at least one value.

    Returns:
        In (0, 1]. If all values are equal, it is 1.

    Example:
        >>> round(permutation_p_value([3.0, 4.0, 5.0], [0.0, 1.0, 2.0]), 3)
        0.1
    """
    ranks = average_ranks(np.array([*first, *second], dtype=float))
    distances = np.abs(_rank_sums(ranks, len(first)) - len(first) * ranks.mean())
    observed = abs(ranks[: len(first)].sum() - len(first) * ranks.mean())
    as_far = int((distances >= observed - 1e-9).sum())
    exact = comb(len(ranks), len(first)) <= MOST
    return as_far / len(distances) if exact else (as_far + 1) / (len(distances) + 1)


def average_ranks(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Ranks from 1; equal values have the mean of theirs.

    Args:
        values: (n,) numbers.

    Example:
        >>> average_ranks(np.array([0.5, 2.0, 0.5])).tolist()
        [1.5, 3.0, 1.5]
    """
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    averages: NDArray[np.float64] = (last - (counts - 1) / 2)[places]
    return averages


def _rank_sums(ranks: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """Sums of the ranks of a sample of this size, over all samples or many random ones."""
    if comb(len(ranks), size) <= MOST:
        chosen = np.array(list(combinations(range(len(ranks)), size)))
    else:
        chosen = np.random.default_rng(0).random((DRAWN, len(ranks))).argsort(1)[:, :size]
    sums: NDArray[np.float64] = ranks[chosen].sum(1)
    return sums
