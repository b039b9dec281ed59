"""Judging a published table again, from mean, standard error and number of runs.

Welch 1947, https://doi.org/10.1093/biomet/34.1-2.28.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from scipy import stats

from amulet.statistics.multiplicity import holm


@dataclass(frozen=True)
class Printed:
    """A printed figure: mean, standard error of the mean (standard deviation / sqrt(n)), runs.

    Raises:
        ValueError: numbers that no runs give, or too few runs to know their spread.
    """

    mean: float
    error: float
    n: int

    def __post_init__(self) -> None:
        if not (isfinite(self.mean) and isfinite(self.error) and self.error >= 0 and self.n >= 2):
            raise ValueError(
                "A printed figure must have a finite mean, a standard error of at least 0 and at least 2 runs. "
                f"Got {self}."
            )


@dataclass(frozen=True)
class Rejudged:
    """Second minus first figure, unpaired: size, 95% interval, p and p adjusted over all rows given (Holm)."""

    difference: float
    interval: tuple[float, float]
    p: float
    adjusted: float


def rejudge(pairs: Sequence[tuple[Printed, Printed]]) -> list[Rejudged]:
    """Welch's t test of each pair (first is the baseline), since the runs behind a table cannot be paired.

    Raises:
        ValueError: both figures of a pair have a standard error of 0, so that nothing is known of chance.
    """
    tests = [_welch(first, second) for first, second in pairs]
    adjusted = holm([p for _, _, p in tests])
    return [Rejudged(d, interval, p, q) for (d, interval, p), q in zip(tests, adjusted, strict=True)]


def _welch(first: Printed, second: Printed) -> tuple[float, tuple[float, float], float]:
    if first.error == second.error == 0:
        raise ValueError(f"One of two figures must have a standard error above 0. Got {first} and {second}.")
    variances = np.array([first.error, second.error]) ** 2
    error = float(np.sqrt(variances.sum()))
    freedom = float(variances.sum() ** 2 / (variances**2 / [first.n - 1, second.n - 1]).sum())
    difference = second.mean - first.mean
    half = float(stats.t.ppf(0.975, freedom)) * error
    p = 2 * float(stats.t.sf(abs(difference) / error, freedom))
    return difference, (difference - half, difference + half), p
