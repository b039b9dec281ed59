"""Auto-PGD: a climb that sets its own step size. Croce and Hein 2020, https://arxiv.org/abs/2003.01690, Algorithm 1."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from math import ceil
from typing import Final, Self

import torch
from torch import Generator, Tensor

from amulet.functional.balls import Ball, per_record
from amulet.functional.likelihood import scaled_logits
from amulet.functional.pgd import Classifier

MOMENTUM: Final = 0.75
"""Weight of the new step; the rest is the last movement (alpha in the paper)."""

RISES: Final = 0.75
"""The share of steps that must raise the loss, lest the step size is halved (rho in the paper)."""

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(logits (n, classes), y (n,), target (n,)) -> (n,) what the climb makes large."""


def cross_entropy_of(logits: Tensor, y: Tensor, target: Tensor) -> Tensor:
    """Minus the scaled logit of the true class, which grows exactly where cross-entropy does.

    Auto-PGD only compares losses of one record and follows the direction of their gradient, so it does the
    same as with cross-entropy, but goes on where a saturated softmax would leave cross-entropy no gradient.
    """
    del target
    return -scaled_logits(logits, y)


def targeted_dlr(logits: Tensor, y: Tensor, target: Tensor) -> Tensor:
    """The targeted difference of logits ratio, equation (7): how far the target's logit lies above the true one's.

    In units of the span between the largest logit and the mean of the third and fourth, so that scaling the
    logits changes nothing. Needs at least four classes.
    """
    logits = logits.double()
    ordered = logits.sort(1, descending=True).values
    span = ordered[:, 0] - ordered[:, 2:4].mean(1)
    return (_of(logits, target) - _of(logits, y)) / (span + 1e-12)


def apgd(
    model: Classifier,
    x: Tensor,
    y: Tensor,
    target: Tensor,
    ball: Ball,
    *,
    loss: Loss,
    steps: int,
    rng: Generator,
) -> Tensor:
    """The first point of each record's climb that the model gets wrong, else that of the highest loss; like x.

    A record leaves the climb as soon as it is wrong. `target` holds the class each record is pushed to, for
    losses that have one.
    """
    found, places = x.clone(), torch.arange(len(x), device=x.device)
    slope, checkpoints = _Slope(model, loss), checkpoints_of(steps)
    climb = _begin(slope, (x, y, target), ball, rng)
    for step in range(steps + 1):
        if step > 0:
            climb = climb.moved(slope, ball, 1.0 if step == 1 else MOMENTUM)
        found[places[climb.wrong]] = climb.here[climb.wrong]
        places, climb = places[~climb.wrong], climb[~climb.wrong]
        if len(places) == 0:
            break
        if step in checkpoints:
            climb = climb.checked(checkpoints[step])
    found[places] = climb.best
    return found


def checkpoints_of(steps: int) -> dict[int, int]:
    """The steps after which step sizes are looked at, each with the number of steps since the one before."""
    shares = [0.0, 0.22]
    while shares[-1] < 1:
        shares.append(shares[-1] + max(shares[-1] - shares[-2] - 0.03, 0.06))
    places = sorted({ceil(round(share * steps, 6)) for share in shares if share <= 1})
    return {place: place - before for before, place in pairwise(places)}


@dataclass(frozen=True)
class _Slope:
    """The loss at a point, its gradient, and whether the model is wrong there."""

    model: Classifier
    loss: Loss

    def __call__(self, here: Tensor, y: Tensor, target: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        with torch.enable_grad():
            leaf = here.detach().requires_grad_()
            logits = self.model(leaf.clone())
            values = self.loss(logits, y, target)
            (gradient,) = torch.autograd.grad(values.sum(), leaf)
        return values.detach(), gradient, logits.argmax(1) != y


@dataclass(frozen=True, eq=False)
class _Climb:
    """The state of every record's climb.

    Attributes:
        here, before: the present point and the one before; `loss`, `gradient` and `wrong` are those of `here`.
        best: the point of the highest loss, with `best_loss` and `best_gradient`.
        size: (n,) step sizes.
        rises: (n,) how many steps since the last checkpoint raised the loss.
        halved: (n,) whether the last checkpoint halved the step size.
        known: (n,) the highest loss at the last checkpoint.
    """

    x: Tensor
    y: Tensor
    target: Tensor
    here: Tensor
    before: Tensor
    loss: Tensor
    gradient: Tensor
    wrong: Tensor
    best: Tensor
    best_loss: Tensor
    best_gradient: Tensor
    size: Tensor
    rises: Tensor
    halved: Tensor
    known: Tensor

    def __getitem__(self, which: Tensor) -> Self:
        return self if bool(which.all()) else type(self)(*(getattr(self, item.name)[which] for item in fields(self)))

    def moved(self, slope: _Slope, ball: Ball, momentum: float) -> Self:
        """One step, equation (1), and what is found there."""
        step = per_record(self.size, self.x) * ball.steepest(self.gradient)
        aim = ball.project(self.here + step, self.x)
        here = self.here + momentum * (aim - self.here) + (1 - momentum) * (self.here - self.before)
        here = ball.project(here, self.x)
        loss, gradient, wrong = slope(here, self.y, self.target)
        better = loss > self.best_loss
        return replace(
            self,
            before=self.here,
            here=here,
            loss=loss,
            gradient=gradient,
            wrong=wrong,
            rises=self.rises + (loss > self.loss),
            best=torch.where(per_record(better, here), here, self.best),
            best_loss=torch.where(better, loss, self.best_loss),
            best_gradient=torch.where(per_record(better, here), gradient, self.best_gradient),
        )

    def checked(self, interval: int) -> Self:
        """At a checkpoint: where the climb makes no headway, halve the step size and go back to the best point."""
        stuck = (self.rises < RISES * interval) | (~self.halved & (self.best_loss <= self.known))
        back = per_record(stuck, self.x)
        return replace(
            self,
            size=torch.where(stuck, self.size / 2, self.size),
            here=torch.where(back, self.best, self.here),
            loss=torch.where(stuck, self.best_loss, self.loss),
            gradient=torch.where(back, self.best_gradient, self.gradient),
            rises=torch.zeros_like(self.rises),
            halved=stuck,
            known=self.best_loss,
        )


def _begin(slope: _Slope, records: tuple[Tensor, Tensor, Tensor], ball: Ball, rng: Generator) -> _Climb:
    x, y, target = records
    here = ball.sample(x, rng)
    loss, gradient, wrong = slope(here, y, target)
    return _Climb(
        x, y, target,
        here=here, before=here, loss=loss, gradient=gradient, wrong=wrong,
        best=here, best_loss=loss, best_gradient=gradient,
        size=torch.full((len(x),), 2 * ball.radius, dtype=x.dtype, device=x.device),
        rises=torch.zeros(len(x), device=x.device),
        halved=torch.zeros(len(x), dtype=torch.bool, device=x.device),
        known=loss,
    )  # fmt: skip


def _of(logits: Tensor, classes: Tensor) -> Tensor:
    return logits.gather(1, classes[:, None]).squeeze(1)
