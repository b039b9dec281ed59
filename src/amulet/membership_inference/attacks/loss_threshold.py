"""Members have lower loss. Yeom et al. 2018, https://arxiv.org/abs/1709.01604, adversary 2."""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn.functional import logsigmoid

from amulet.core.data import Selection
from amulet.core.threat import Access, Adversary
from amulet.functional.likelihood import scaled_logits
from amulet.membership_inference.outcome import MembershipInferenceAttack


@dataclass(frozen=True)
class LossThreshold(MembershipInferenceAttack):
    """The score is minus the cross-entropy of the true label; it needs no training."""

    version: ClassVar[int] = 2
    needs = Access.LOGITS

    def score(self, adversary: Adversary, candidates: Selection) -> Tensor:
        """(n,) minus the loss: log p, as the log sigmoid of log(p / (1 - p)).

        By way of p it would be zero from p = 1 - 1e-16 on, and the records that a model is surest of would look alike.
        """
        return logsigmoid(scaled_logits(adversary.target.logits(candidates), candidates.y))
