"""The guideline that predicts what a defense does to a risk from the factors that the two have in common.

Duddu, Szyller and Asokan 2024, https://arxiv.org/abs/2312.04542, sections 4 and 5.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

DOMINANT: Final = "O"
"""The first letter of the factors that decide where factors disagree: those of the objective and the observables."""


class Direction(StrEnum):
    """What happens to a risk."""

    INCREASES = "increases"
    DECREASES = "decreases"

    @property
    def opposite(self) -> "Direction":
        """The other one."""
        return Direction.DECREASES if self is Direction.INCREASES else Direction.INCREASES


class Strength(StrEnum):
    """What a prediction rests on: all common factors, only the dominant ones, or nothing that decides."""

    UNANIMOUS = "unanimous"
    DOMINANT = "dominant"
    AMBIGUOUS = "ambiguous"
    NONE = "no common factor"


@dataclass(frozen=True)
class Prediction:
    """What the guideline predicts for one defense and one risk.

    Attributes:
        direction: what happens to the risk; None if the guideline does not say.
        strength: whether the common factors agree.
        factors: for each common factor, what happens to the risk by this factor alone.
    """

    direction: Direction | None
    strength: Strength
    factors: Mapping[str, Direction]


def predict(defense: Mapping[str, str], risk: Mapping[str, str]) -> Prediction:
    """The prediction from the factors of a defense and of a risk.

    Args:
        defense: for each factor that the defense changes, "+" if it grows and "-" if it shrinks.
        risk: for each factor that the risk depends on, "+" if a larger one means more risk and "-" if it means less.

    Returns:
        By each common factor the risk increases if the two signs are equal, and decreases otherwise. The direction is
        that of all common factors, or of the dominant ones if they agree with each other but not with the rest.

    Example:
        >>> found = predict({"D2": "-", "O1": "+", "M1": "+"}, {"D2": "+", "O1": "-"})
        >>> found.direction.value, found.strength.value
        ('decreases', 'unanimous')
    """
    common = {
        name: Direction.INCREASES if defense[name] == sign else Direction.DECREASES
        for name, sign in risk.items()
        if name in defense
    }
    if not common:
        return Prediction(None, Strength.NONE, common)
    dominant = {direction for name, direction in common.items() if name.startswith(DOMINANT)}
    for strength, directions in ((Strength.UNANIMOUS, set(common.values())), (Strength.DOMINANT, dominant)):
        if len(directions) == 1:
            return Prediction(directions.pop(), strength, common)
    return Prediction(None, Strength.AMBIGUOUS, common)
