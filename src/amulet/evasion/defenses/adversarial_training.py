"""Train on adversarial examples. Madry et al. 2018, https://arxiv.org/abs/1706.06083, eq. (2.1)."""

from dataclasses import dataclass, replace

from torch import Generator, nn

from amulet.core.data import Data
from amulet.core.spec import Count, NonNegative, Positive
from amulet.core.trainable import DataUse
from amulet.functional.balls import Ball, Norm
from amulet.functional.pgd import pgd
from amulet.training.stages import Perturb


@dataclass(frozen=True)
class AdversarialTraining(Perturb):
    """Min-max training: every batch is replaced by adversarial examples of the current model.

    One optimizer step a batch, from fresh weights; the examples are sought in evaluation mode. `epsilon` in
    input units, `step_size` a share of it (10 steps of a quarter cover the ball 2.5 times).
    """

    risk = "evasion"
    data_use = DataUse.RECORD

    epsilon: NonNegative = 8 / 255
    norm: Norm = "linf"
    steps: Count = 10
    step_size: Positive = 0.25

    def perturb(self, model: nn.Module, batch: Data, rng: Generator) -> Data:
        """The batch with x moved to where the loss is high."""
        ball = Ball(self.norm, self.epsilon, batch.schema.low, batch.schema.high)
        return replace(batch, x=pgd(model, batch.x, batch.y, ball, steps=self.steps, step_size=self.step_size, rng=rng))
