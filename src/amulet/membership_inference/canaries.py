"""Canaries: records that are included in the training of one model by independent fair coins."""

from dataclasses import dataclass, replace
from typing import Literal

import torch
from torch import Tensor

from amulet.core.data import Data
from amulet.core.seeds import generator
from amulet.core.spec import Count, Spec
from amulet.core.split import SplitDraw

Labels = Literal["wrong", "own"]
"""Whether a canary has a random class other than its own, or its own."""


@dataclass(frozen=True)
class Canaries(Spec):
    """Which of the auxiliary records are canaries, and how they are labelled.

    Attributes:
        count: how many there are; all auxiliary records where these are fewer.
        labels: "wrong" for a random class other than a canary's own.
    """

    count: Count = 1000
    labels: Labels = "wrong"

    def places(self, auxiliary: Tensor, seed: int) -> Tensor:
        """(m,) positions of the canaries among those of the auxiliary records, ascending."""
        order = torch.randperm(len(auxiliary), generator=generator(seed, "canaries"))
        return auxiliary[order[: self.count]].sort().values

    def labelled(self, records: Data, seed: int) -> Data:
        """The canaries under the labels that they are trained with."""
        if self.labels == "own":
            return records
        classes = len(records.schema.classes)
        shifts = torch.randint(1, classes, (len(records),), generator=generator(seed, "canary labels"))
        return replace(records, y=(records.y + shifts.to(records.y.device)) % classes)


@dataclass(frozen=True)
class CanaryDraw(SplitDraw):
    """All members, and about half of the canaries, each by a fair coin of its own."""

    canaries: Canaries = Canaries()

    def choose(self, data: Data) -> Tensor:
        """Positions of the members and of the canaries whose coin says so."""
        included = self._candidates(data)[self._coins(data)]
        return torch.cat([self.split.divide(len(data)).members, included]).sort().values

    def take(self, data: Data) -> Data:
        """The chosen records, the canaries among them under their labels."""
        places, candidates = self.choose(data), self._candidates(data)
        records, canaries = data[places], self.canaries.labelled(data[candidates], self.split.seed)
        inside = torch.searchsorted(places, candidates[self._coins(data)])
        return replace(records, y=records.y.index_copy(0, inside, canaries.y[self._coins(data)]))

    def _candidates(self, data: Data) -> Tensor:
        return self.canaries.places(self.split.divide(len(data)).auxiliary, self.split.seed)

    def _coins(self, data: Data) -> Tensor:
        """(m,) bool, one for each canary."""
        return torch.rand(len(self._candidates(data)), generator=generator(self.split.seed, "coins")) < 0.5
