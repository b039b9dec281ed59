"""A fixed pattern opens a backdoor. Gu et al. 2019, https://arxiv.org/abs/1708.06733, section 4."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from amulet.core.data import Data, Modality, Schema
from amulet.core.errors import InvalidData
from amulet.core.spec import NonNegativeInt, OpenProbability
from amulet.poisoning.attacks.patterns import Features, Patch, Pattern
from amulet.poisoning.outcome import PoisoningAttack


@dataclass(frozen=True)
class BadNets(PoisoningAttack):
    """Stamps a pattern on a share of the training records and labels them as the adversary's class.

    The records are drawn among those of other classes, so that every poisoned one lies; `fraction` is their share of
    all training records. Without a `pattern` it is `Patch()` on images and `Features()` on tabular records.
    """

    fraction: OpenProbability = 0.1
    label: NonNegativeInt = 0
    pattern: Pattern | None = None

    def poison(self, data: Data, rng: Generator) -> Data:
        """Stamped and relabelled copies.

        Raises:
            InvalidData: there are fewer records of other classes than are to be poisoned, or none is.
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
        """What the pattern does not find."""
        yield from (problem.sentence for problem in self._pattern(schema).unfit(schema))

    def _pattern(self, schema: Schema) -> Pattern:
        return self.pattern or (Patch() if schema.modality is Modality.IMAGE else Features())
