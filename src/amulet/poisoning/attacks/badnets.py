"""A backdoor with a fixed pattern as its trigger. Gu et al. 2019, https://arxiv.org/abs/1708.06733, section 4."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Generator, Tensor

from amulet.core.data import Data, Modality, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidData
from amulet.core.spec import NonNegativeInt, OpenProbability
from amulet.core.split import Split
from amulet.poisoning.attacks.patterns import Features, Patch, Pattern
from amulet.poisoning.outcome import PoisoningAttack


@dataclass(frozen=True)
class BadNets(PoisoningAttack):
    """Adds a pattern to a share of the training records and labels them as the adversary's class.

    The records are drawn from those of other classes, so that each poisoned record has a wrong label.

    Attributes:
        fraction: the share of poisoned records among all training records.
        label: the code of the adversary's class.
        pattern: the trigger; by default `Patch()` on images and `Features()` on tabular records.
    """

    fraction: OpenProbability = 0.1
    label: NonNegativeInt = 0
    pattern: Pattern | None = None

    @classmethod
    def for_data(cls, dataset: AmuletDataset, split: Split) -> tuple[Self, ...]:
        """The adversary's class is the rarest, so that most records are of other classes."""
        del split
        counts = torch.bincount(dataset.train.y, minlength=len(dataset.schema.classes))
        return (cls(label=int(counts.argmin())),)

    def poison(self, data: Data, rng: Generator) -> Data:
        """Copies of random records of other classes, with the pattern and the adversary's class.

        Raises:
            InvalidData: `fraction` is too small to poison a record, or there are too few records of other classes.
        """
        candidates = (data.y != self.label).nonzero()[:, 0]
        count = round(self.fraction * len(data))
        if not 0 < count <= len(candidates):
            allowed = f"such that between 1 and {len(candidates)} of {len(data)} records are poisoned"
            raise InvalidData([self.problem("fraction", allowed)])
        order = torch.randperm(len(candidates), generator=rng, device=rng.device)
        victims = data[candidates[order[:count].to(candidates.device)]].as_inputs()
        return replace(victims, x=self.trigger(victims.x, victims.schema), y=torch.full_like(victims.y, self.label))

    def trigger(self, x: Tensor, schema: Schema) -> Tensor:
        """Records with the pattern."""
        return self._pattern(schema).stamp(x, schema)

    def unfit(self, schema: Schema) -> Iterator[str]:
        """The reasons why the pattern cannot be used on such records."""
        yield from (problem.sentence for problem in self._pattern(schema).unfit(schema))

    def _pattern(self, schema: Schema) -> Pattern:
        return self.pattern or (Patch() if schema.modality is Modality.IMAGE else Features())
