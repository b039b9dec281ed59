"""Significance tests for a published table, from the means, standard errors and numbers of runs that it prints.

Welch 1947, https://doi.org/10.1093/biomet/34.1-2.28.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite

import numpy as np
from scipy import special

from amulet.statistics.multiplicity import holm


@dataclass(frozen=True)
class Printed:
    """A figure of a published table.

    Attributes:
        mean: the mean over runs.
        error: the standard error of the mean: the standard deviation over runs divided by sqrt(n).
        n: the number of runs.

    Raises:
        ValueError: the mean is not finite, the standard error is negative or not finite, or there are fewer than two
            runs.
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
    """An unpaired comparison of two printed figures.

    Attributes:
        difference: the second mean minus the first.
        interval: the 95% confidence interval of the true difference.
        p: two-sided p-value of the hypothesis that the true difference is zero.
        adjusted: the p-value adjusted over all pairs that were given together (Holm).
    """

    difference: float
    interval: tuple[float, float]
    p: float
    adjusted: float


def rejudge(pairs: Sequence[tuple[Printed, Printed]]) -> list[Rejudged]:
    """Welch's t test of each pair of figures, since a table does not tell which runs belong together.

    Args:
        pairs: (baseline, compared figure) of each comparison.

    Returns:
        A comparison for each pair, in the order given.

    Raises:
        ValueError: both figures of a pair have a standard error of 0, so that there is no estimate of the error.

    Example:
        >>> rejudged, = rejudge([(Printed(0.85, 0.004, 5), Printed(0.82, 0.005, 5))])
        >>> round(rejudged.difference, 3), round(rejudged.p, 4)
        (-0.03, 0.0018)
    """
    tests = [_welch_test(first, second) for first, second in pairs]
    adjusted = holm([p for _, _, p in tests])
    return [Rejudged(d, interval, p, q) for (d, interval, p), q in zip(tests, adjusted, strict=True)]


def _welch_test(first: Printed, second: Printed) -> tuple[float, tuple[float, float], float]:
    if first.error == second.error == 0:
        raise ValueError(f"One of two figures must have a standard error above 0. Got {first} and {second}.")
    variances = np.array([first.error, second.error]) ** 2
    error = float(np.sqrt(variances.sum()))
    freedom = float(variances.sum() ** 2 / (variances**2 / [first.n - 1, second.n - 1]).sum())
    difference = second.mean - first.mean
    half = float(special.stdtrit(freedom, 0.975)) * error
    p = 2 * float(special.stdtr(freedom, -abs(difference) / error))
    return difference, (difference - half, difference + half), p
