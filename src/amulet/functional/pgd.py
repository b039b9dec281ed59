"""Projected gradient descent on the inputs. Madry et al. 2018, https://arxiv.org/abs/1706.06083, section 2.1."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor
from torch.nn.functional import cross_entropy

from amulet.functional.balls import Ball

Classifier = Callable[[Tensor], Tensor]


def pgd(
    model: Classifier,
    x: Tensor,
    y: Tensor,
    ball: Ball,
    *,
    steps: int,
    step_size: float,
    rng: Generator | None,
) -> Tensor:
    """Climb the cross-entropy of the true labels inside the ball; the last iterate, shaped like x.

    `step_size` is a share of the radius, so that one value serves every epsilon. With `rng` the climb
    starts at a random point, without at x itself. The model is called in the mode it is in, and its
    parameters get no gradients.
    """
    moved = ball.sample(x, rng) if rng is not None else x.clone()
    for _ in range(steps):
        gradient = input_gradient(model, moved, y)
        moved = ball.project(moved + step_size * ball.radius * ball.steepest(gradient), x)
    return moved


def input_gradient(model: Classifier, x: Tensor, y: Tensor) -> Tensor:
    """The gradient of each record's cross-entropy with respect to the record, shaped like x."""
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        loss = cross_entropy(model(leaf), y, reduction="sum")
        return torch.autograd.grad(loss, leaf)[0]
