"""Welch's t test of two samples with unequal variances. Welch 1947, https://doi.org/10.1093/biomet/34.1-2.28."""

from collections.abc import Sequence
from math import sqrt

import numpy as np
from scipy import special


def welch_greater(first: Sequence[float], second: Sequence[float]) -> float:
    """The one-sided p-value of the hypothesis that the mean of the first sample is not greater than that of the second.

    Args:
        first: at least two values.
        second: at least two values.

    Returns:
        In [0, 1]; it is small if the first mean is greater. If both samples are constant, it is 0 if the first value
        is greater, and 1 otherwise.

    Example:
        >>> round(welch_greater([1.0, 2.0, 3.0], [0.0, 1.0, 1.5]), 3)
        0.094
        >>> welch_greater([1.0, 1.0], [1.0, 1.0])
        1.0
    """
    difference = float(np.mean(first) - np.mean(second))
    variances = [float(np.var(sample, ddof=1)) / len(sample) for sample in (first, second)]
    total = sum(variances)
    if sqrt(total) <= 1e-12 * max(1.0, float(np.abs(first).max()), float(np.abs(second).max())):
        return 0.0 if difference > 1e-9 else 1.0
    shares = [variance**2 / (len(sample) - 1) for variance, sample in zip(variances, (first, second), strict=True)]
    return float(special.stdtr(total**2 / sum(shares), -difference / sqrt(total)))
