"""A data set made by a function of the user's own, named by its import path."""

from collections.abc import Iterator
from dataclasses import dataclass

from amulet.core.dataset import AmuletDataset
from amulet.core.dataset_spec import DatasetSpec
from amulet.core.errors import Problem
from amulet.core.spec import Arguments
from amulet.core.user_code.imports import ImportPath, UserCode


@dataclass(frozen=True)
class ImportedDataset(DatasetSpec):
    """A function that returns an AmuletDataset: "package.module:name" and its arguments."""

    function: ImportPath
    arguments: Arguments = ()

    def problems(self) -> Iterator[Problem]:
        """Say when nothing can be imported from there."""
        yield from UserCode(self.function).problems("function", type(self).__name__)

    def outside_sources(self) -> Iterator[str]:
        """The function's own source."""
        yield UserCode(self.function).digest

    def load(self) -> AmuletDataset:
        """Call the function."""
        dataset = UserCode(self.function).call(arguments=dict(self.arguments))
        if not isinstance(dataset, AmuletDataset):
            raise TypeError(f"'{self.function}' must return an AmuletDataset. Got {type(dataset).__name__}.")
        return dataset
