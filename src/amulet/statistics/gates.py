"""Gates: conditions that must hold before a verdict is meaningful, each shown, shown not to hold, or unproven."""

from collections.abc import Sequence
from enum import StrEnum
from math import comb

from amulet.statistics.paired import paired_t
from amulet.statistics.verdicts import ALPHA


class Gate(StrEnum):
    """Whether a condition of a verdict was shown to hold, shown not to hold, or neither."""

    SHOWN = "shown"
    SHOWN_NOT = "shown not"
    UNPROVEN = "unproven"


def exceeds(advantages: Sequence[float], least: float, alpha: float = ALPHA) -> Gate:
    """Whether the mean advantage over seeds is above zero, by one-sided t intervals.

    Args:
        advantages: one number per seed, such as the accuracy of an attack minus that of guessing.
        least: the smallest advantage that matters, in the same units.
        alpha: the level of each of the two one-sided tests.

    Returns:
        SHOWN if the lower bound of level 1 - alpha is above zero; otherwise SHOWN_NOT if the upper bound of level
        1 - alpha is below `least`; otherwise, and with fewer than two seeds, UNPROVEN.

    Example:
        >>> exceeds([0.02, 0.03, 0.01, 0.04], least=0.02).value
        'shown'
        >>> exceeds([-0.01, 0.01, -0.01, 0.01], least=0.02).value
        'shown not'
    """
    test = paired_t(advantages)
    if test is None:
        return Gate.UNPROVEN
    low, high = test.interval(1 - 2 * alpha)  # each bound is then one-sided of level 1 - alpha
    if low > 0:
        return Gate.SHOWN
    return Gate.SHOWN_NOT if high < least else Gate.UNPROVEN


def withstands(rejections: int, tests: int, rate: float, alpha: float = ALPHA) -> Gate:
    """Whether a claim withstands independent tests, each of which may reject a true one with a known probability.

    Args:
        rejections: the number of tests that reject it.
        tests: how many there were, at least one.
        rate: the probability with which one test rejects a true claim.
        alpha: the level for all tests together.

    Returns:
        SHOWN if no test rejects the claim; SHOWN_NOT if so many do that a true one would be rejected as often with a
        probability of at most `alpha`; otherwise UNPROVEN.

    Example:
        >>> [withstands(count, tests=10, rate=0.05).value for count in (0, 1, 3)]
        ['shown', 'unproven', 'shown not']
    """
    if rejections == 0:
        return Gate.SHOWN
    by_chance = sum(
        comb(tests, count) * rate**count * (1 - rate) ** (tests - count) for count in range(rejections, tests + 1)
    )
    return Gate.SHOWN_NOT if by_chance <= alpha + 1e-12 else Gate.UNPROVEN
