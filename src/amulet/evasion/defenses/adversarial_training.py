"""Train on adversarial examples. Madry et al. 2018, https://arxiv.org/abs/1706.06083, eq. (2.1)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

from torch import Generator, nn

from amulet.core.classifier import needs_gradients
from amulet.core.data import Data, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import Problem
from amulet.core.spec import Count, NonNegative, Positive
from amulet.core.split import Split
from amulet.core.trainable import DataUse
from amulet.evasion.perturbation import Frozen, ball_demands, ball_of, free_inputs, usual_epsilon
from amulet.functional.perturbations.balls import Norm
from amulet.functional.perturbations.pgd import pgd
from amulet.training.stages import Perturb


@dataclass(frozen=True)
class AdversarialTraining(Perturb):
    """Min-max training: every batch is replaced by adversarial examples of the current model.

    One optimizer step a batch, from fresh weights; the examples are sought in evaluation mode. `epsilon` in
    input units, `step_size` a share of it (10 steps of a quarter cover the ball 2.5 times).
    `frozen` features keep their values, as in `PGD`.
    """

    risk = "evasion"
    family = "adversarial_training"
    data_use = DataUse.RECORD

    epsilon: NonNegative = 8 / 255
    norm: Norm = "linf"
    steps: Count = 10
    step_size: Positive = 0.25
    frozen: Frozen = ()

    @classmethod
    def for_data(cls, dataset: AmuletDataset, split: Split) -> tuple[Self, ...]:
        """Five steps at the usual radius."""
        del split
        return (cls(epsilon=usual_epsilon(dataset.schema), steps=5, step_size=0.5),)

    def data_problems(self, schema: Schema, records: int) -> Iterator[Problem]:
        """The ball must fit the inputs, and features to be frozen must be there."""
        del records
        yield from (Problem("epsilon", sentence) for sentence in ball_demands(self, schema))

    def model_problems(self, model: nn.Module, some: Data) -> Iterator[Problem]:
        """The examples are sought by input gradients."""
        free = free_inputs(self, some.schema)
        yield from (Problem("model", sentence) for sentence in needs_gradients(str(self), model, some, free))

    def for_rehearsal(self) -> Self:
        """One step of the attack."""
        return replace(self, steps=1)

    def perturb(self, model: nn.Module, batch: Data, rng: Generator) -> Data:
        """The batch with x moved to where the loss is high."""
        ball = ball_of(self, batch.schema, batch.x.device)
        return replace(batch, x=pgd(model, batch.x, batch.y, ball, steps=self.steps, step_size=self.step_size, rng=rng))
