"""Paired comparisons over seeds: Student's t test, its confidence interval, and the effect size."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy import special


@dataclass(frozen=True)
class Paired:
    """The result of a paired t test, in the metric's own units.

    Attributes:
        mean, std: mean and standard deviation of the differences, the latter with n - 1 degrees of freedom.
        n: the number of pairs, at least 2.
        p: two-sided p-value of the hypothesis that the true mean is zero.
        effect: the standardised effect size mean / std, with Hedges' correction for small samples. None if all
            differences are equal, and for two pairs, where the correction is not defined.
    """

    mean: float
    std: float
    n: int
    p: float
    effect: float | None

    def interval(self, level: float) -> tuple[float, float]:
        """The t interval: its two ends enclose the true mean difference with probability `level`, in (0, 1)."""
        half = float(special.stdtrit(self.n - 1, (1 + level) / 2)) * self.std / sqrt(self.n)
        return self.mean - half, self.mean + half


def paired_t(differences: Sequence[float]) -> Paired | None:
    """Student's paired t test.

    Args:
        differences: one difference per pair.

    Returns:
        The result, or None for fewer than two pairs. If all differences are equal, `std` is 0, and `p` is 1 if they are
        zero and 0 otherwise; `judge` gives no direction in that case, since the error is then unknown.

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
    mean, std = float(np.mean(differences)), float(np.std(differences, ddof=1))
    if std <= 1e-12 * max(1.0, abs(mean)):
        return Paired(mean, 0.0, n, 1.0 if mean == 0 else 0.0, None)
    t = mean / (std / sqrt(n))
    p = 2 * float(special.stdtr(n - 1, -abs(t)))
    effect = mean / std * (1 - 3 / (4 * (n - 1) - 1)) if n > 2 else None
    return Paired(mean, std, n, p, effect)
