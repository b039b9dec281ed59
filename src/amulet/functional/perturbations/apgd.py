"""Auto-PGD: gradient ascent with adaptive steps. Croce and Hein 2020, https://arxiv.org/abs/2003.01690, Algorithm 1."""

from collections.abc import Callable
from dataclasses import dataclass, fields, replace
from itertools import pairwise
from math import ceil
from typing import Final, Self

import torch
from torch import Generator, Tensor

from amulet.functional.membership.likelihood import scaled_logits
from amulet.functional.perturbations.balls import Ball, per_record
from amulet.functional.perturbations.pgd import Classifier

MOMENTUM: Final = 0.75
"""Weight of the new step; the rest of the weight is on the previous movement (alpha in the paper)."""

RISES: Final = 0.75
"""If a smaller share of the steps between two checkpoints raises the loss, the step size is halved (rho)."""

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""Maps logits (n, classes), true classes (n,) and target classes (n,) to the (n,) losses that are maximised."""


def cross_entropy_of(logits: Tensor, y: Tensor, target: Tensor) -> Tensor:
    """Minus the scaled logit of the true class, an increasing function of the record's cross-entropy.

    Auto-PGD uses only the order of the losses of one record and the direction of their gradient, so the result is that
    of cross-entropy. Where the softmax saturates, however, only the gradient of cross-entropy vanishes.

    Args:
        logits: (n, classes).
        y: (n,) true classes.
        target: ignored; every `Loss` takes it.

    Returns:
        (n,) float64 losses.

    Example:
        >>> cross_entropy_of(torch.tensor([[2.0, 0.0]]), torch.tensor([0]), torch.tensor([1]))
        tensor([-2.], dtype=torch.float64)
    """
    del target
    return -scaled_logits(logits, y)


def targeted_dlr(logits: Tensor, y: Tensor, target: Tensor) -> Tensor:
    """The targeted difference of logits ratio, equation (7): the target's logit minus that of the true class, scaled.

    The difference is divided by that between the largest logit and the mean of the third and the fourth largest, so
    that the loss does not depend on the scale of the logits.

    Args:
        logits: (n, classes), at least four classes.
        y: (n,) true classes.
        target: (n,) target classes.

    Returns:
        (n,) float64 losses.

    Example:
        >>> logits = torch.tensor([[2.0, 0.0, 1.0, -1.0]])
        >>> targeted_dlr(logits, torch.tensor([0]), torch.tensor([1]))
        tensor([-0.8000], dtype=torch.float64)
    """
    logits = logits.double()
    ordered = logits.sort(1, descending=True).values
    span = ordered[:, 0] - ordered[:, 2:4].mean(1)
    return (_logit_of(logits, target) - _logit_of(logits, y)) / (span + 1e-12)


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
    """Auto-PGD with one random start, in batches over all records.

    The search for a record stops as soon as the model misclassifies it.

    Args:
        model: maps inputs to logits.
        x: (n, *shape) records.
        y: (n,) true classes.
        target: (n,) target classes, used by targeted losses.
        ball: the perturbation set.
        loss: what is maximised.
        steps: the number of steps.
        rng: the source of the random start.

    Returns:
        (n, *shape) for each record the first misclassified point; where there is none, the point of the highest loss.

    Example:
        >>> from amulet.functional.perturbations.balls import Ball
        >>> x, y, ball = torch.tensor([[0.6, 0.4]]), torch.tensor([0]), Ball("linf", 0.2, low=0.0, high=1.0)
        >>> rng = torch.Generator().manual_seed(0)
        >>> found = apgd(torch.nn.Identity(), x, y, 1 - y, ball, loss=cross_entropy_of, steps=10, rng=rng)
        >>> found.argmax(1)
        tensor([1])
    """
    found, places = x.clone(), torch.arange(len(x), device=x.device)
    evaluate, checkpoints = _LossAndGradient(model, loss), checkpoints_of(steps)
    search = _first_state(evaluate, (x, y, target), ball, rng)
    for step in range(steps + 1):
        if step > 0:
            search = search.moved(evaluate, ball, 1.0 if step == 1 else MOMENTUM)
        found[places[search.wrong]] = search.here[search.wrong]
        places, search = places[~search.wrong], search[~search.wrong]
        if len(places) == 0:
            break
        if step in checkpoints:
            search = search.checked(checkpoints[step])
    found[places] = search.best
    return found


def checkpoints_of(steps: int) -> dict[int, int]:
    """The checkpoints of Auto-PGD, after which step sizes may be halved.

    Args:
        steps: the number of steps in total.

    Returns:
        The number of each checkpoint's step, with the number of steps since the checkpoint before.

    Example:
        >>> checkpoints_of(20)
        {5: 5, 9: 4, 12: 3, 14: 2, 16: 2, 18: 2, 19: 1, 20: 1}
    """
    shares = [0.0, 0.22]
    while shares[-1] < 1:
        shares.append(shares[-1] + max(shares[-1] - shares[-2] - 0.03, 0.06))
    places = sorted({ceil(round(share * steps, 6)) for share in shares if share <= 1})
    return {place: place - before for before, place in pairwise(places)}


@dataclass(frozen=True)
class _LossAndGradient:
    """Gives, at a point: the (n,) losses, their gradient, and (n,) bool whether the model misclassifies."""

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
class _Search:
    """The state of the search, for every record.

    Attributes:
        x, y, target: the record, its true class and its target class.
        here, before: the present point and the one before.
        loss, gradient, wrong: the loss and its gradient at `here`, and whether the model misclassifies `here`.
        best: the point of the highest loss so far, with `best_loss` and `best_gradient`.
        size: (n,) step sizes.
        rises: (n,) the number of steps since the last checkpoint that raised the loss.
        halved: (n,) whether the step size was halved at the last checkpoint.
        known: (n,) the highest loss as of the last checkpoint.
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

    def moved(self, evaluate: _LossAndGradient, ball: Ball, momentum: float) -> Self:
        """The state after one step with momentum, equation (1)."""
        step = per_record(self.size, self.x) * ball.steepest(self.gradient)
        aim = ball.project(self.here + step, self.x)
        here = self.here + momentum * (aim - self.here) + (1 - momentum) * (self.here - self.before)
        here = ball.project(here, self.x)
        loss, gradient, wrong = evaluate(here, self.y, self.target)
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
        """The state after a checkpoint: where the loss does not improve, half the step size, back at the best point."""
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


def _first_state(
    evaluate: _LossAndGradient, records: tuple[Tensor, Tensor, Tensor], ball: Ball, rng: Generator
) -> _Search:
    x, y, target = records
    here = ball.sample(x, rng)
    loss, gradient, wrong = evaluate(here, y, target)
    return _Search(
        x, y, target,
        here=here, before=here, loss=loss, gradient=gradient, wrong=wrong,
        best=here, best_loss=loss, best_gradient=gradient,
        size=torch.full((len(x),), 2 * ball.radius, dtype=x.dtype, device=x.device),
        rises=torch.zeros(len(x), device=x.device),
        halved=torch.zeros(len(x), dtype=torch.bool, device=x.device),
        known=loss,
    )  # fmt: skip


def _logit_of(logits: Tensor, classes: Tensor) -> Tensor:
    return logits.gather(1, classes[:, None]).squeeze(1)
