"""Optional inputs of training, beyond the training records."""

from dataclasses import dataclass
from typing import Final

from torch import Tensor

from amulet.core.data import Data


@dataclass(frozen=True, eq=False)
class Held:
    """Optional inputs beyond the training records.

    Attributes:
        validation: clean records of the defender, set aside before any attack on the training records.
        scores: for stages that remove records by a score, in their order, the (n,) scores of the records that the
            stage receives, if they have been computed already.
    """

    validation: Data | None = None
    scores: tuple[Tensor, ...] = ()


NOTHING: Final = Held()
"""No optional inputs."""
