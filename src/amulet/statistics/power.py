"""How many seeds would settle an undecided comparison."""

from functools import lru_cache
from math import isnan

from scipy import stats

from amulet.statistics.paired import Paired

POWER = 0.8
MOST_SEEDS = 1000


def seeds_to_settle(paired: Paired, margin: float, alpha: float) -> int | None:
    """The fewest seeds with which the verdict would be reached in four of five repetitions.

    Taken at face value are the mean and spread seen so far: a difference of that size would be told from
    zero, or an interval of level 1 - alpha would lie within the margin, whichever comes first. None for more
    than 1000 seeds.
    """
    low, high = paired.n, MOST_SEEDS
    if not _settled(paired.mean, paired.std, high, margin, alpha):
        return None
    while high - low > 1:  # both ways of being settled grow with n
        middle = (low + high) // 2
        if _settled(paired.mean, paired.std, middle, margin, alpha):
            high = middle
        else:
            low = middle
    return high


def _settled(mean: float, std: float, n: int, margin: float, alpha: float) -> bool:
    return max(power_of_difference(mean, std, n, alpha), power_of_equivalence(mean, std, n, margin, alpha)) >= POWER


@lru_cache(maxsize=4096)
def power_of_difference(mean: float, std: float, n: int, alpha: float) -> float:
    """The chance that a two-sided paired t test at level alpha rejects, if mean and std are the true ones."""
    shift, critical = abs(mean) / std * n**0.5, float(stats.t.ppf(1 - alpha / 2, n - 1))
    right, wrong = stats.nct.sf(critical, n - 1, shift), stats.nct.cdf(-critical, n - 1, shift)
    if isnan(right):  # far in its tails SciPy's noncentral t gives up, where the normal is as good
        right = stats.norm.sf(critical - shift)
    return float(right + (0.0 if isnan(wrong) else wrong))


@lru_cache(maxsize=4096)
def power_of_equivalence(mean: float, std: float, n: int, margin: float, alpha: float) -> float:
    """The chance that the interval of level 1 - alpha lies within the margin, by the normal approximation.

    The interval's half width is taken at its expected value; the mean then has to fall within what is left.
    """
    error = std / n**0.5
    room = margin - float(stats.t.ppf(1 - alpha / 2, n - 1)) * error
    if room <= 0:
        return 0.0
    return float(stats.norm.cdf((room - mean) / error) - stats.norm.cdf((-room - mean) / error))
