"""Optional inputs of training, beyond the training records."""

from dataclasses import dataclass
from typing import Final

from torch import Tensor

from amulet.core.data import Data
from amulet.core.errors import MissingInput
from amulet.core.short_repr import short_repr


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

    __repr__ = short_repr

    def require_validation(self, asker: object) -> Data:
        """The clean records.

        Raises:
            MissingInput: there are none; `asker` is what is fitted to them or compares with them.
        """
        if self.validation is None or len(self.validation) == 0:
            raise MissingInput(
                f"{asker} compares with clean records of the defender's own, and there are none. Pass "
                "held=Held(validation=...), or in an experiment a Split with 'validation' above 0."
            )
        return self.validation


NOTHING: Final = Held()
"""No optional inputs."""
