"""Membership by a low loss. Yeom et al. 2018, https://arxiv.org/abs/1709.01604, adversary 2."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor

from amulet.core.data import Selection
from amulet.core.threat import Access, Adversary
from amulet.functional.membership.signals import negative_loss
from amulet.membership_inference.outcome import MembershipInferenceAttack


@dataclass(frozen=True)
class LossThreshold(MembershipInferenceAttack):
    """The score is minus the cross-entropy of the true class. No models are trained for it."""

    version: ClassVar[int] = 2
    needs = Access.LOGITS

    def score(self, adversary: Adversary, candidates: Selection) -> Tensor:
        """(n,) log p of the true class's probability p, not rounded to zero for records of high confidence."""
        return negative_loss(adversary.target.logits(candidates), candidates.y)
