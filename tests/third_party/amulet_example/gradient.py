"""One step along the gradient's sign. Goodfellow et al. 2015, https://arxiv.org/abs/1412.6572, section 4."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from amulet.core.data import Data
from amulet.core.spec import NonNegative
from amulet.core.threat import Access, Adversary
from amulet.evasion import EvasionAttack


@dataclass(frozen=True)
class FastGradientSign(EvasionAttack):
    """Moves every input by `epsilon` to the side that raises the loss."""

    needs = Access.WEIGHTS
    epsilon: NonNegative = 8 / 255

    @property
    def climbs(self) -> bool:
        """It follows gradients, so that the plan tells of models without any."""
        return True

    def perturb(self, adversary: Adversary, victims: Data) -> Tensor:
        """The records, moved within the bounds of the data."""
        moved = victims.x.clone()
        for places, model in adversary.target.classifiers(victims):
            leaf = victims.x[places].clone().requires_grad_()
            with torch.enable_grad():
                loss = cross_entropy(model(leaf), victims.y[places], reduction="sum")
                (gradient,) = torch.autograd.grad(loss, leaf)
            moved[places] = leaf.detach() + self.epsilon * gradient.sign()
        return moved.clamp(victims.schema.low, victims.schema.high)
