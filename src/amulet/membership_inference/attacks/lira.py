"""The likelihood ratio attack. Carlini et al. 2022, https://arxiv.org/abs/2112.03570, Algorithm 1, section VI."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import torch
from annotated_types import Interval
from torch import Tensor

from amulet.core.data import Selection
from amulet.core.errors import MissingInput, Problem
from amulet.core.roles import SHADOW, Requests, shadow_requests
from amulet.core.split import Split
from amulet.core.threat import Access, Adversary, TrainedModel, opened
from amulet.functional.likelihood import Gaussians, fit_gaussian_pair, fit_gaussians, scaled_logits
from amulet.membership_inference.outcome import MembershipInferenceAttack

Variance = Literal["record", "global"]
"""Whether each record has its own variance, or all share one, which is better below about 64 shadow models."""

FEWEST: Final = 2
"""The smallest number of shadow models: one trained with each record and one without it."""


@dataclass(frozen=True)
class LiRA(MembershipInferenceAttack):
    """Likelihood ratio of the target's confidence under models trained with the record and models trained without it.

    Shadow models are trained on complementary halves of the pool, so that half of them are trained with each record.
    One Gaussian is fitted to the scaled logits of these, and one to those of the others.

    Attributes:
        shadows: the number of shadow models, even.
        variance: whether each record has its own variance ("record") or all share one ("global").
        online: whether both Gaussians are used. If not, only models trained without the record are, as by an adversary
            who gets the record after training them. The score is then the number of standard deviations by which the
            target's confidence exceeds their mean (one-sided, since membership raises the confidence).
        defense_known: whether the adversary knows the target's defenses and trains the shadow models with them.
    """

    needs = Access.LOGITS
    shadows: Annotated[int, Interval(ge=2, le=10_000)] = 16
    variance: Variance = "global"
    online: bool = True
    defense_known: bool = True

    def problems(self) -> Iterator[Problem]:
        """The number is even, so that each record is in exactly half of the shadow models."""
        if self.shadows % 2:
            yield self.problem("shadows", "even, since shadows are trained in complementary halves")
        if self.shadows == FEWEST and self.variance == "record":
            yield self.problem("shadows", "at least 4 with variance 'record', two on either side of each record")

    def own_models(self, split: Split) -> Requests:
        """The shadow models."""
        return {SHADOW: shadow_requests(split, self.shadows, defense_known=self.defense_known)}

    def score(self, adversary: Adversary, candidates: Selection) -> Tensor:
        """(n,) online the log-likelihood ratio, offline the standard score under models trained without the record."""
        shadows = adversary.own(SHADOW, self.shadows, self)
        seen = [(_scaled_logits_of(shadow, candidates), shadow.trained_on(candidates.index)) for shadow in shadows]
        confidences, inside = (torch.stack(each) for each in zip(*seen, strict=True))
        with_it, without = self._gaussians(confidences, inside)
        observed = scaled_logits(adversary.target.logits(candidates), candidates.y)
        if not self.online:
            return (observed - without.mean) / without.std
        return with_it.log_density(observed) - without.log_density(observed)

    def _gaussians(self, confidences: Tensor, inside: Tensor) -> tuple[Gaussians, Gaussians]:
        """Gaussians of models trained with and without each record, from (shadows, n) scaled logits."""
        least = 1 if self.shadows == FEWEST else 2
        if inside.sum(0).min() < least or (~inside).sum(0).min() < least:
            raise MissingInput(f"{self} needs shadows trained with and without every record, at least {least} of each.")
        if self.shadows == FEWEST:
            return fit_gaussian_pair(confidences, inside)
        per_record = self.variance == "record"
        with_it, without = (fit_gaussians(confidences, use, per_record=per_record) for use in (inside, ~inside))
        return with_it, without


def _scaled_logits_of(shadow: TrainedModel, candidates: Selection) -> Tensor:
    with opened(shadow.model.to(candidates.places.device), Access.LOGITS, candidates) as target:
        return scaled_logits(target.logits(candidates), candidates.y)
