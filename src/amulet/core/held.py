"""What a defender holds besides the training records."""

from dataclasses import dataclass
from typing import Final

from torch import Tensor

from amulet.core.data import Data


@dataclass(frozen=True, eq=False)
class Held:
    """Nothing, unless stated.

    Attributes:
        validation: clean records of the defender's own, carved out before anybody could tamper with them.
        scores: (n,) of the training records, where the recipe's first preparation removes records by scores that
            have been computed already.
    """

    validation: Data | None = None
    scores: Tensor | None = None


NOTHING: Final = Held()
