"""The Square attack, a random search that needs only the model's outputs. Andriushchenko et al. 2020, https://arxiv.org/abs/1912.00049."""

from typing import Final

import torch
from torch import Generator, Tensor

from amulet.functional.perturbations.balls import Ball, per_record
from amulet.functional.perturbations.patches import Patch, Patches, patches_for
from amulet.functional.perturbations.pgd import Classifier

FIRST_SHARE: Final = 0.8
"""The share of the pixels or features that the first patches cover."""

HALVINGS: Final = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""The queries after which that share is halved. As in AutoAttack, they do not depend on the number of queries."""


@torch.no_grad()
def square(model: Classifier, x: Tensor, y: Tensor, ball: Ball, *, queries: int, rng: Generator) -> Tensor:
    """Random search for the smallest margin of the true class, in batches over all records.

    Each query changes one patch of each record, and the change is kept if it lowers the margin. For L-infinity the
    patch is set to the boundary of the ball (Algorithm 2); for L2 part of the perturbation's norm moves into the patch
    from another one (Algorithm 3). The search for a record stops as soon as the model misclassifies it.

    Args:
        model: maps inputs to logits.
        x: (n, *shape) records.
        y: (n,) true classes.
        ball: the perturbation set.
        queries: the number of queries of the model for each record.
        rng: the source of randomness.

    Returns:
        (n, *shape) for each record the point of the smallest margin that was found.

    Example:
        >>> x, y = torch.tensor([[0.6, 0.4]]), torch.tensor([0])
        >>> ball, rng = Ball("linf", 0.2, low=0.0, high=1.0), torch.Generator().manual_seed(0)
        >>> square(torch.nn.Identity(), x, y, ball, queries=20, rng=rng)
        tensor([[0.4000, 0.6000]])
    """
    patches = patches_for(tuple(x.shape[1:]), x.device)
    found, places = _initial_point(x, ball, patches, rng), torch.arange(len(x), device=x.device)
    margins = margin(model, found, y)
    for query in range(1, queries):
        places = places[margins[places] >= 0]
        if len(places) == 0:
            break
        tried = _proposal(found[places], x[places], ball, patches, share_at(query), rng)
        margins_tried = margin(model, tried, y[places])
        better = margins_tried < margins[places]
        found[places[better]], margins[places[better]] = tried[better], margins_tried[better]
    return found


def margin(model: Classifier, x: Tensor, y: Tensor) -> Tensor:
    """(n,) the logit of the true class minus the largest other logit; negative where the model misclassifies.

    Args:
        model: maps inputs to logits.
        x: (n, *shape) records.
        y: (n,) true classes.

    Example:
        >>> margin(torch.nn.Identity(), torch.tensor([[2.0, 0.5, 1.0]]), torch.tensor([0]))
        tensor([1.])
    """
    logits = model(x.clone())
    true = torch.nn.functional.one_hot(y, logits.shape[1]).bool()
    return logits[true] - logits.masked_fill(true, -torch.inf).amax(1)


def share_at(query: int) -> float:
    """The share of the pixels or features that a patch covers at one query, counted from 0.

    Example:
        >>> share_at(1), share_at(11)
        (0.8, 0.4)
    """
    return FIRST_SHARE * 0.5 ** sum(query > step for step in HALVINGS)


def _initial_point(x: Tensor, ball: Ball, patches: Patches, rng: Generator) -> Tensor:
    draw = patches.stripes if ball.norm == "linf" else patches.tiles
    return _at_boundary(x, draw(len(x), rng).view_as(x), ball)


def _proposal(found: Tensor, x: Tensor, ball: Ball, patches: Patches, share: float, rng: Generator) -> Tensor:
    patch, signs = patches.draw(len(x), share, rng), patches.signs(len(x), rng)
    change = (found - x).reshape(len(x), patches.channels, patches.cells)
    if ball.norm == "linf":
        moved = torch.where(patch.mask, ball.radius * signs, change)
        return (x + ball.held(moved.view_as(x))).clamp(ball.low, ball.high)
    source = patches.draw(len(x), share, rng)
    return _at_boundary(x, _moved_norm(change, patch, source, signs, ball.radius).view_as(x), ball)


def _moved_norm(change: Tensor, patch: Patch, source: Patch, signs: Tensor, radius: float) -> Tensor:
    """The perturbation after a step of Algorithm 3.

    `patch` takes over the norm of both patches, with an equal share for each channel of the norm that the ball leaves
    unused; `source` becomes zero.
    """
    either = patch.mask | source.mask
    unused = (radius**2 - change.square().sum((1, 2), keepdim=True)).clamp_min(0) / change.shape[1]
    available = ((change * either).square().sum(2, keepdim=True) + unused).sqrt()
    old = change * patch.mask
    aim = signs * patch.bump + old / old.norm(dim=2, keepdim=True).clamp_min(1e-12)
    fresh = aim / aim.norm(dim=2, keepdim=True).clamp_min(1e-12) * available
    return torch.where(patch.mask, fresh, torch.where(source.mask, torch.zeros_like(change), change))


def _at_boundary(x: Tensor, direction: Tensor, ball: Ball) -> Tensor:
    """The point in the given direction at the boundary of the norm ball, clipped to the bounds."""
    step = ball.held(direction)
    reach = ball.radius / ball.size(step).clamp_min(1e-12)
    return (x + per_record(reach, x) * step).clamp(ball.low, ball.high)
