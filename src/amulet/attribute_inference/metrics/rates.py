"""Rates that attack and baseline share: mean recall over values, and the mean area under the ROC of each value."""

from torch import Tensor

from amulet.core.metric import Undefined
from amulet.functional.rates import mean_over_classes
from amulet.functional.roc import area_under, roc

ONE_VALUE = Undefined("fewer than two values are present")
"""The reason where nothing can be told apart."""


def mean_recall(values: Tensor, guesses: Tensor) -> float | Undefined:
    """The share of correct guesses for each value, averaged over the values that occur.

    Args:
        values: (n,) true codes; records with code -1 (not recorded) are left out.
        guesses: (n,) inferred codes.

    Returns:
        A number in [0, 1]; undefined if fewer than two values occur.

    Example:
        >>> import torch
        >>> mean_recall(torch.tensor([0, 0, 1, -1]), torch.tensor([0, 1, 1, 1]))
        0.75
    """
    recorded = values >= 0
    if len(values[recorded].unique()) < 2:
        return ONE_VALUE
    return mean_over_classes(guesses[recorded] == values[recorded], values[recorded])


def mean_area(values: Tensor, scores: Tensor) -> float | Undefined:
    """The area under the ROC curve of each value against all others, averaged over the values that occur.

    For two values whose scores sum to one, both areas are equal: the mean is the ordinary area.

    Args:
        values: (n,) true codes; records with code -1 (not recorded) are left out.
        scores: (n, k) score of each value.

    Returns:
        A number in [0, 1]; undefined if fewer than two values occur.

    Example:
        >>> import torch
        >>> mean_area(torch.tensor([0, 0, 1]), torch.tensor([[0.9, 0.1], [0.4, 0.6], [0.6, 0.4]]))
        0.5
    """
    recorded = values >= 0
    values, scores = values[recorded], scores[recorded]
    present = values.unique().tolist()
    if len(present) < 2:
        return ONE_VALUE
    return sum(area_under(*roc(scores[:, code], values == code)) for code in present) / len(present)
