"""Memorization of single records. Feldman and Zhang 2020, https://arxiv.org/abs/2008.03703, equation (1)."""

import torch
from torch import Tensor


def memorization(correct: Tensor, inside: Tensor) -> Tensor:
    """For each record, how much more often models that were trained with it are right about it than others.

    Args:
        correct: (models, n) bool, whether each model predicts each record's class.
        inside: (models, n) bool, whether each record was among the training records of each model.

    Returns:
        (n,) float64 in -1..1: the difference of the two shares. NaN for a record that no model, or every model, was
        trained with.

    Example:
        >>> correct = torch.tensor([[True, True], [True, True], [False, True], [False, True]])
        >>> inside = torch.tensor([[True, True], [True, True], [False, False], [False, False]])
        >>> memorization(correct, inside)
        tensor([1., 0.], dtype=torch.float64)
    """
    shares = [(correct & side).sum(0).double() / side.sum(0) for side in (inside, ~inside)]
    return torch.sub(*shares)
