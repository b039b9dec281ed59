"""How well predicted directions agree with measured ones: the balanced accuracy of the prediction.

Brodersen et al. 2010, https://doi.org/10.1109/ICPR.2010.764.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from statistics import fmean

from amulet.literature.guideline import Direction


@dataclass(frozen=True)
class Agreement:
    """How often predictions are right.

    Attributes:
        increases: how many of the risks that increase are predicted to, and how many there are.
        decreases: the same of the risks that decrease.
    """

    increases: tuple[int, int] = (0, 0)
    decreases: tuple[int, int] = (0, 0)

    @property
    def right(self) -> int:
        """The number of right predictions."""
        return self.increases[0] + self.decreases[0]

    @property
    def cells(self) -> int:
        """The number of predictions."""
        return self.increases[1] + self.decreases[1]

    @property
    def balanced_accuracy(self) -> float | None:
        """The mean of the two shares of right predictions, in 0..1; None if one of the directions never occurs."""
        kinds = (self.increases, self.decreases)
        return fmean(right / total for right, total in kinds) if all(total for _, total in kinds) else None


def agreement(pairs: Iterable[tuple[Direction, Direction]]) -> Agreement:
    """The agreement of predictions with what was found.

    Args:
        pairs: what happened to a risk, and what was predicted.

    Example:
        >>> up, down = Direction.INCREASES, Direction.DECREASES
        >>> agreement([(up, up), (up, down), (down, down)]).balanced_accuracy
        0.75
    """
    counts = {direction: [0, 0] for direction in Direction}
    for found, predicted in pairs:
        counts[found][0] += found is predicted
        counts[found][1] += 1
    (right, all_increases), (right_too, all_decreases) = counts[Direction.INCREASES], counts[Direction.DECREASES]
    return Agreement((right, all_increases), (right_too, all_decreases))
