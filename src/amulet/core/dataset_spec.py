"""What every data set is: a spec that loads."""

from abc import abstractmethod
from dataclasses import dataclass

from amulet.core.data import AmuletDataset
from amulet.core.spec import Spec


@dataclass(frozen=True)
class DatasetSpec(Spec):
    """Where a data set comes from and how it is processed. Its identity in results is its content, not this."""

    @abstractmethod
    def load(self) -> AmuletDataset:
        """Read it.

        Raises:
            InvalidData: the records cannot be used as they are.
        """
