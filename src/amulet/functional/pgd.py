"""Projected gradient descent on the inputs. Madry et al. 2018, https://arxiv.org/abs/1706.06083, section 2.1."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from amulet.functional.balls import Ball
from amulet.functional.likelihood import scaled_logits

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
    """Climb the loss of the true labels inside the ball; the last iterate, shaped like x.

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
    """The gradient, with respect to each record, of minus the scaled logit of its true class; shaped like x.

    That is cross-entropy up to a monotone function of each record, so that its gradient has the same
    direction, but it does not vanish where the softmax saturates, as confident models make it do.
    """
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        return torch.autograd.grad(-scaled_logits(model(leaf.clone()), y).sum(), leaf)[0]
