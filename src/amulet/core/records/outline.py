"""The outline of a data set: what its records are like and how many there are, without any of them."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Generator, Tensor

from amulet.core.data import Data, Modality, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.records.synthetic import random_inputs
from amulet.core.seeds import generator

DIFFERENT: Final = 1000
"""The number of different images among random ones."""


@dataclass(frozen=True)
class Outline:
    """What is known of a data set before it is read.

    Attributes:
        name: of the data set.
        schema: of its records.
        train, test: how many training and test records there are.
    """

    name: str
    schema: Schema
    train: int
    test: int

    def filled(self) -> AmuletDataset:
        """As many random records, to plan with where the data set is not at hand; results on them mean nothing."""
        rng = generator(0, "outline")
        train, test = (self._records(count, rng) for count in (self.train, self.test))
        return AmuletDataset(f"{self.name} (random records)", train, test)

    def _records(self, count: int, rng: Generator) -> Data:
        y = torch.randint(len(self.schema.classes), (count,), generator=rng)
        z = [torch.randint(len(each.values), (count,), generator=rng) for each in self.schema.attributes]
        columns = torch.stack(z, dim=1) if z else torch.empty(count, 0, dtype=torch.int64)
        return Data(self._inputs(count, rng), y, columns, torch.arange(count), self.schema)

    def _inputs(self, count: int, rng: Generator) -> Tensor:
        """Images are bytes, as those of data sets are; the same ones again and again, since random bytes take long."""
        if self.schema.modality is Modality.IMAGE:
            some = torch.randint(256, (DIFFERENT, *self.schema.shape), dtype=torch.uint8, generator=rng)
            return some[torch.arange(count) % DIFFERENT]
        return random_inputs(self.schema, count, rng)
