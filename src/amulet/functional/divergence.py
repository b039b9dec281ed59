"""Divergence between predicted probabilities. Kullback and Leibler 1951."""

from typing import Final

from torch import Tensor

LEAST: Final = 1e-6
"""Smaller probabilities are taken for this one, so that no record decides alone."""


def kl_divergence(first: Tensor, second: Tensor) -> Tensor:
    """The divergence KL(first || second) = sum of first * log(first / second) over the classes.

    Args:
        first: (..., classes) probabilities.
        second: (..., classes) probabilities.

    Returns:
        (...) divergences in nats, float64.

    Example:
        >>> import torch
        >>> kl_divergence(torch.tensor([0.5, 0.5]), torch.tensor([0.25, 0.75]))
        tensor(0.1438, dtype=torch.float64)
    """
    first, second = (each.double().clamp_min(LEAST) for each in (first, second))
    return (first * (first.log() - second.log())).sum(-1)


def votes_for_second(to_first: Tensor, to_second: Tensor) -> Tensor:
    """The share of all pairs of a divergence from the first and one from the second group in which the first is larger.

    Ties count one half.

    Args:
        to_first: (m,) divergences between a model and the models of the first group.
        to_second: (k,) divergences between the same model and those of the second group.

    Example:
        >>> import torch
        >>> votes_for_second(torch.tensor([3.0, 1.0]), torch.tensor([2.0, 1.0]))
        tensor(0.6250, dtype=torch.float64)
    """
    larger = (to_first[:, None] > to_second).double() + 0.5 * (to_first[:, None] == to_second).double()
    return larger.mean()
