"""Paired comparisons over seeds: Student's t, its interval and its size."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy import special


@dataclass(frozen=True)
class Paired:
    """What n paired differences say of their mean, in the metric's own units.

    Attributes:
        mean, std: of the differences; std with n - 1 degrees of freedom.
        n: number of pairs, at least 2.
        p: two-sided p-value of "the mean is zero".
        effect: mean / std with Hedges' correction for few pairs (his g for paired data), None without spread; for
            two pairs too, where the correction is zero, since one degree of freedom gives no unbiased size.
    """

    mean: float
    std: float
    n: int
    p: float
    effect: float | None

    def interval(self, level: float) -> tuple[float, float]:
        """The t interval that covers the true mean difference with probability `level`, in (0, 1)."""
        half = float(special.stdtrit(self.n - 1, (1 + level) / 2)) * self.std / sqrt(self.n)
        return self.mean - half, self.mean + half


def paired_t(differences: Sequence[float]) -> Paired | None:
    """Student's paired t test; None below two pairs.

    Without any spread p is 1 where all differences are zero and 0 elsewhere: see `judge`, which asks for spread.
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
