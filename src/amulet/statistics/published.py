"""Judging a published table again, from mean, standard error and number of runs.

Welch 1947, https://doi.org/10.1093/biomet/34.1-2.28.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import stats

from amulet.statistics.multiplicity import holm


@dataclass(frozen=True)
class Printed:
    """A printed figure: mean, standard error of the mean (standard deviation / sqrt(n)), runs."""

    mean: float
    error: float
    n: int


@dataclass(frozen=True)
class Rejudged:
    """Second minus first figure, unpaired: size, 95% interval, p and p adjusted over all rows given (Holm)."""

    difference: float
    interval: tuple[float, float]
    p: float
    adjusted: float


def rejudge(pairs: Sequence[tuple[Printed, Printed]]) -> list[Rejudged]:
    """Welch's t test of each pair (first is the baseline), since the runs behind a table cannot be paired."""
    tests = [_welch(first, second) for first, second in pairs]
    adjusted = holm([p for _, _, p in tests])
    return [Rejudged(d, interval, p, q) for (d, interval, p), q in zip(tests, adjusted, strict=True)]


def _welch(first: Printed, second: Printed) -> tuple[float, tuple[float, float], float]:
    variances = np.array([first.error, second.error]) ** 2
    error = float(np.sqrt(variances.sum()))
    freedom = float(variances.sum() ** 2 / (variances**2 / [first.n - 1, second.n - 1]).sum())
    difference = second.mean - first.mean
    half = float(stats.t.ppf(0.975, freedom)) * error
    p = 2 * float(stats.t.sf(abs(difference) / error, freedom))
    return difference, (difference - half, difference + half), p
