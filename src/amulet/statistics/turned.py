"""Attacks that do worse than chance: an adversary who turns their answers round does as much better.

An AUC of 0.44 is 0.56 with the answers turned round. What such an attack tells is its distance from the centre, 0.5.
"""

from typing import Final

BELOW_CHANCE: Final = (
    "the attack does worse than chance on one of the models, and with its answers turned round it may do as well there "
    "as on the other"
)
"""Why a difference of an attack below chance is no change of the risk."""


def below_centre(before: float, after: float, centre: float | None) -> bool:
    """Whether the attack does worse than the centre on either model; without a centre there is nothing to turn.

    Example:
        >>> below_centre(0.56, 0.44, 0.5), below_centre(0.56, 0.52, 0.5), below_centre(0.56, 0.44, None)
        (True, False, False)
    """
    return centre is not None and min(before, after) < centre


def turned_difference(before: float, after: float, centre: float | None) -> float:
    """After minus before; where the attack does worse than the centre on either model, of the distances from it.

    Args:
        before: what the attack reaches on the first model.
        after: what it reaches on the second one.
        centre: the middle of the metric's range; None for a metric that cannot be turned round.

    Example:
        >>> [round(turned_difference(0.56, after, 0.5), 2) for after in (0.60, 0.52, 0.45, 0.30)]
        [0.04, -0.04, -0.01, 0.14]
    """
    if centre is None or not below_centre(before, after, centre):
        return after - before
    return abs(after - centre) - abs(before - centre)
