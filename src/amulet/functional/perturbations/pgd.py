"""Projected gradient descent on the inputs. Madry et al. 2018, https://arxiv.org/abs/1706.06083, section 2.1."""

from collections.abc import Callable

import torch
from torch import Generator, Tensor

from amulet.functional.perturbations.balls import Ball

Classifier = Callable[[Tensor], Tensor]
"""Maps inputs (n, *shape) to logits (n, classes)."""


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
    """Maximise the loss of the true classes within the ball, by projected gradient ascent.

    The model is called in the mode (training or evaluation) in which it is, and its parameters get no gradients.

    Args:
        model: maps inputs to logits.
        x: (n, *shape) records.
        y: (n,) true classes.
        ball: the perturbation set.
        steps: the number of steps.
        step_size: the size of a step as a share of the radius, so that one value serves every epsilon.
        rng: the source of a random start in the ball; None to start at x.

    Returns:
        (n, *shape) the last iterate.

    Example:
        >>> x, y = torch.tensor([[0.6, 0.4]]), torch.tensor([0])
        >>> ball = Ball("linf", 0.2, low=0.0, high=1.0)
        >>> pgd(torch.nn.Identity(), x, y, ball, steps=5, step_size=0.5, rng=None)
        tensor([[0.4000, 0.6000]])
    """
    moved = ball.sample(x, rng) if rng is not None else x.clone()
    for _ in range(steps):
        gradient = input_gradient(model, moved, y)
        moved = ball.project(moved + step_size * ball.radius * ball.steepest(gradient), x)
    return moved


def input_gradient(model: Classifier, x: Tensor, y: Tensor) -> Tensor:
    """The gradient of each record's loss with respect to its inputs.

    The loss is minus the scaled logit of the true class, an increasing function of the record's cross-entropy. The two
    gradients have the same direction, but this one does not vanish where the softmax saturates.

    Args:
        model: maps inputs to logits.
        x: (n, *shape) records.
        y: (n,) true classes.

    Returns:
        (n, *shape) gradients.

    Example:
        >>> input_gradient(torch.nn.Identity(), torch.tensor([[0.6, 0.4]]), torch.tensor([0]))
        tensor([[-1.,  1.]])
    """
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        logits = model(leaf.clone())
        (gradient,) = torch.autograd.grad(logits, leaf, loss_slope(logits.detach(), y))
    return gradient


def loss_slope(logits: Tensor, y: Tensor) -> Tensor:
    """The derivative of minus the scaled logit of the true class with respect to the logits, in closed form.

    It is -1 for the true class, and for the other classes their softmax without the true one.

    Args:
        logits: (n, classes), without gradient.
        y: (n,) true classes.

    Returns:
        (n, classes) in the type of the logits; computed in float64.

    Example:
        >>> loss_slope(torch.tensor([[5.0, 1.0, 1.0]]), torch.tensor([0]))
        tensor([[-1.0000,  0.5000,  0.5000]])
    """
    true = y[:, None]
    others = logits.double().scatter(1, true, -torch.inf).softmax(1)
    return others.scatter_(1, true, -1.0).to(logits.dtype)
