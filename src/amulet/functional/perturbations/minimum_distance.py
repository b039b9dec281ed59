"""Distances of records to other classes. Maini et al. 2021, https://arxiv.org/abs/2104.10706, section 5.1 (MinGD)."""

from typing import Final, Literal

import torch
from torch import Tensor

from amulet.functional.perturbations.balls import lengths
from amulet.functional.perturbations.hyperplanes import shortest_step
from amulet.functional.perturbations.pgd import Classifier

Distance = Literal["l1", "l2", "linf"]
DISTANCES: Final[tuple[Distance, ...]] = ("l1", "l2", "linf")
"""The norms in which distances are measured: the sum of absolute entries, the Euclidean length, the largest entry."""

OVERSHOOT: Final = 1.02
"""Factor by which the first step is extended beyond the linearised decision boundary."""

GROWTH: Final = 1.05
"""Factor by which every later step is extended more, since two other classes may take turns as the most probable."""

SEARCHES: Final = 512
"""About how many searches run at one time."""


def minimum_distances(
    model: Classifier, x: Tensor, targets: Tensor, bounds: tuple[float, float], *, steps: int
) -> Tensor:
    """The distance from each record to the nearest point that is found in each target class, in the three norms.

    Gradient descent on the margin, which is the largest logit of another class less that of the target. The length of
    a step is not fixed: a step is the shortest one, in its norm and within the bounds, that brings the linearised
    margin to zero. All records, targets and norms are searched together, and a search ends as soon as the model
    predicts its target. The gradients at the records themselves are computed once for all norms.

    The model is called in the mode (training or evaluation) in which it is, and its parameters get no gradients.

    Args:
        model: maps inputs to logits.
        x: (n, *shape) records within the bounds.
        targets: (n, k) target classes of each record.
        bounds: the smallest and the largest value of every input.
        steps: the largest number of steps of a search.

    Returns:
        (n, 3, k) distances in the norms of `DISTANCES`: 0 where the record itself is predicted as the target. A search
        that does not end within its steps gives the distance to the last point.

    Example:
        >>> x, targets = torch.tensor([[0.7, 0.4]]), torch.tensor([[0, 1]])
        >>> minimum_distances(torch.nn.Identity(), x, targets, (0.0, 1.0), steps=5)
        tensor([[[0.0000, 0.3060],
                 [0.0000, 0.2164],
                 [0.0000, 0.1530]]])
    """
    size = max(1, SEARCHES // (len(DISTANCES) * targets.shape[1]))
    parts = zip(x.split(size), targets.split(size), strict=True)
    return torch.cat([_searched(model, *part, bounds, steps) for part in parts])


def _searched(model: Classifier, x: Tensor, targets: Tensor, bounds: tuple[float, float], steps: int) -> Tensor:
    """`minimum_distances` of a few records, all searches at one time."""
    margins, gradients = margins_of_all(model, x, targets)
    outside = (margins > 0)[:, None].expand(-1, len(DISTANCES), -1)
    distances = x.new_zeros(outside.shape)
    records, norms, places = outside.nonzero().unbind(1)
    here, margins, gradients = x[records], margins[records, places], gradients[records, places]
    for step in range(steps):
        here = _stepped(here, norms, (margins, gradients), OVERSHOOT * GROWTH**step, bounds)
        distances[records, norms, places] = _sizes(here - x[records], norms)
        if step == steps - 1:
            break
        margins, gradients = margins_and_gradients(model, here, targets[records, places])
        left = margins > 0
        if not left.any():
            break
        here, margins, gradients = here[left], margins[left], gradients[left]
        records, norms, places = records[left], norms[left], places[left]
    return distances


def _stepped(
    here: Tensor, norms: Tensor, slopes: tuple[Tensor, Tensor], factor: float, bounds: tuple[float, float]
) -> Tensor:
    """The points after the shortest steps, each in its norm, that take `factor` times the linearised margin away."""
    moved = here.clone()
    for place, norm in enumerate(DISTANCES):
        rows = (norms == place).nonzero().flatten()
        start, gap, normal = here[rows], -factor * slopes[0][rows], slopes[1][rows].flatten(1)
        room = (bounds[0] - start).flatten(1), (bounds[1] - start).flatten(1)
        step = shortest_l1_step(normal, gap, room) if norm == "l1" else shortest_step(normal, gap, room, norm)
        moved[rows] = (start + step.view_as(start)).clamp(*bounds)
    return moved


def _sizes(change: Tensor, norms: Tensor) -> Tensor:
    """(n,) the norm of each change, given the place of its norm in `DISTANCES`."""
    entries = change.flatten(1).abs()
    each = torch.stack([entries.sum(1), lengths(change), entries.amax(1)], 1)
    return each.gather(1, norms[:, None]).squeeze(1)


def shortest_l1_step(normal: Tensor, gap: Tensor, room: tuple[Tensor, Tensor]) -> Tensor:
    """The step s of smallest L1 norm with normal . s = gap and room[0] <= s <= room[1]; see `shortest_step`.

    The inputs with the largest |normal| go to their bounds, one after the other, until the hyperplane is reached.

    Args:
        normal: (n, d) normal vectors of the hyperplanes.
        gap: (n,) the value that normal . s must have.
        room: the smallest (at most 0) and the largest (at least 0) change of every input, (n, d) each.

    Returns:
        (n, d) steps. Where the bounds allow no step to the hyperplane, the one that comes nearest to it.

    Example:
        >>> normal, bounds = torch.tensor([[1.0, 2.0]]), torch.ones(1, 2)
        >>> shortest_l1_step(normal, torch.tensor([2.5]), (-bounds, bounds))
        tensor([[0.5000, 1.0000]])
    """
    direction = normal.sign() * gap.sign()[:, None]
    gain, order = normal.abs().sort(1, descending=True)
    room_ahead = torch.where(direction > 0, room[1], -room[0]).gather(1, order)
    spent = gain * room_ahead
    left = gap.abs()[:, None] - (spent.cumsum(1) - spent)
    size = torch.minimum((left / gain.clamp_min(1e-30)).clamp_min(0), room_ahead)
    return direction * torch.empty_like(size).scatter_(1, order, size)


def margins_and_gradients(model: Classifier, x: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """(n,) the largest logit of another class less that of the target, and its gradient, shaped like x.

    Args:
        model: maps inputs to logits.
        x: (n, *shape) inputs.
        targets: (n,) target classes.

    Example:
        >>> margins_and_gradients(torch.nn.Identity(), torch.tensor([[0.75, 0.5]]), torch.tensor([1]))
        (tensor([0.2500]), tensor([[ 1., -1.]]))
    """
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        logits = model(leaf.clone())
        others = logits.scatter(1, targets[:, None], -torch.inf).amax(1)
        margins = others - logits.gather(1, targets[:, None]).squeeze(1)
        (gradients,) = torch.autograd.grad(margins.sum(), leaf)
    return margins.detach(), gradients


def margins_of_all(model: Classifier, x: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
    """Margins of several target classes at once, from one pass forward and k + 1 back.

    Args:
        model: maps inputs to logits.
        x: (n, *shape) inputs.
        targets: (n, k) target classes of each record.

    Returns:
        (n, k) the largest logit less that of each target, which is 0 for the predicted class, and (n, k, *shape) the
        gradients.

    Example:
        >>> x, targets = torch.tensor([[0.75, 0.5]]), torch.tensor([[0, 1]])
        >>> margins, gradients = margins_of_all(torch.nn.Identity(), x, targets)
        >>> margins.tolist(), gradients.tolist()
        ([[0.0, 0.25]], [[[0.0, 0.0], [1.0, -1.0]]])
    """
    with torch.enable_grad():
        leaf = x.detach().requires_grad_()
        logits = model(leaf.clone())
        largest = logits.argmax(1, keepdim=True)
        chosen = logits.gather(1, torch.cat([largest, targets], 1))
        slopes = [torch.autograd.grad(each.sum(), leaf, retain_graph=True)[0] for each in chosen.unbind(1)]
    values, gradients = chosen.detach(), torch.stack(slopes, 1)
    return values[:, :1] - values[:, 1:], gradients[:, :1] - gradients[:, 1:]
