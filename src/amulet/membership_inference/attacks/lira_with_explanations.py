"""LiRA on confidences and explanations. Carlini et al. 2022, https://arxiv.org/abs/2112.03570, Algorithm 1.

The second statistic is the variance of the explanation: Shokri et al. 2021, https://arxiv.org/abs/1907.00164.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final, Self

import torch
from annotated_types import Interval
from torch import Tensor

from amulet.core.data import Selection
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import Problem
from amulet.core.roles import SHADOW, Requests, shadow_requests
from amulet.core.split import Split
from amulet.core.threat import Access, Adversary, Target
from amulet.functional.gradients.attributions import log_variances
from amulet.functional.membership.joint_likelihood import fit_joint_gaussians
from amulet.functional.membership.likelihood import fit_gaussians, scaled_logits
from amulet.membership_inference.attacks.lira import LiRA, Variance
from amulet.membership_inference.outcome import MembershipInferenceAttack
from amulet.membership_inference.shadow_answers import require_sides, shadow_answers

FEWEST: Final = {"global": 2, "record": 3}
"""The fewest shadow models with each record, and as many without it: a covariance of two statistics needs three."""


@dataclass(frozen=True)
class LiRAWithExplanations(MembershipInferenceAttack):
    """Likelihood ratio of confidence and explanation together, under models trained with the record and without it.

    Of each model the adversary takes the scaled logit of the true class, and the logarithm of the variance of the
    explanation over the inputs; shadow models it explains itself, as the target is explained. One Gaussian of both
    statistics is fitted to the models trained with the record, and one to the others. Of a target that releases no
    explanations it takes confidences alone, which is `LiRA`.

    Attributes:
        shadows: the number of shadow models, even and at least 4; 6 where each record has its own covariance.
        variance: whether each record has its own covariance ("record") or all share one ("global").
        defense_known: whether the adversary knows the target's defenses and trains the shadow models with them.
    """

    needs = Access.LOGITS | Access.EXPLANATIONS
    shadows: Annotated[int, Interval(ge=4, le=10_000)] = 16
    variance: Variance = "global"
    defense_known: bool = True

    @classmethod
    def for_data(cls, dataset: AmuletDataset, split: Split) -> tuple[Self, ...]:
        """With eight shadow models, those of `LiRA`."""
        del dataset, split
        return (cls(shadows=8),)

    def problems(self) -> Iterator[Problem]:
        """Half of the models are trained with each record."""
        if self.shadows % 2:
            yield self.problem("shadows", "even, since shadows are trained in complementary halves")
        elif self.shadows < 2 * FEWEST[self.variance]:
            yield self.problem("shadows", "at least 6 with variance 'record', three on either side of each record")

    def without_releases(self) -> LiRA:
        """`LiRA` with as many shadow models."""
        return LiRA(self.shadows, self.variance, defense_known=self.defense_known)

    def own_models(self, split: Split) -> Requests:
        """The shadow models."""
        return {SHADOW: shadow_requests(split, self.shadows, defense_known=self.defense_known)}

    def score(self, adversary: Adversary, candidates: Selection) -> Tensor:
        """(n,) the log-likelihood ratio."""
        statistics, inside = shadow_answers(
            adversary, candidates, _statistics, count=self.shadows, access=self.needs, asker=self
        )
        require_sides(inside, self, with_it=FEWEST[self.variance], without=FEWEST[self.variance])
        observed, per_record = _statistics(adversary.target, candidates), self.variance == "record"
        fit = fit_gaussians if observed.shape[1] == 1 else fit_joint_gaussians
        with_it, without = (fit(statistics, use, per_record=per_record) for use in (inside, ~inside))
        return with_it.log_density(observed) - without.log_density(observed)


def _statistics(target: Target, records: Selection) -> Tensor:
    """(n, 1) scaled logits of the true class; (n, 2) with the log variances of explanations, if there are any."""
    confidences = scaled_logits(target.logits(records), records.y)
    if target.release(Access.EXPLANATIONS) is None:
        return confidences[:, None]
    return torch.stack([confidences, log_variances(target.answers(Access.EXPLANATIONS, records))], 1)
