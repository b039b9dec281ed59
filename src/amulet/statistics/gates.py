"""Gates, called validity checks in reports: conditions without which a verdict means little."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from math import comb

import numpy as np
from numpy.typing import NDArray

from amulet.statistics.bootstrap import percentile_interval
from amulet.statistics.paired import paired_t
from amulet.statistics.verdicts import ALPHA


class Gate(StrEnum):
    """Whether a condition of a verdict is shown to hold, shown not to hold, or neither."""

    PASSED = "passed"
    FAILED = "failed"
    UNPROVEN = "unproven"


def worst_gate(states: Iterable[Gate]) -> Gate:
    """The worst of at least one state: FAILED, else UNPROVEN, else PASSED.

    Example:
        >>> worst_gate([Gate.PASSED, Gate.UNPROVEN]).value
        'unproven'
    """
    found = set(states)
    return next(each for each in (Gate.FAILED, Gate.UNPROVEN, Gate.PASSED) if each in found)


def exceeds(advantages: Sequence[float], least: float, alpha: float = ALPHA) -> Gate:
    """Whether the mean advantage over seeds is above zero, by one-sided t intervals.

    Args:
        advantages: one number per seed, such as the accuracy of an attack minus that of guessing.
        least: the smallest advantage that matters, in the same units.
        alpha: the level of each of the two one-sided tests.

    Returns:
        PASSED if the lower bound of level 1 - alpha is above zero; otherwise FAILED if the upper bound of level
        1 - alpha is below `least`; otherwise, and with fewer than two seeds, UNPROVEN.

    Example:
        >>> exceeds([0.02, 0.03, 0.01, 0.04], least=0.02).value
        'passed'
        >>> exceeds([-0.01, 0.01, -0.01, 0.01], least=0.02).value
        'failed'
    """
    test = paired_t(advantages)
    return _gate(test.interval(1 - 2 * alpha) if test else None, least)


def exceeds_resampled(advantages: NDArray[np.float64], least: float, alpha: float = ALPHA) -> Gate:
    """As `exceeds`, of a single model on resamples of its records, by one-sided percentile bounds.

    Args:
        advantages: (resamples,) the advantage on each resample; NaN where it is undefined.
        least: the smallest advantage that matters, in the same units.
        alpha: the level of each of the two one-sided tests.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> exceeds_resampled(rng.normal(0.3, 0.05, size=2000), least=0.02).value
        'passed'
        >>> exceeds_resampled(np.zeros(2000), least=0.02).value
        'failed'
    """
    return _gate(percentile_interval(advantages, 1 - 2 * alpha), least)


def _gate(interval: tuple[float, float] | None, least: float) -> Gate:
    """The state that an interval of level 1 - 2 alpha decides: each of its ends is a bound of level 1 - alpha."""
    if interval is None:
        return Gate.UNPROVEN
    low, high = interval
    if low > 0:
        return Gate.PASSED
    return Gate.FAILED if high < least else Gate.UNPROVEN


def withstands(rejections: int, tests: int, rate: float, alpha: float = ALPHA) -> Gate:
    """Whether a claim withstands independent tests, each of which may reject a true one with a known probability.

    Args:
        rejections: the number of tests that reject it.
        tests: how many there were, at least one.
        rate: the probability with which one test rejects a true claim.
        alpha: the level for all tests together.

    Returns:
        PASSED if no test rejects the claim; FAILED if so many do that a true one would be rejected as often with a
        probability of at most `alpha`; otherwise UNPROVEN.

    Example:
        >>> [withstands(count, tests=10, rate=0.05).value for count in (0, 1, 3)]
        ['passed', 'unproven', 'failed']
    """
    if rejections == 0:
        return Gate.PASSED
    by_chance = sum(
        comb(tests, count) * rate**count * (1 - rate) ** (tests - count) for count in range(rejections, tests + 1)
    )
    return Gate.FAILED if by_chance <= alpha + 1e-12 else Gate.UNPROVEN
