"""A lower bound on epsilon from guesses which records were included. Steinke, Nasr and Jagielski 2023.

https://arxiv.org/abs/2305.08846: m records are included in one training run by independent fair coins, and an auditor
guesses r of the coins from the result. The null hypothesis is that training is (epsilon, delta)-differentially private.
"""

from math import exp
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import special

HALVINGS: Final = 40
"""Steps of the bisection, which leave an interval of at most 1e-11."""


def p_value(correct: int, guesses: int, records: int, epsilon: float, delta: float = 0.0) -> float:
    """The largest probability of at least so many correct guesses if training is (epsilon, delta)-private.

    Theorem 5.2 and Corollary 5.4. With W ~ Binomial(guesses, e^epsilon / (1 + e^epsilon)), it is P(W >= correct) + 2
    `records` `delta` a, where a is the largest P(correct > W >= correct - i) / i over i in 1..correct.

    Args:
        correct: the number of correct guesses.
        guesses: how many coins were guessed; their number must not depend on the coins.
        records: how many records were included by a coin, guessed or not.
        epsilon: at least 0.
        delta: in [0, 1).

    Returns:
        In [0, 1].

    Example:
        >>> round(p_value(correct=10, guesses=10, records=10, epsilon=0.0) * 2**10, 6)
        1.0
    """
    right = 1 / (1 + exp(-epsilon))
    tails = _at_least(np.arange(correct + 1), guesses, right)
    extra = 0.0
    if delta > 0 and correct > 0:
        steps = np.arange(1, correct + 1)
        extra = float(np.max((tails[correct - steps] - tails[correct]) / steps))
    return min(1.0, float(tails[correct]) + 2 * records * delta * extra)


def epsilon_lower_bound(
    correct: int, guesses: int, records: int, delta: float = 0.0, confidence: float = 0.95
) -> float:
    """The largest epsilon that the guesses refute: with this confidence, training is not private with less.

    A mechanism that is (epsilon, delta)-private gets a bound above epsilon with a probability of at most 1 -
    `confidence`. Arguments as in `p_value`.

    Returns:
        At least 0, which says nothing, and for a confidence of at least 0.95 less than log(guesses).

    Example:
        >>> round(epsilon_lower_bound(correct=75, guesses=100, records=1000, delta=1e-4), 3)
        0.673
    """
    level = 1 - confidence
    if guesses == 0 or p_value(correct, guesses, records, 0.0, delta) > level:
        return 0.0
    low, high = 0.0, 1.0
    while p_value(correct, guesses, records, high, delta) <= level:
        low, high = high, 2 * high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        if p_value(correct, guesses, records, middle, delta) <= level:
            low = middle
        else:
            high = middle
    return low


def best_of_sizes(
    correct: tuple[int, ...], guesses: tuple[int, ...], records: int, delta: float, confidence: float
) -> float:
    """The largest bound over several numbers of guesses, with one confidence for all (Bonferroni).

    Args:
        correct: the correct guesses of each.
        guesses: the numbers of guesses, at least one, fixed beforehand.
        records: how many were included by a coin.
        delta: in [0, 1).
        confidence: of all bounds together.

    Example:
        >>> several = best_of_sizes((10, 75), (10, 100), records=1000, delta=0.0, confidence=0.95)
        >>> several < epsilon_lower_bound(75, 100, 1000) or several == epsilon_lower_bound(10, 10, 1000, 0.0, 0.975)
        True
    """
    shared = 1 - (1 - confidence) / len(guesses)
    return max(
        epsilon_lower_bound(right, asked, records, delta, shared) for right, asked in zip(correct, guesses, strict=True)
    )


def _at_least(counts: NDArray[np.int64], trials: int, probability: float) -> NDArray[np.float64]:
    """P(Binomial(trials, probability) >= count) for each count in 0..trials."""
    first = np.maximum(counts, 1)
    tails: NDArray[np.float64] = special.betainc(first, trials - first + 1.0, probability)
    return np.where(counts == 0, 1.0, tails)
