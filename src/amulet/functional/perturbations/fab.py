"""Fast adaptive boundary attack, targeted. Croce and Hein 2020, https://arxiv.org/abs/1907.02044, Algorithm 1."""

from typing import Final

import torch
from torch import Tensor

from amulet.functional.perturbations.balls import Ball, per_record
from amulet.functional.perturbations.hyperplanes import shortest_step
from amulet.functional.perturbations.pgd import Classifier

OVERSHOOT: Final = 1.05
"""Factor by which a step is extended beyond the linearised decision boundary (eta in the paper)."""

BIAS: Final = 0.1
"""The largest weight of the step that starts from the original record (alpha_max in the paper)."""

BACKWARD: Final = 0.9
"""From an adversarial example, the search continues at this share of the way from the record to it (beta)."""


def fab(model: Classifier, x: Tensor, y: Tensor, target: Tensor, ball: Ball, *, steps: int) -> Tensor:
    """The targeted fast adaptive boundary attack, in batches over all records.

    It seeks the nearest misclassified point, by steps towards the linearised boundary between the true class and
    `target`. The search for a record stops as soon as a misclassified point lies in its ball.

    Args:
        model: maps inputs to logits.
        x: (n, *shape) records.
        y: (n,) true classes.
        target: (n,) target classes.
        ball: the perturbation set.
        steps: the number of steps.

    Returns:
        (n, *shape) for each record the misclassified point in its ball; the record itself where none was found.

    Example:
        >>> x, y = torch.tensor([[0.6, 0.4]]), torch.tensor([0])
        >>> ball = Ball("linf", 0.2, low=0.0, high=1.0)
        >>> fab(torch.nn.Identity(), x, y, 1 - y, ball, steps=5)
        tensor([[0.4950, 0.5050]])
    """
    found, places, here = x.clone(), torch.arange(len(x), device=x.device), x.clone()
    for _ in range(steps):
        here = _next_point(model, here, (x[places], y[places], target[places]), ball)
        with torch.no_grad():
            wrong = model(here.clone()).argmax(1) != y[places]
        near = wrong & (ball.size(here - x[places]) <= ball.radius)
        found[places[near]] = here[near]
        back = x[places] + BACKWARD * (here - x[places])
        here, places = torch.where(per_record(wrong, x), back, here)[~near], places[~near]
        if len(places) == 0:
            break
    return found


def _next_point(model: Classifier, here: Tensor, record: tuple[Tensor, Tensor, Tensor], ball: Ball) -> Tensor:
    """The next point, equation (6): a weighted mean of steps to the boundary from here and from the record."""
    x, y, target = record
    margin, normal = _margin_and_gradient(model, here, y, target)
    gap = -(margin + (normal * (x - here)).flatten(1).sum(1))
    forward, direct = _step_to_boundary(normal, -margin, here, ball), _step_to_boundary(normal, gap, x, ball)
    long, short = (ball.size(step).clamp_min(1e-8) for step in (forward, direct))
    pull = per_record((long / (long + short)).clamp_max(BIAS), x)
    moved = (1 - pull) * (here + OVERSHOOT * forward) + pull * (x + OVERSHOOT * direct)
    return (x + ball.held(moved - x)).clamp(ball.low, ball.high)


def _step_to_boundary(normal: Tensor, gap: Tensor, start: Tensor, ball: Ball) -> Tensor:
    least, most = ball.room(start)
    step = shortest_step(normal.flatten(1), gap, (least.flatten(1), most.flatten(1)), ball.norm)
    return step.view_as(start)


def _margin_and_gradient(model: Classifier, here: Tensor, y: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """(n,) the target's logit minus that of the true class, and the gradient of this margin, shaped like `here`."""
    with torch.enable_grad():
        leaf = here.detach().requires_grad_()
        logits = model(leaf.clone())
        margin = (logits.gather(1, target[:, None]) - logits.gather(1, y[:, None])).squeeze(1)
        (gradient,) = torch.autograd.grad(margin.sum(), leaf)
    return margin.detach().to(gradient), gradient
