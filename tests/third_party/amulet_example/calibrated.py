"""Loss compared with other models. Watson et al. 2022, https://arxiv.org/abs/2111.08440, section 3.2."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from amulet.core.data import Selection
from amulet.core.model import evaluating, predict
from amulet.core.roles import SURROGATE, Requests, surrogate_requests
from amulet.core.spec import Count
from amulet.core.split import Split
from amulet.core.threat import Access, Adversary
from amulet.membership_inference import MembershipInferenceAttack


@dataclass(frozen=True)
class CalibratedLoss(MembershipInferenceAttack):
    """How much lower the target's loss is than that of models trained on the adversary's own records."""

    needs = Access.LOGITS
    references: Count = 2
    defense_known: bool = True

    def own_models(self, split: Split) -> Requests:
        """The reference models."""
        return {SURROGATE: surrogate_requests(split, self.references, defense_known=self.defense_known)}

    def score(self, adversary: Adversary, candidates: Selection) -> Tensor:
        """(n,) the difference of losses; higher means member."""
        losses = [cross_entropy(adversary.target.logits(candidates), candidates.y, reduction="none")]
        for reference in adversary.own(SURROGATE, self.references, self):
            with evaluating(reference.model):
                losses.append(cross_entropy(predict(reference.model, candidates), candidates.y, reduction="none"))
        return torch.stack(losses[1:]).mean(0) - losses[0]
