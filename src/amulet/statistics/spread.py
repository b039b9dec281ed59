"""The least standard deviation that a test assumes: few differences can lie close together by chance alone.

With five or ten seeds, a metric that is rare, skewed or bounded often gives differences that are nearly equal, while
another training would have given a very different one. A t test then takes a small standard deviation for a fact. What
other numbers of the same assessment say of the spread is a floor under it, as the "fudge factor" of Tusher et al. 2001,
https://doi.org/10.1073/pnas.091062498, is for many tests of few samples each.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

ROUNDING: Final = 1e-12
"""What is no larger than this, beside numbers of size one, counts as zero."""

PAIRING: Final = 0.5
"""The floor as a share of the standard deviation that the difference would have if the models were not paired."""

OTHERS: Final = 2 / 3
"""The floor as a share of the median standard deviation of the same metric's differences in other rows."""


def sample_std(values: Sequence[float]) -> float:
    """The standard deviation, with n - 1 degrees of freedom; exactly 0 if it is due to rounding alone.

    The mean of equal numbers can differ from them by a rounding error, and would leave a standard deviation of 1e-17.

    Args:
        values: at least two.

    Example:
        >>> sample_std([0.1, 0.3, 0.5]), sample_std([0.7] * 20)
        (0.2, 0.0)
    """
    std = float(np.std(values, ddof=1))
    return 0.0 if std <= ROUNDING * max(1.0, float(np.max(np.abs(values)))) else std


def unpaired_std(first: Sequence[float], second: Sequence[float]) -> float:
    """The standard deviation of a difference between values that have nothing to do with each other.

    Args:
        first: the values of one model, one for each of at least two seeds.
        second: those of the other.

    Example:
        >>> round(unpaired_std([0.5, 0.6, 0.7], [0.5, 0.5, 0.5]), 3)
        0.1
    """
    return float(np.hypot(sample_std(first), sample_std(second)))


def least_std(unpaired: float, others: Sequence[float]) -> float:
    """The least standard deviation that the differences of a cell are taken to have.

    Args:
        unpaired: what `unpaired_std` gives for the two models of the cell; 0 where their values are not known.
        others: the standard deviations of the differences of the same metric in other rows.

    Returns:
        The larger of `PAIRING` times the first and `OTHERS` times the median of the second.

    Example:
        >>> round(least_std(0.02, others=[0.01, 0.03, 0.1]), 3)
        0.02
    """
    return max(PAIRING * unpaired, OTHERS * float(np.median(others)) if len(others) else 0.0)
