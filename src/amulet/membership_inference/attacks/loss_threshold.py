"""Members have lower loss. Yeom et al. 2018, https://arxiv.org/abs/1709.01604, adversary 2."""

from dataclasses import dataclass

from torch import Tensor
from torch.nn.functional import cross_entropy

from amulet.core.data import Data
from amulet.core.threat import Access, Adversary
from amulet.membership_inference.outcome import MembershipInferenceAttack


@dataclass(frozen=True)
class LossThreshold(MembershipInferenceAttack):
    """The score is minus the cross-entropy of the true label; it needs no training."""

    needs = Access.LOGITS

    def score(self, adversary: Adversary, candidates: Data) -> Tensor:
        """(n,) minus the loss."""
        logits = adversary.target.logits(candidates.x)
        return -cross_entropy(logits.double(), candidates.y, reduction="none")
