"""Correction for multiple comparisons. Holm 1979, https://www.jstor.org/stable/4615733."""

from collections.abc import Sequence


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm-adjusted p-values.

    Rejecting every hypothesis whose adjusted p-value is at most alpha makes a false rejection, of any of them, with a
    probability of at most alpha, however the tests depend on each other.

    Args:
        p_values: p-values of a family of tests, each in [0, 1].

    Returns:
        The adjusted p-values, in the order given.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted, running = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = running
    return adjusted
