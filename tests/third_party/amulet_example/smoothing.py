"""Train on noisy records. Cohen et al. 2019, https://arxiv.org/abs/1902.02918, section 3.3."""

from dataclasses import dataclass, replace

import torch
from torch import Generator, nn

from amulet.core.data import Data
from amulet.core.spec import NonNegative
from amulet.training import DataUse, Perturb


@dataclass(frozen=True)
class NoisyTraining(Perturb):
    """Adds Gaussian noise of standard deviation `sigma` to every batch."""

    risk = "evasion"
    data_use = DataUse.RECORD
    sigma: NonNegative = 0.1

    def perturb(self, model: nn.Module, batch: Data, rng: Generator) -> Data:
        """Noisy records, clipped to the bounds, whatever the model."""
        del model
        noise = torch.randn(batch.x.shape, generator=rng, device=batch.x.device)
        return replace(batch, x=(batch.x + self.sigma * noise).clamp(batch.schema.low, batch.schema.high))
