"""Fast adaptive boundary attack, targeted. Croce and Hein 2020, https://arxiv.org/abs/1907.02044, Algorithm 1."""

from typing import Final

import torch
from torch import Tensor

from amulet.functional.balls import Ball, per_record
from amulet.functional.hyperplanes import shortest_step
from amulet.functional.pgd import Classifier

OVERSHOOT: Final = 1.05
"""How far a step goes beyond the linearised boundary (eta in the paper)."""

BIAS: Final = 0.1
"""The largest pull back to the record itself (alpha_max in the paper)."""

BACKWARD: Final = 0.9
"""Where the search goes on, between the record and an adversarial example (beta in the paper)."""


def fab(model: Classifier, x: Tensor, y: Tensor, target: Tensor, ball: Ball, *, steps: int) -> Tensor:
    """An adversarial example within the ball where the search finds one, the record itself elsewhere; like x.

    It looks for the nearest point that the model gets wrong, walking along the boundary between the true
    class and `target`; a record leaves the search once such a point lies in its ball.
    """
    found, places, here = x.clone(), torch.arange(len(x), device=x.device), x.clone()
    for _ in range(steps):
        here = _stepped(model, here, (x[places], y[places], target[places]), ball)
        with torch.no_grad():
            wrong = model(here.clone()).argmax(1) != y[places]
        near = wrong & (ball.size(here - x[places]) <= ball.radius)
        found[places[near]] = here[near]
        back = x[places] + BACKWARD * (here - x[places])
        here, places = torch.where(per_record(wrong, x), back, here)[~near], places[~near]
        if len(places) == 0:
            break
    return found


def _stepped(model: Classifier, here: Tensor, record: tuple[Tensor, Tensor, Tensor], ball: Ball) -> Tensor:
    """Equation (6): towards the linearised boundary, from the present point and from the record, averaged."""
    x, y, target = record
    margin, normal = _margin(model, here, y, target)
    gap = -(margin + (normal * (x - here)).flatten(1).sum(1))
    forward, direct = _to_boundary(normal, -margin, here, ball), _to_boundary(normal, gap, x, ball)
    long, short = (ball.size(step).clamp_min(1e-8) for step in (forward, direct))
    pull = per_record((long / (long + short)).clamp_max(BIAS), x)
    moved = (1 - pull) * (here + OVERSHOOT * forward) + pull * (x + OVERSHOOT * direct)
    return (x + ball.held(moved - x)).clamp(ball.low, ball.high)


def _to_boundary(normal: Tensor, gap: Tensor, start: Tensor, ball: Ball) -> Tensor:
    least, most = ball.room(start)
    step = shortest_step(normal.flatten(1), gap, (least.flatten(1), most.flatten(1)), ball.norm)
    return step.view_as(start)


def _margin(model: Classifier, here: Tensor, y: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """(n,) how far the target's logit lies above the true one's, and its gradient."""
    with torch.enable_grad():
        leaf = here.detach().requires_grad_()
        logits = model(leaf.clone())
        margin = (logits.gather(1, target[:, None]) - logits.gather(1, y[:, None])).squeeze(1)
        (gradient,) = torch.autograd.grad(margin.sum(), leaf)
    return margin.detach(), gradient
