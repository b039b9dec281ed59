"""The likelihood ratio attack. Carlini et al. 2022, https://arxiv.org/abs/2112.03570, Algorithm 1, section VI."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final, Literal

import torch
from annotated_types import Interval
from torch import Tensor

from amulet.core.data import Selection
from amulet.core.errors import MissingInput, Problem
from amulet.core.model import evaluating, predict
from amulet.core.roles import SHADOW, Requests, shadow_requests
from amulet.core.split import Split
from amulet.core.threat import Access, Adversary, TrainedModel
from amulet.functional.likelihood import Gaussians, fit_gaussian_pair, fit_gaussians, scaled_logits
from amulet.membership_inference.outcome import MembershipInferenceAttack

Variance = Literal["record", "global"]
"""Whether each record has a variance of its own or all share one (better below about 64 shadows)."""

FEWEST: Final = 2
"""Shadow models: one trained with each record and one without it."""


@dataclass(frozen=True)
class LiRA(MembershipInferenceAttack):
    """Is the target's confidence more likely from models trained with the record, or without it?

    Half the shadow models are trained with each record (complementary halves), and a Gaussian is fitted to
    their scaled logits on either side. Offline, only models trained without the record are used, as by an
    adversary who meets the record after training them: the score is how far the target's confidence lies
    above theirs (one-sided, for only more confidence speaks for membership). `defense_known` says whether
    the shadows are trained with the target's defense, as an adversary would who knows it.
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
        """(n,) online the log-likelihood ratio, offline the standard score against "trained without it"."""
        shadows = adversary.own(SHADOW, self.shadows, self)
        seen = [(_confidence(shadow, candidates), shadow.trained_on(candidates.index)) for shadow in shadows]
        confidences, inside = (torch.stack(each) for each in zip(*seen, strict=True))
        with_it, without = self._gaussians(confidences, inside)
        observed = scaled_logits(adversary.target.logits(candidates), candidates.y)
        if not self.online:
            return (observed - without.mean) / without.std
        return with_it.log_density(observed) - without.log_density(observed)

    def _gaussians(self, confidences: Tensor, inside: Tensor) -> tuple[Gaussians, Gaussians]:
        """Of models trained with and without each record, from (shadows, n) confidences."""
        least = 1 if self.shadows == FEWEST else 2
        if inside.sum(0).min() < least or (~inside).sum(0).min() < least:
            raise MissingInput(f"{self} needs shadows trained with and without every record, at least {least} of each.")
        if self.shadows == FEWEST:
            return fit_gaussian_pair(confidences, inside)
        per_record = self.variance == "record"
        with_it, without = (fit_gaussians(confidences, use, per_record=per_record) for use in (inside, ~inside))
        return with_it, without


def _confidence(shadow: TrainedModel, candidates: Selection) -> Tensor:
    model = shadow.model.to(candidates.places.device)
    with evaluating(model):
        return scaled_logits(predict(model, candidates), candidates.y)
