"""The records of one game of attribute inference, and the two ways in which an adversary can see them."""

from dataclasses import dataclass
from typing import Final, Self, final

import torch
from torch import Tensor

from amulet.attribute_inference.observed import Observed
from amulet.core.data import Data
from amulet.core.seeds import generator
from amulet.core.short_repr import short_repr
from amulet.core.threat import Access, Target
from amulet.functional.balanced_decision import balanced_offsets

HELD_OUT: Final = 0.2
"""The share of the adversary's records on which it chooses its thresholds; it learns from the others."""

SMALLEST: Final = 1e-300
"""Smaller scores are raised to this before their logarithm."""


@final
@dataclass(frozen=True, eq=False)
class Hand:
    """The adversary's records in two parts, and the records under attack.

    Attributes:
        asked: the model that the adversary asks about its own records.
        target: the model that answers about the records under attack.
        learned: the records that the adversary learns from.
        chosen_on: the records on which it chooses its thresholds.
        victims: the records under attack.
        visible: places of the inputs that it sees; None if it sees no record.
    """

    asked: Target
    target: Target
    learned: Data
    chosen_on: Data
    victims: Data
    visible: Tensor | None

    __repr__ = short_repr

    @classmethod
    def dealt(
        cls, asked: Target, target: Target, own: Data, victims: Data, visible: Tensor | None, *, seed: int
    ) -> Self:
        """The adversary's own records divided at random."""
        order = torch.randperm(len(own), generator=generator(seed, "held out")).to(own.y.device)
        chosen_on, learned = order.tensor_split([round(HELD_OUT * len(own))])
        return cls(asked, target, own[learned], own[chosen_on], victims, visible)

    def seen(self, access: Access) -> tuple[Observed, Observed]:
        """What the adversary learns from, and the records in question: those to choose on, then the victims."""
        asked, target = self.asked.narrowed(access), self.target.narrowed(access)
        known = Observed((asked, self.learned), visible=self.visible)
        return known, Observed((asked, self.chosen_on), (target, self.victims), visible=self.visible)


def decided(scores: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
    """The scores of the victims, and the values inferred from them by thresholds chosen on the adversary's records.

    Args:
        scores: (m + n, k) scores of at least 0 of m records of the adversary, then of n victims.
        values: (m,) codes of the adversary's records.

    Returns:
        (n, k) scores and (n,) codes.
    """
    logarithms = scores.clamp_min(SMALLEST).log()
    offsets = balanced_offsets(logarithms[: len(values)], values)
    return scores[len(values) :], (logarithms[len(values) :] + offsets).argmax(1)


def most_frequent(values: Tensor, kinds: int, victims: int) -> tuple[Tensor, Tensor]:
    """What an adversary infers without model and record: shares of the values as scores, and the largest as guess.

    Args:
        values: (m,) codes of the adversary's records.
        kinds: k, the number of values.
        victims: n, the number of victims.

    Returns:
        (n, k) float64 scores and (n,) codes.
    """
    shares = values.bincount(minlength=kinds).double() / len(values)
    return shares.repeat(victims, 1), shares.argmax().repeat(victims)
