"""Projected gradient descent. Madry et al. 2018, https://arxiv.org/abs/1706.06083, section 2.1."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

from torch import Tensor

from amulet.core.data import Data, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import Problem
from amulet.core.spec import Count, NonNegative, Positive
from amulet.core.split import Split
from amulet.core.threat import Access, Adversary
from amulet.evasion.outcome import EvasionAttack
from amulet.evasion.perturbation import (
    Attempt,
    Frozen,
    ball_demands,
    ball_of,
    budget_of,
    free_inputs,
    in_turn,
    on_each_classifier,
    rungs_of,
    usual_epsilon,
)
from amulet.functional.perturbations.balls import Norm
from amulet.functional.perturbations.pgd import Classifier, pgd


@dataclass(frozen=True)
class PGD(EvasionAttack):
    """Climb the loss of the true label within `epsilon` of each record, several times from random points.

    A record the model gets wrong as it is stays as it is, so robust accuracy never exceeds clean accuracy.
    `epsilon` is in input units (8/255 for images in 0..1), `step_size` a share of it; 2.5 / steps lets the
    climb reach the ball's border from anywhere in it. `frozen` features keep their values: names, places,
    or "one-hot" for all columns of one-hot groups.
    """

    needs = Access.WEIGHTS
    epsilon: NonNegative = 8 / 255
    norm: Norm = "linf"
    steps: Count = 20
    step_size: Positive = 0.125
    restarts: Count = 1
    random_start: bool = True
    frozen: Frozen = ()

    @classmethod
    def for_data(cls, dataset: AmuletDataset, split: Split) -> tuple[Self, ...]:
        """Ten steps at the usual radius."""
        del split
        return (cls(epsilon=usual_epsilon(dataset.schema), steps=10, step_size=0.25),)

    def problems(self) -> Iterator[Problem]:
        """Restarts differ only where the start is random."""
        if self.restarts > 1 and not self.random_start:
            yield self.problem("restarts", "1 without random_start, since every restart would be the same")

    def demands(self, schema: Schema) -> Iterator[str]:
        """The ball must fit the inputs, and features to be frozen must be there."""
        yield from ball_demands(self, schema)

    @property
    def climbs(self) -> bool:
        """Always."""
        return True

    def free_inputs(self, schema: Schema) -> Tensor | None:
        """All that are not frozen."""
        return free_inputs(self, schema)

    def budget(self) -> str:
        """The ball."""
        return budget_of(self)

    def ladder(self) -> tuple[tuple[float, Self], ...]:
        """The same climb in smaller balls."""
        return rungs_of(self)

    def briefer(self, share: float) -> Self:
        """With fewer steps."""
        return replace(self, steps=max(1, round(share * self.steps)))

    def perturb(self, adversary: Adversary, victims: Data) -> Tensor:
        """Adversarial examples where a climb succeeded, the last attempt elsewhere."""
        return in_turn(adversary, victims, lambda: [self._climb(adversary)] * self.restarts)

    def _climb(self, adversary: Adversary) -> Attempt:
        rng = adversary.rng if self.random_start else None

        def climb(victims: Data) -> Tensor:
            ball = ball_of(self, victims.schema, victims.x.device)

            def search(model: Classifier, part: Data) -> Tensor:
                return pgd(model, part.x, part.y, ball, steps=self.steps, step_size=self.step_size, rng=rng)

            return on_each_classifier(adversary.target, victims, search)

        return climb
