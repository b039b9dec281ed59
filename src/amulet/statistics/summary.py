"""Means and standard deviations over seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Summary:
    """Mean and sample standard deviation over n seeds, in the metric's own units; `std` is None for a single seed."""

    mean: float
    std: float | None
    n: int


def summarize(values: Sequence[float]) -> Summary | None:
    """Mean and sample standard deviation, with n - 1 degrees of freedom.

    Args:
        values: one value per seed.

    Returns:
        The summary, or None if there are no values.

    Example:
        >>> summarize([0.5, 1.0])
        Summary(mean=0.75, std=0.3535533905932738, n=2)
    """
    if not values:
        return None
    std = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Summary(float(np.mean(values)), std, len(values))
