"""The robust membership inference attack. Zarifzadeh et al. 2024, https://arxiv.org/abs/2312.03262, section 3."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated, Final

from annotated_types import Interval
from torch import Tensor

from amulet.core.data import Selection
from amulet.core.errors import Problem
from amulet.core.roles import SHADOW, Requests, shadow_requests
from amulet.core.spec import Models
from amulet.core.split import Split
from amulet.core.threat import Access, Adversary, Target
from amulet.functional.membership.relative_likelihood import (
    log_likelihood_offline,
    log_mean_likelihood,
    share_dominated,
)
from amulet.functional.membership.signals import negative_loss
from amulet.membership_inference.outcome import MembershipInferenceAttack
from amulet.membership_inference.shadow_answers import require_sides, shadow_answers

SLOPE: Final = 0.3
"""The slope of the authors' published code."""


@dataclass(frozen=True)
class RMIA(MembershipInferenceAttack):
    """The share of other records whose probability the target raises less than the record's, compared with references.

    The ratio of a record x is Pr(x | target) / Pr(x): the target's probability of its true class, over the mean
    probability that reference models give it. The score of x is the share of the population records z of which the
    ratio, times `gamma`, is at most that of x. The references are shadow models, the same as those of LiRA.

    Attributes:
        shadows: the number of reference models; online even, so that half are trained with each record.
        online: whether references trained with the record are used, too. If not, `a` stands for them.
        gamma: how many times larger the ratio of x must be than that of z, at least 1.
        a: offline, the slope of the line by which the probability under references trained with a record follows from
            that under others, p_in = a p_out + 1 - a. The more the models over-fit, the smaller it is.
        defense_known: whether the adversary knows the target's defenses and trains the references with them.
    """

    needs = Access.LOGITS
    shadows: Models = 4
    online: bool = True
    gamma: Annotated[float, Interval(ge=1, le=1e6)] = 1.0
    a: Annotated[float, Interval(gt=0, le=1)] = SLOPE
    defense_known: bool = True

    def problems(self) -> Iterator[Problem]:
        """Online the number is even, and there is no use for `a`."""
        if self.online and self.shadows % 2:
            yield self.problem("shadows", "even, since shadows are trained in complementary halves, or 'online' false")
        if self.online and self.a != SLOPE:
            yield self.problem("a", f"left at {SLOPE:g} where 'online' is true, since it is then of no use")

    def own_models(self, split: Split) -> Requests:
        """The reference models."""
        return {SHADOW: shadow_requests(split, self.shadows, defense_known=self.defense_known)}

    def score(self, adversary: Adversary, candidates: Selection) -> Tensor:
        """(n,) shares in 0..1; the candidates are the population, too."""
        log_p, inside = shadow_answers(
            adversary, candidates, _log_likelihood, count=self.shadows, access=self.needs, asker=self
        )
        ratios = _log_likelihood(adversary.target, candidates) - self._log_likelihood(log_p, inside)
        return share_dominated(ratios, ratios, self.gamma)

    def _log_likelihood(self, log_p: Tensor, inside: Tensor) -> Tensor:
        """(n,) log Pr(x), from (shadows, n) log probabilities under the references."""
        if not self.online:
            return log_likelihood_offline(log_p, inside, self.a)
        require_sides(inside, self, with_it=1, without=1)
        return log_mean_likelihood(log_p)


def _log_likelihood(target: Target, records: Selection) -> Tensor:
    return negative_loss(target.logits(records), records.y)
