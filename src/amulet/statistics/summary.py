"""Means and spreads over seeds, and paired differences between two rows of seeds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Summary:
    """Mean and standard deviation over n seeds, all in the metric's own units; std is None below two seeds."""

    mean: float
    std: float | None
    n: int


def summarize(values: Sequence[float]) -> Summary | None:
    """Mean and sample standard deviation (n - 1); None where there are no values."""
    if not values:
        return None
    std = float(np.std(values, ddof=1)) if len(values) > 1 else None
    return Summary(float(np.mean(values)), std, len(values))


def paired_difference(treated: Sequence[float | None], control: Sequence[float | None]) -> Summary | None:
    """Summary of treated - control seed by seed; a seed where either is undefined (None) is left out.

    Raises:
        ValueError: the rows have different lengths, so that they cannot be paired.
    """
    pairs = zip(treated, control, strict=True)
    return summarize([a - b for a, b in pairs if a is not None and b is not None])
