"""Three-state checks that come before a verdict: without them its numbers may mean nothing."""

from collections.abc import Sequence
from enum import StrEnum

from amulet.statistics.paired import paired_t
from amulet.statistics.verdicts import ALPHA


class Gate(StrEnum):
    """Whether something that a verdict rests on was shown to hold, shown not to hold, or neither."""

    SHOWN = "shown"
    SHOWN_NOT = "shown not"
    UNPROVEN = "unproven"


def exceeds(advantages: Sequence[float], least: float, alpha: float = ALPHA) -> Gate:
    """Whether the mean of the seeds' advantages is above zero.

    Shown if the one-sided t interval of level 1 - alpha lies above zero; shown not if it lies below `least`,
    the least advantage that matters; else unproven.
    """
    test = paired_t(advantages)
    if test is None:
        return Gate.UNPROVEN
    low, high = test.interval(1 - 2 * alpha)  # two one-sided bounds
    if low > 0:
        return Gate.SHOWN
    return Gate.SHOWN_NOT if high < least else Gate.UNPROVEN
