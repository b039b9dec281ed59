"""Square attack: random search that needs outputs only. Andriushchenko et al. 2020, https://arxiv.org/abs/1912.00049."""

from typing import Final

import torch
from torch import Generator, Tensor

from amulet.functional.balls import Ball, per_record
from amulet.functional.patches import Patch, Patches, patches_for
from amulet.functional.pgd import Classifier

FIRST_SHARE: Final = 0.8
"""The share of the cells that the first patches cover."""

HALVINGS: Final = (10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000)
"""The queries after which that share is halved, as AutoAttack has them whatever the number of queries."""


@torch.no_grad()
def square(model: Classifier, x: Tensor, y: Tensor, ball: Ball, *, queries: int, rng: Generator) -> Tensor:
    """For each record the point of least margin that a random search meets; shaped like x.

    A record leaves the search once the model gets it wrong. Each query changes one patch of each record, for
    L-infinity to the border of the ball (Algorithm 2), for L2 by moving length into it from another patch
    (Algorithm 3), and is kept where the margin of the true class falls.
    """
    patches = patches_for(tuple(x.shape[1:]), x.device)
    found, places = _first(x, ball, patches, rng), torch.arange(len(x), device=x.device)
    margins = margin(model, found, y)
    for query in range(1, queries):
        places = places[margins[places] >= 0]
        if len(places) == 0:
            break
        tried = _tried(found[places], x[places], ball, patches, share_at(query), rng)
        margins_tried = margin(model, tried, y[places])
        better = margins_tried < margins[places]
        found[places[better]], margins[places[better]] = tried[better], margins_tried[better]
    return found


def margin(model: Classifier, x: Tensor, y: Tensor) -> Tensor:
    """(n,) the true class's logit less the largest other one; below 0 where the model is wrong."""
    logits = model(x.clone())
    true = torch.nn.functional.one_hot(y, logits.shape[1]).bool()
    return logits[true] - logits.masked_fill(true, -torch.inf).amax(1)


def share_at(query: int) -> float:
    """The share of the cells that a patch covers at one query."""
    return FIRST_SHARE * 0.5 ** sum(query > step for step in HALVINGS)


def _first(x: Tensor, ball: Ball, patches: Patches, rng: Generator) -> Tensor:
    draw = patches.stripes if ball.norm == "linf" else patches.tiles
    return _at_border(x, draw(len(x), rng).view_as(x), ball)


def _tried(found: Tensor, x: Tensor, ball: Ball, patches: Patches, share: float, rng: Generator) -> Tensor:
    patch, signs = patches.draw(len(x), share, rng), patches.signs(len(x), rng)
    change = (found - x).reshape(len(x), patches.channels, patches.cells)
    if ball.norm == "linf":
        moved = torch.where(patch.mask, ball.radius * signs, change)
        return (x + ball.held(moved.view_as(x))).clamp(ball.low, ball.high)
    source = patches.draw(len(x), share, rng)
    return _at_border(x, _shifted(change, patch, source, signs, ball.radius).view_as(x), ball)


def _shifted(change: Tensor, patch: Patch, source: Patch, signs: Tensor, radius: float) -> Tensor:
    """Algorithm 3: the length of both patches, and an equal share of what is left of the ball, goes into `patch`."""
    either = patch.mask | source.mask
    unused = (radius**2 - change.square().sum((1, 2), keepdim=True)).clamp_min(0) / change.shape[1]
    available = ((change * either).square().sum(2, keepdim=True) + unused).sqrt()
    old = change * patch.mask
    aim = signs * patch.bump + old / old.norm(dim=2, keepdim=True).clamp_min(1e-12)
    fresh = aim / aim.norm(dim=2, keepdim=True).clamp_min(1e-12) * available
    return torch.where(patch.mask, fresh, torch.where(source.mask, torch.zeros_like(change), change))


def _at_border(x: Tensor, direction: Tensor, ball: Ball) -> Tensor:
    """As far as the ball goes, then clipped to the bounds."""
    step = ball.held(direction)
    reach = ball.radius / ball.size(step).clamp_min(1e-12)
    return (x + per_record(reach, x) * step).clamp(ball.low, ball.high)
