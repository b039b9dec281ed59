"""Projected gradient descent. Madry et al. 2018, https://arxiv.org/abs/1706.06083, section 2.1."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final, Self

import torch
from torch import Tensor

from amulet.core.data import Data
from amulet.core.errors import Problem
from amulet.core.model import EVALUATION_BATCH
from amulet.core.spec import Count, NonNegative, Positive
from amulet.core.threat import Access, Adversary
from amulet.evasion.outcome import EvasionAttack
from amulet.functional.balls import Ball, Norm
from amulet.functional.pgd import pgd

RUNGS: Final = (0.25, 0.5, 0.75)
"""Shares of epsilon at which the security curve is measured, besides the whole."""


@dataclass(frozen=True)
class PGD(EvasionAttack):
    """Climb the loss of the true label within `epsilon` of each record, several times from random points.

    A record the model gets wrong as it is stays as it is, so robust accuracy never exceeds clean accuracy.
    `epsilon` is in input units (8/255 for images in 0..1), `step_size` a share of it; 2.5 / steps lets the
    climb reach the ball's border from anywhere in it.
    """

    needs = Access.WEIGHTS
    epsilon: NonNegative = 8 / 255
    norm: Norm = "linf"
    steps: Count = 20
    step_size: Positive = 0.125
    restarts: Count = 1
    random_start: bool = True

    def problems(self) -> Iterator[Problem]:
        """Restarts differ only where the start is random."""
        if self.restarts > 1 and not self.random_start:
            yield self.problem("restarts", "1 without random_start, since every restart would be the same")

    def ladder(self) -> tuple[tuple[float, Self], ...]:
        """The same climb in smaller balls."""
        if self.epsilon == 0:
            return ()
        weaker = [replace(self, epsilon=share * self.epsilon) for share in RUNGS]
        return tuple((attack.epsilon, attack) for attack in (*weaker, self))

    def perturb(self, adversary: Adversary, victims: Data) -> Tensor:
        """Adversarial examples where a climb succeeded, the last attempt elsewhere."""
        batches = torch.arange(len(victims), device=victims.x.device).split(EVALUATION_BATCH)
        return torch.cat([self._climb(adversary, victims[places]) for places in batches])

    def _climb(self, adversary: Adversary, victims: Data) -> Tensor:
        model, ball = (
            adversary.target.model,
            Ball(self.norm, self.epsilon, victims.schema.low, victims.schema.high),
        )
        found = victims.x.clone()
        open_ = adversary.target.labels(found) == victims.y
        for _ in range(self.restarts):
            if not open_.any():
                break
            rng = adversary.rng if self.random_start else None
            x, y = victims.x[open_], victims.y[open_]
            found[open_] = pgd(model, x, y, ball, steps=self.steps, step_size=self.step_size, rng=rng)
            open_ = adversary.target.labels(found) == victims.y
        return found
