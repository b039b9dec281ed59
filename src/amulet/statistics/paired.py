"""Paired comparisons over seeds: Student's t test, its confidence interval, and the effect size."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy import special

from amulet.statistics.spread import ROUNDING, sample_std


@dataclass(frozen=True)
class Paired:
    """The result of a paired t test, in the metric's own units.

    Attributes:
        mean, std: mean and standard deviation of the differences, the latter with n - 1 degrees of freedom.
        n: the number of pairs, at least 2.
        p: two-sided p-value of the hypothesis that the true mean is zero.
        effect: the standardised effect size mean / std, with Hedges' correction for small samples. None if all
            differences are equal, and for two pairs, where the correction is not defined.
        least_std: the least standard deviation that test and interval assume; see `statistics.spread`.
    """

    mean: float
    std: float
    n: int
    p: float
    effect: float | None
    least_std: float = 0.0

    @property
    def assumed_std(self) -> float:
        """The standard deviation that test and interval assume: the observed or the least one, the larger of both."""
        return max(self.std, self.least_std)

    def interval(self, level: float) -> tuple[float, float]:
        """The t interval: its two ends enclose the true mean difference with probability `level`, in (0, 1)."""
        half = float(special.stdtrit(self.n - 1, (1 + level) / 2)) * self.assumed_std / sqrt(self.n)
        return self.mean - half, self.mean + half

    def within(self, margin: float, level: float) -> bool:
        """Whether the t interval lies within the margin; without any spread, whether all differences are zero."""
        low, high = self.interval(level)
        return (-margin < low and high < margin) or self.assumed_std == 0

    def p_beyond(self, margin: float) -> float:
        """One minus the level of the t interval that just reaches the margin: the p-value of what lies beyond it."""
        if self.assumed_std == 0:
            return 0.0 if self.mean == 0 else 1.0
        if abs(self.mean) >= margin:
            return 1.0
        return 2 * float(special.stdtr(self.n - 1, (abs(self.mean) - margin) * sqrt(self.n) / self.assumed_std))


def paired_t(differences: Sequence[float], least_std: float = 0.0) -> Paired | None:
    """Student's paired t test.

    Args:
        differences: one difference per pair.
        least_std: a floor under the standard deviation. With one, the test is conservative for normal differences.

    Returns:
        The result, or None for fewer than two pairs. If all differences are equal, `std` is 0. Without a floor `p` is
        then 1 if they are zero and 0 otherwise; `judge` gives no direction in that case, since the error is unknown.

    Example:
        >>> test = paired_t([0.02, 0.03, 0.01, 0.04])
        >>> round(test.mean, 3), round(test.p, 3)
        (0.025, 0.03)
        >>> tuple(round(end, 3) for end in test.interval(0.95))
        (0.004, 0.046)
    """
    n = len(differences)
    if n < 2:
        return None
    mean, std = float(np.mean(differences)), sample_std(differences)
    if std == 0 and abs(mean) <= ROUNDING:
        mean = 0.0
    assumed = max(std, least_std)
    effect = mean / std * (1 - 3 / (4 * (n - 1) - 1)) if n > 2 and std > 0 else None
    if assumed == 0:
        return Paired(mean, 0.0, n, 1.0 if mean == 0 else 0.0, effect)
    p = 2 * float(special.stdtr(n - 1, -abs(mean) / (assumed / sqrt(n))))
    return Paired(mean, std, n, p, effect, least_std)
