"""Scores that tell training records from others. Maini et al. 2021, https://arxiv.org/abs/2104.10706, section 5."""

from collections.abc import Callable
from typing import Final

import torch
from torch import Tensor

ITERATIONS: Final = 100
"""Steps of gradient descent, each on all records."""

RATE: Final = 0.1
"""The learning rate."""

TINY: Final = 1e-12
"""Features of a smaller standard deviation count as constant."""


def confidence_regressor(held_in: Tensor, held_out: Tensor) -> Callable[[Tensor], Tensor]:
    """Train g(e) = tanh(w . e + b) to be high for records that were held in and low for those held out.

    Gradient descent from w = 0, b = 0 on the mean of g over the records held out less its mean over those held in.
    Features are standardised by the mean and standard deviation of all records given here; one that is constant among
    them is ignored.

    Args:
        held_in: (n, features) of records that a model was trained on.
        held_out: (m, features) of records that it was not trained on.

    Returns:
        A function from (k, features) to (k,) scores in [-1, 1].

    Example:
        >>> features = torch.arange(20.0)[:, None]
        >>> score = confidence_regressor(features[10:], features[:10])
        >>> score(torch.tensor([[0.0], [19.0]])).sign()
        tensor([-1.,  1.])
    """
    both = torch.cat([held_in, held_out])
    mean, deviation = both.mean(0), both.std(0)
    scale = torch.where(deviation > TINY, 1 / deviation.clamp_min(TINY), 0)
    inputs, signs = (both - mean) * scale, both.new_full((len(both),), -1 / len(held_out))
    signs[: len(held_in)] = 1 / len(held_in)
    weight, bias = both.new_zeros(both.shape[1]), both.new_zeros(())
    for _ in range(ITERATIONS):
        slopes = signs * (1 - (inputs @ weight + bias).tanh().square())
        weight, bias = weight + RATE * (slopes @ inputs), bias + RATE * slopes.sum()
    return lambda features: ((features - mean) * scale @ weight + bias).tanh()
