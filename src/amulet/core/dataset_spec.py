"""The base class of data sets: specs that can be loaded."""

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path

from amulet.core.dataset import AmuletDataset
from amulet.core.records.outline import Outline
from amulet.core.spec import Spec


@dataclass(frozen=True)
class DatasetSpec(Spec):
    """The source of a data set and how it is processed. Results are stored under its content, not under this spec."""

    @abstractmethod
    def load(self) -> AmuletDataset:
        """Read the data set.

        Raises:
            InvalidData: the records cannot be used as they are.
        """

    def files(self) -> tuple[Path, ...] | None:
        """All files that `load` reads, whose content and the fields of the spec decide the records; a hook.

        Among them is every file that it would read if it were there. None, the default, if that cannot be told without
        loading, or something else decides them too.
        """
        return None

    def outline(self) -> Outline | None:
        """What is known of the data set before it is read; a hook. None if too little for a plan."""
        return None
