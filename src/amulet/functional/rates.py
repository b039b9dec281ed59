"""Shares of records by group and by class, for metrics of fairness and accuracy."""

import torch
from torch import Tensor


def rates_by_group(decisions: Tensor, groups: Tensor, among: Tensor) -> Tensor:
    """The share of favourable decisions in each group, among some of the records.

    Args:
        decisions: (n,) bool, true if the decision is favourable.
        groups: (n,) code of each record's group; records with code -1 (not recorded) are left out.
        among: (n,) bool, the records that are counted.

    Returns:
        (groups,) float64 shares in [0, 1] of the groups that occur, in ascending order of their codes; NaN for a group
        of which no record is counted.

    Example:
        >>> decisions, groups = torch.tensor([True, True, False, True]), torch.tensor([0, 0, 1, 1])
        >>> rates_by_group(decisions, groups, torch.ones(4, dtype=torch.bool))
        tensor([1.0000, 0.5000], dtype=torch.float64)
    """
    known = groups >= 0
    present = groups[known].unique()
    chosen = [known & among & (groups == group) for group in present]
    return torch.stack([decisions[mask].double().mean() for mask in chosen]) if chosen else torch.empty(0)


def mean_over_classes(right: Tensor, labels: Tensor) -> float:
    """The share of correct records in each class, averaged over the classes that occur.

    Args:
        right: (n,) bool, true if the record is classified correctly.
        labels: (n,) class of each record.

    Example:
        >>> mean_over_classes(torch.tensor([True, True, False, True]), torch.tensor([0, 0, 1, 1]))
        0.75
    """
    shares = [right[labels == code].double().mean() for code in labels.unique()]
    return torch.stack(shares).mean().item()
