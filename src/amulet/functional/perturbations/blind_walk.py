"""Random steps until the label changes. Maini et al. 2021, https://arxiv.org/abs/2104.10706, section 5."""

from collections.abc import Callable
from math import sqrt
from typing import Final

import torch
from torch import Generator, Tensor

Labeller = Callable[[Tensor, Tensor], Tensor]
"""Maps inputs (n, *shape), and the (n,) positions of the records they were made from, to (n,) predicted classes."""

NOISES: Final = ("uniform", "gaussian", "laplace")
"""The distributions of the directions' entries, each with mean 0 and variance 1."""


def random_directions(x: Tensor, count: int, rng: Generator) -> Tensor:
    """(n, 3, count, *shape) directions for each record, `count` of each kind of `NOISES`.

    Args:
        x: (n, *shape) records.
        count: the number of directions of each kind.
        rng: the source of randomness.

    Example:
        >>> random_directions(torch.zeros(2, 5), 4, torch.Generator().manual_seed(0)).shape
        torch.Size([2, 3, 4, 5])
    """
    shape = (len(x), count, *x.shape[1:])
    uniform = (torch.rand(shape, generator=rng, device=x.device, dtype=x.dtype) * 2 - 1) * sqrt(3)
    gaussian = torch.randn(shape, generator=rng, device=x.device, dtype=x.dtype)
    signed = torch.rand(shape, generator=rng, device=x.device, dtype=x.dtype) * 2 - 1
    laplace = -signed.sign() * torch.log1p(-signed.abs()) / sqrt(2)
    return torch.stack([uniform, gaussian, laplace], 1)


@torch.no_grad()
def blind_walk(
    label: Labeller, x: Tensor, y: Tensor, directions: Tensor, bounds: tuple[float, float], *, steps: int
) -> Tensor:
    """The number of steps in each direction until a record is no longer predicted as its class.

    All walks take their steps together, and each ends as soon as the predicted class changes.

    Args:
        label: predicts classes; nothing else of the model is used.
        x: (n, *shape) records within the bounds.
        y: (n,) their classes.
        directions: (n, ..., *shape) any number of directions for each record; one step adds a direction to the record.
        bounds: the smallest and the largest value of every input; points beyond are clipped.
        steps: the largest number of steps.

    Returns:
        (n, ...) numbers of steps: 0 where the record itself is predicted as another class, `steps` + 1 where no step
        changes the prediction.

    Example:
        >>> x, y = torch.tensor([[0.7, 0.4]]), torch.tensor([0])
        >>> directions = torch.tensor([[[-0.1, 0.1], [0.1, -0.1]]])
        >>> blind_walk(lambda moved, places: moved.argmax(1), x, y, directions, (0.0, 1.0), steps=5)
        tensor([[2., 6.]])
    """
    paths = directions.flatten(1, directions.dim() - x.dim())
    kept = label(x, torch.arange(len(x), device=x.device)) == y
    taken = x.new_zeros(paths.shape[:2])
    records, places = kept[:, None].expand_as(taken).nonzero().unbind(1)
    for step in range(1, steps + 2):
        taken[records, places] = step
        if step > steps or len(records) == 0:
            break
        moved = (x[records] + step * paths[records, places]).clamp(*bounds)
        same = label(moved, records) == y[records]
        records, places = records[same], places[same]
    return taken.view(directions.shape[: directions.dim() - x.dim() + 1])
