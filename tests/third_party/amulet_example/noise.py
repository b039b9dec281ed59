"""Noise instead of an attack. Hendrycks and Dietterich 2019, https://arxiv.org/abs/1903.12261, section 4.1."""

from dataclasses import dataclass

import torch
from torch import Tensor

from amulet.core.data import Data
from amulet.core.spec import NonNegative
from amulet.core.threat import Access, Adversary
from amulet.evasion import EvasionAttack


@dataclass(frozen=True)
class GaussianNoise(EvasionAttack):
    """Adds Gaussian noise of standard deviation `sigma`, clipped to the bounds; it asks the target nothing."""

    needs = Access.LABELS
    sigma: NonNegative = 0.1

    def perturb(self, adversary: Adversary, victims: Data) -> Tensor:
        """Noisy records."""
        noise = torch.randn(victims.x.shape, generator=adversary.rng, device=victims.x.device)
        return (victims.x + self.sigma * noise).clamp(victims.schema.low, victims.schema.high)
