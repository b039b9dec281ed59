"""Queries of an attack: each record as it is, and random changes of it that keep its class."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from amulet.core.data import Data, Selection
from amulet.core.seeds import generator
from amulet.core.threat import Target
from amulet.functional.membership.likelihood import scaled_logits
from amulet.training.augmentation import Augmentation


@dataclass(frozen=True)
class Queries:
    """What a model is asked about each record; the same for every model.

    Attributes:
        count: the queries for each record. The first is the record itself.
        augmentations: applied to the record one after the other for each further query, drawn anew for each.
        seed: of the random changes.
    """

    count: int = 1
    augmentations: Sequence[Augmentation] = ()
    seed: int = 0

    def confidences(self, target: Target, records: Selection) -> Tensor:
        """(n, count) scaled logits of the true class. The changed records are made in batches."""
        asked = [scaled_logits(target.logits(records), records.y)]
        asked += [
            torch.cat([scaled_logits(target.logits(batch), batch.y) for batch in self._changed(records, query)])
            for query in range(1, self.count)
        ]
        return torch.stack(asked, dim=1)

    def _changed(self, records: Selection, query: int) -> Iterator[Data]:
        rng = generator(self.seed, "queries", query, device=str(records.places.device))
        for batch in records.batches():
            x = batch.x
            for augmentation in self.augmentations:
                x = augmentation.augment(x, batch.schema, rng)
            yield replace(batch, x=x)
