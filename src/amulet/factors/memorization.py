"""Memorization of training records. Feldman and Zhang 2020, https://arxiv.org/abs/2008.03703, equation (1)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import final

import torch
from torch import Tensor

from amulet.core.data import Data
from amulet.core.errors import MissingInput, Problem
from amulet.core.probe import Game
from amulet.core.records.data_checks import require_data
from amulet.core.roles import SHADOW, Requests, shadow_requests
from amulet.core.spec import Models
from amulet.core.split import Split
from amulet.core.threat import TrainedModel, require_trained
from amulet.factors.factor import Factor, FactorOutcome
from amulet.factors.records import logits_about
from amulet.functional.membership.memorization import memorization


@final
@dataclass(frozen=True)
class Memorization(Factor):
    """How much more often models of the row's recipe are right about a record if it is among their training records.

    The models are those that LiRA asks for: each is trained on one half of the members and auxiliary records, as many
    records as the target has. The value is the mean over the target's training records, and the outcome holds each of
    them. It is a property of the recipe with its defenses, not of the one target.

    Attributes:
        shadows: how many models; half of them are trained with each record. Even.
    """

    low, high = -1.0, 1.0
    title = "Memorization"
    meaning = "How much more often models are right about a training record than models that were trained without it."
    needs_members = True

    shadows: Models = 8

    def problems(self) -> Iterator[Problem]:
        """The number is even, so that each record is in exactly half of the models."""
        if self.shadows % 2:
            yield self.problem("shadows", "even, since models are trained on complementary halves")

    def models(self, split: Split) -> Requests:
        """The shadow models, trained with the row's defenses."""
        return {SHADOW: shadow_requests(split, self.shadows)}

    def audit(self, members: Data, shadows: Sequence[TrainedModel]) -> FactorOutcome:
        """The memorization of each record.

        Args:
            members: the records that are asked about, such as the training records of a target.
            shadows: models of one recipe, each with the identities of its training records. Some of them must be
                trained with each of them, and some without it.

        Raises:
            MissingInput: there is a record that no model, or every model, was trained with.
            InvalidParameter: a model does not say what it was trained on, or does not give one logit for each class.
        """
        require_data(members, "members", str(self))
        correct, inside = zip(*(_answer(each, members, str(self)) for each in shadows), strict=True)
        found = memorization(torch.stack(correct), torch.stack(inside))
        if found.isnan().any():
            raise MissingInput(f"{self} needs models that were trained with each record, and others without it.")
        return FactorOutcome(found, torch.ones(len(found), dtype=torch.int64), members.index.cpu())

    def play(self, game: Game) -> FactorOutcome:
        """The memorization of the target's training records."""
        return self.audit(game.members, game.models[SHADOW])

    def value(self, outcome: FactorOutcome) -> float:
        """In [-1, 1]: the mean over the records."""
        return float(outcome.values.mean())


def _answer(shadow: TrainedModel, records: Data, owner: str) -> tuple[Tensor, Tensor]:
    """(n,) bool each: whether the model is right about each record, and was trained with it."""
    require_trained(shadow, "shadows", owner)
    right = logits_about(shadow.model, records).argmax(1) == records.y.cpu()
    return right, shadow.trained_on(records.index).cpu()
