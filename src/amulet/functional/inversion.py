"""Inputs that a classifier takes for a class. Fredrikson et al. 2015, https://doi.org/10.1145/2810103.2813677."""

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import conv2d, pad

from amulet.functional.perturbations.pgd import Classifier, input_gradient

BLUR: Final = (1.0, 4.0, 6.0, 4.0, 1.0)
"""Binomial weights of five pixels in a row, close to a Gaussian with a standard deviation of one pixel."""


def inverted(
    model: Classifier,
    y: Tensor,
    start: Tensor,
    *,
    steps: int,
    step_size: float,
    bounds: tuple[float, float],
    process: Callable[[Tensor, int], Tensor] | None = None,
) -> Tensor:
    """Descend from the start to inputs with a large logit of one class and small ones of the others, all at once.

    The loss is minus the scaled logit, `logsumexp of the other logits - logit of the class`; see `input_gradient`. Each
    gradient is scaled to a root mean square of one, and the steps become smaller linearly, so that neither depends on
    how confident the model is.

    Args:
        model: maps inputs to logits.
        y: (n,) the class that each input is to be taken for.
        start: (n, *shape) where to begin.
        steps: the number of steps.
        step_size: the root mean square of the first step, as a share of the range between the bounds.
        bounds: the least and the largest value of an input.
        process: what is made of (n, *shape) inputs after a step, counted from 1; None for nothing.

    Returns:
        (n, *shape) the last inputs, within the bounds.

    Example:
        >>> y, start = torch.tensor([0, 1]), torch.full((2, 2), 0.5)
        >>> inverted(torch.nn.Identity(), y, start, steps=20, step_size=0.1, bounds=(0.0, 1.0))
        tensor([[1., 0.],
                [0., 1.]])
    """
    low, high = bounds
    x = start
    for step in range(steps):
        size = step_size * (high - low) * (1 - step / steps)
        x = (x - size * unit(input_gradient(model, x, y))).clamp(low, high)
        x = process(x, step + 1) if process is not None else x
    return x


def unit(gradients: Tensor) -> Tensor:
    """(n, *shape) each gradient scaled to a root mean square of one; zeros stay zeros.

    Example:
        >>> unit(torch.tensor([[2.0, -2.0], [0.0, 0.0]]))
        tensor([[ 1., -1.],
                [ 0.,  0.]])
    """
    size = gradients.flatten(1).square().mean(1).sqrt()
    size = torch.where(size > 0, size, 1.0)
    return gradients / size.view(-1, *[1] * (gradients.dim() - 1))


def denoised(images: Tensor) -> Tensor:
    """Images under a filter of 5 x 5 binomial weights; beyond the edge they go on as at the edge.

    Args:
        images: (n, channels, height, width).

    Returns:
        (n, channels, height, width), within the range of the images.

    Example:
        >>> denoised(torch.eye(5).view(1, 1, 5, 5))[0, 0, 2, 2]
        tensor(0.2734)
    """
    weights = torch.tensor(BLUR, dtype=images.dtype, device=images.device) / sum(BLUR)
    channels = images.shape[1]
    kernel = torch.outer(weights, weights).expand(channels, 1, -1, -1)
    return conv2d(pad(images, (2, 2, 2, 2), mode="replicate"), kernel, groups=channels)
