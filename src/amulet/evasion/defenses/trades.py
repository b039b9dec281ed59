"""A penalty on other predictions nearby: TRADES. Zhang et al. 2019, https://arxiv.org/abs/1901.08573, eq. (5)."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Self

import torch
from torch import Generator, Tensor, nn

from amulet.core.classifier import needs_gradients
from amulet.core.data import Data, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import Problem
from amulet.core.spec import Count, NonNegative, Positive
from amulet.core.split import Split
from amulet.core.trainable import DataUse
from amulet.evasion.perturbation import Frozen, ball_demands, ball_of, free_inputs, usual_epsilon
from amulet.functional.perturbations.balls import Norm
from amulet.functional.perturbations.pgd import Classifier
from amulet.training.stages import Penalize

JITTER: Final = 0.03
"""Standard deviation of the start around the record, a share of epsilon: 0.001 where epsilon is 0.031."""


@dataclass(frozen=True)
class TRADES(Penalize):
    """Cross-entropy on the records as they are, and `beta` times the divergence from them to the worst point nearby.

    The worst point maximises KL(model(x) || model(x')) within the ball; it is sought in evaluation mode.
    `epsilon` in input units, `step_size` a share of it. A larger `beta` gives up accuracy for robustness. `frozen`
    features keep their values, as in `PGD`.
    """

    risk = "evasion"
    family = "adversarial_training"
    data_use = DataUse.RECORD

    epsilon: NonNegative = 8 / 255
    norm: Norm = "linf"
    beta: NonNegative = 6.0
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
        """The points nearby are sought by input gradients."""
        free = free_inputs(self, some.schema)
        yield from (Problem("model", sentence) for sentence in needs_gradients(str(self), model, some, free))

    def for_rehearsal(self) -> Self:
        """One step to the worst point."""
        return replace(self, steps=1)

    def twin(self, model: nn.Module, batch: Data, rng: Generator) -> Tensor:
        """The points nearby where the model's probabilities differ most."""
        ball = ball_of(self, batch.schema, batch.x.device)
        with torch.no_grad():
            clean = model(batch.x.clone()).log_softmax(1)
        noise = torch.randn(batch.x.shape, generator=rng, device=batch.x.device, dtype=batch.x.dtype)
        moved = ball.project(batch.x + JITTER * self.epsilon * noise, batch.x)
        for _ in range(self.steps):
            step = self.step_size * self.epsilon * ball.steepest(_slope(model, moved, clean))
            moved = ball.project(moved + step, batch.x)
        return moved

    def penalize(self, model: Classifier, logits: Tensor, batch: Data) -> Tensor:
        """`beta` times the divergence; both sides of it are trained."""
        assert batch.twins is not None  # noqa: S101 - the loop has set it
        return self.beta * divergence(logits.log_softmax(1), model(batch.twins.clone()).log_softmax(1))


def divergence(log_p: Tensor, log_q: Tensor) -> Tensor:
    """(n,) the Kullback-Leibler divergence from q to p, of log-probabilities (n, classes)."""
    return (log_p.exp() * (log_p - log_q)).sum(1)


def _slope(model: nn.Module, moved: Tensor, clean: Tensor) -> Tensor:
    with torch.enable_grad():
        leaf = moved.detach().requires_grad_()
        total = divergence(clean, model(leaf.clone()).log_softmax(1)).sum()
        return torch.autograd.grad(total, leaf)[0]
