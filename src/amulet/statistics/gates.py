"""Gates: conditions that must hold before a verdict is meaningful, each shown, shown not to hold, or unproven."""

from collections.abc import Sequence
from enum import StrEnum

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
