"""The likelihood ratio attack. Carlini et al. 2022, https://arxiv.org/abs/2112.03570, Algorithm 1, sections V-VI."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final, Literal, Self

from annotated_types import Interval
from torch import Tensor

from amulet.core.data import Schema, Selection
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidParameter, Problem
from amulet.core.roles import SHADOW, Requests, shadow_requests
from amulet.core.spec import Count
from amulet.core.split import Split
from amulet.core.threat import Access, Adversary
from amulet.functional.membership.likelihood import Gaussians, fit_gaussian_pair, fit_gaussians
from amulet.membership_inference.outcome import MembershipInferenceAttack
from amulet.membership_inference.queries import Queries
from amulet.membership_inference.shadow_answers import require_sides, shadow_answers
from amulet.training.augmentation import Augmentation, Crop, Flip

Variance = Literal["record", "global"]
"""Whether each record has its own variance, or all share one, which is better below about 64 shadow models."""

FEWEST: Final = 2
"""The smallest number of shadow models: one trained with each record and one without it."""

AUGMENTATIONS: Final = (Flip(), Crop(padding=2))
"""How further queries are made of an image."""


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
        queries: how often each model is asked about a record: once as it is, and then with random augmentations, which
            are the same for all models. More than one for images only.
        augmentations: of the further queries, applied one after the other; those of the target's training are best.
    """

    needs = Access.LOGITS
    shadows: Annotated[int, Interval(ge=2, le=10_000)] = 16
    variance: Variance = "global"
    online: bool = True
    defense_known: bool = True
    queries: Count = 1
    augmentations: tuple[Augmentation, ...] = AUGMENTATIONS

    @classmethod
    def for_data(cls, dataset: AmuletDataset, split: Split) -> tuple[Self, ...]:
        """With eight shadow models."""
        del dataset, split
        return (cls(shadows=8),)

    def problems(self) -> Iterator[Problem]:
        """The number is even, so that each record is in exactly half of the shadow models."""
        if self.shadows % 2:
            yield self.problem("shadows", "even, since shadows are trained in complementary halves")
        if self.shadows == FEWEST and self.variance == "record":
            yield self.problem("shadows", "at least 4 with variance 'record', two on either side of each record")
        if self.queries == 1 and self.augmentations != AUGMENTATIONS:
            yield self.problem("queries", "at least 2 for 'augmentations' to have an effect")
        if self.queries > 1 and not self.augmentations:
            yield self.problem("augmentations", "at least one where there are several queries")

    def demands(self, schema: Schema) -> Iterator[str]:
        """Several queries need records that the augmentations can change, images."""
        if self.queries > 1:
            found = [problem for each in self.augmentations for problem in each.data_problems(schema, 0)]
            yield from (f"{self} asks about augmented records: {problem.sentence}" for problem in found)

    def own_models(self, split: Split) -> Requests:
        """The shadow models."""
        return {SHADOW: shadow_requests(split, self.shadows, defense_known=self.defense_known)}

    def score(self, adversary: Adversary, candidates: Selection) -> Tensor:
        """(n,) online the log-likelihood ratio, offline the mean standard score under models trained without it."""
        if unmet := [Problem("queries", sentence) for sentence in self.demands(candidates.schema)]:
            raise InvalidParameter(unmet)
        queries = Queries(self.queries, self.augmentations, adversary.seed)
        confidences, inside = shadow_answers(
            adversary, candidates, queries.confidences, count=self.shadows, access=self.needs, asker=self
        )
        with_it, without = self._gaussians(confidences, inside)
        observed = queries.confidences(adversary.target, candidates)
        if not self.online:
            return without.standardized(observed).mean(1)
        return with_it.log_density(observed) - without.log_density(observed)

    def _gaussians(self, confidences: Tensor, inside: Tensor) -> tuple[Gaussians, Gaussians]:
        """Gaussians of models trained with and without each record, from (shadows, n, queries) scaled logits."""
        least = 1 if self.shadows == FEWEST else 2
        require_sides(inside, self, with_it=least, without=least)
        if self.shadows == FEWEST:
            return fit_gaussian_pair(confidences, inside)
        per_record = self.variance == "record"
        with_it, without = (fit_gaussians(confidences, use, per_record=per_record) for use in (inside, ~inside))
        return with_it, without
