"""Distances to the decision boundary. Moosavi-Dezfooli et al. 2016, https://arxiv.org/abs/1511.04599, Algorithm 2."""

from typing import Final

import torch
from torch import Tensor

from amulet.functional.perturbations.balls import lengths
from amulet.functional.perturbations.hyperplanes import shortest_step
from amulet.functional.perturbations.minimum_distance import margins_of_all
from amulet.functional.perturbations.pgd import Classifier

OVERSHOOT: Final = 1.02
"""Factor by which a step is extended beyond the linearised boundary, as in the paper."""

RIVALS: Final = 9
"""The most other classes whose boundaries are looked at: those with the largest logits at the record."""

HALVINGS: Final = 12
"""How often the way from the record to the point beyond the boundary is halved."""

SEARCHES: Final = 512
"""About how many gradients of inputs are computed at one time."""


def boundary_distances(model: Classifier, x: Tensor, bounds: tuple[float, float], *, steps: int) -> Tensor:
    """The Euclidean distance from each record to the nearest point that is found with another predicted class.

    DeepFool: each step is the shortest one within the bounds to the nearest of the linearised boundaries. As soon as
    the predicted class is another one, the way back to the record is halved to the boundary on it. What is found is an
    upper bound on the distance, and for a linear model the distance itself.

    The model is called in the mode (training or evaluation) in which it is, and its parameters get no gradients.

    Args:
        model: maps inputs to logits.
        x: (n, *shape) records within the bounds.
        bounds: the smallest and the largest value of every input.
        steps: the largest number of steps of a search.

    Returns:
        (n,) float64; infinity where the steps do not lead to another class.

    Example:
        >>> boundary_distances(torch.nn.Identity(), torch.tensor([[0.75, 0.25]]), (0.0, 1.0), steps=5)
        tensor([0.3536], dtype=torch.float64)
    """
    with torch.no_grad():
        classes = model(x[:1]).shape[1]
    size = max(1, SEARCHES // min(RIVALS + 1, classes))
    return torch.cat([_distances(model, part, bounds, steps) for part in x.split(size)])


def _distances(model: Classifier, x: Tensor, bounds: tuple[float, float], steps: int) -> Tensor:
    with torch.no_grad():
        logits = model(x.clone())
    predicted = logits.argmax(1)
    order = logits.scatter(1, predicted[:, None], -torch.inf).argsort(1, descending=True)
    rivals = order[:, : min(RIVALS, logits.shape[1] - 1)]
    beyond, crossed = _beyond(model, x, (predicted, rivals), bounds, steps)
    distances = x.new_full((len(x),), torch.inf, dtype=torch.float64)
    if crossed.any():
        distances[crossed] = _back(model, x[crossed], beyond[crossed], predicted[crossed])
    return distances


def _beyond(
    model: Classifier, x: Tensor, classes: tuple[Tensor, Tensor], bounds: tuple[float, float], steps: int
) -> tuple[Tensor, Tensor]:
    """Points with another predicted class, and (n,) bool, for which records there is one."""
    here, (predicted, rivals) = x.clone(), classes
    crossed = torch.zeros(len(x), dtype=torch.bool, device=x.device)
    for _ in range(steps):
        left = (~crossed).nonzero().flatten()
        if len(left) == 0:
            break
        here[left] = _stepped(here[left], *margins_of_all(model, here[left], rivals[left]), bounds)
        with torch.no_grad():
            crossed[left] = model(here[left].clone()).argmax(1) != predicted[left]
    return here, crossed


def _stepped(here: Tensor, margins: Tensor, gradients: Tensor, bounds: tuple[float, float]) -> Tensor:
    """The points after the shortest of the steps to the linearised boundaries of all rivals.

    A boundary that lies outside the bounds counts by how far it is from being reached, behind all others.
    """
    records, rivals = margins.shape
    normal = gradients.reshape(records * rivals, -1)
    gap = -OVERSHOOT * margins.flatten().clamp_min(1e-6)  # a record on the boundary moves, too
    room = tuple((bound - here).flatten(1).repeat_interleave(rivals, 0) for bound in bounds)
    step = shortest_step(normal, gap, (room[0], room[1]), "l2")
    missed = 1 - (normal * step).sum(1) / gap
    cost = torch.where(missed < 1e-3, lengths(step), 1e10 * (1 + missed)).view(records, rivals)
    nearest = step.view(records, rivals, -1)[torch.arange(records, device=here.device), cost.argmin(1)]
    return (here + nearest.view_as(here)).clamp(*bounds)


def _back(model: Classifier, x: Tensor, beyond: Tensor, predicted: Tensor) -> Tensor:
    """(n,) float64 distances to the first change of class that halving finds on the way."""
    way, shape = beyond - x, (len(x), *[1] * (x.dim() - 1))
    inside, outside = x.new_zeros(len(x)), x.new_ones(len(x))
    for _ in range(HALVINGS):
        middle = (inside + outside) / 2
        with torch.no_grad():
            changed = model(x + middle.view(shape) * way).argmax(1) != predicted
        inside, outside = torch.where(changed, inside, middle), torch.where(changed, middle, outside)
    return lengths(way).double() * outside.double()
