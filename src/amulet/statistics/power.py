"""The number of seeds that would decide an inconclusive comparison."""

from functools import lru_cache
from math import isnan

from scipy import special

from amulet.statistics.looks import FIRST
from amulet.statistics.paired import Paired
from amulet.statistics.rare import FEWEST

POWER = 0.8
"""The chance of a decision with which a number of seeds counts as sufficient."""

SURE = 0.8
"""The probability with which the standard deviation is below the bound that a number of seeds is based on."""

MOST_SEEDS = 1000
"""The largest number of seeds that is considered."""

FEWEST_TO_SAY = FIRST
"""The fewest seeds from which a number is stated. Of two, every tenth would ask for 45 times as many as are needed."""


def seeds_to_settle(paired: Paired, margin: float, alpha: float) -> int | None:
    """A number of seeds with which the comparison would be decided with a probability of at least 80%.

    The comparison is decided when the t test rejects, or when the interval of level 1 - alpha lies within the margin.
    The true mean is taken for the observed one. The standard deviation, of which few seeds say little, is taken for
    its upper confidence bound of level 80%.

    Args:
        paired: the test so far.
        margin: the smallest difference that matters, in the metric's units.
        alpha: the level of the test.

    Returns:
        The number of seeds, more than there are so far; None if 1000 would not suffice.

    Example:
        >>> from amulet.statistics.paired import paired_t
        >>> seeds_to_settle(paired_t([0.02, -0.01, 0.03, 0.00, 0.01]), margin=0.02, alpha=0.05)
        50
    """
    if paired.assumed_std == 0:
        return max(FEWEST, paired.n + 1) if paired.mean == 0 else None
    freedom = paired.n - 1
    std = paired.assumed_std * (freedom / float(special.chdtri(freedom, SURE))) ** 0.5
    return _fewest(paired.mean, std, paired.n, margin, alpha)


@lru_cache(maxsize=2**16)
def _fewest(mean: float, std: float, n: int, margin: float, alpha: float) -> int | None:
    """The fewest seeds above n that decide a comparison of known mean and spread with a probability of 80%."""
    low, high = n, MOST_SEEDS
    if not _is_sufficient(mean, std, high, margin, alpha):
        return None
    while high - low > 1:  # both powers grow with n
        middle = (low + high) // 2
        if _is_sufficient(mean, std, middle, margin, alpha):
            high = middle
        else:
            low = middle
    return high


def _is_sufficient(mean: float, std: float, n: int, margin: float, alpha: float) -> bool:
    equivalence = power_of_equivalence(mean, std, n, margin, alpha) if n >= FEWEST else 0.0
    return max(power_of_difference(mean, std, n, alpha), equivalence) >= POWER


@lru_cache(maxsize=4096)
def power_of_difference(mean: float, std: float, n: int, alpha: float) -> float:
    """The power of a two-sided paired t test.

    Args:
        mean: the true mean of the differences.
        std: their true standard deviation, above zero.
        n: the number of pairs, at least 2.
        alpha: the level of the test.

    Returns:
        The probability that the test rejects the hypothesis of a zero mean.

    Example:
        >>> round(power_of_difference(mean=0.01, std=0.01, n=10, alpha=0.05), 3)
        0.803
    """
    from scipy.stats import nct  # noqa: PLC0415 - scipy.stats takes a second to import, in every process that computes

    shift, critical = abs(mean) / std * n**0.5, float(special.stdtrit(n - 1, 1 - alpha / 2))
    right, wrong = nct.sf(critical, n - 1, shift), nct.cdf(-critical, n - 1, shift)
    if isnan(right):  # SciPy's noncentral t is NaN far in its tails, where the normal is a close approximation
        right = special.ndtr(shift - critical)
    return float(right + (0.0 if isnan(wrong) else wrong))


@lru_cache(maxsize=4096)
def power_of_equivalence(mean: float, std: float, n: int, margin: float, alpha: float) -> float:
    """The probability that the interval of level 1 - alpha lies within the margin, by the normal approximation.

    The half width of the interval is taken as fixed, with the true standard deviation. The interval then lies within
    the margin if the observed mean is at most the margin minus the half width, in absolute value.

    Args:
        mean: the true mean of the differences.
        std: their true standard deviation, above zero.
        n: the number of pairs, at least 2.
        margin: the smallest difference that matters, in the same units.
        alpha: one minus the level of the interval.

    Example:
        >>> round(power_of_equivalence(mean=0.0, std=0.01, n=10, margin=0.01, alpha=0.05), 3)
        0.632
    """
    error = std / n**0.5
    room = margin - float(special.stdtrit(n - 1, 1 - alpha / 2)) * error
    if room <= 0:
        return 0.0
    return float(special.ndtr((room - mean) / error) - special.ndtr((-room - mean) / error))
