"""Intervals for a proportion. Wilson 1927, https://doi.org/10.1080/01621459.1927.10502953."""

from math import sqrt
from statistics import NormalDist


def wilson_interval(count: float, of: float, level: float) -> tuple[float, float]:
    """Wilson's score interval, without correction for continuity.

    Args:
        count: the number of successes; a mean of several numbers will do.
        of: the number of trials, above zero.
        level: the probability that the interval covers the true proportion, in (0, 1).

    Returns:
        The lower and the upper end, in [0, 1].

    Example:
        >>> low, high = wilson_interval(8, 10, level=0.95)
        >>> round(low, 3), round(high, 3)
        (0.49, 0.943)
    """
    z = NormalDist().inv_cdf(1 - (1 - level) / 2)
    share, spread = count / of, z * z / of
    middle = (share + spread / 2) / (1 + spread)
    half = sqrt(share * (1 - share) * spread + spread * spread / 4) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)
