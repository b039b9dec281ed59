"""Rates by group and by class."""

import torch
from torch import Tensor


def rates_by_group(decisions: Tensor, groups: Tensor, among: Tensor) -> Tensor:
    """(groups,) share of favourable decisions in each group present, among some of the records.

    Args:
        decisions: (n,) bool, favourable or not.
        groups: (n,) codes; records with code -1 (not recorded) are left out.
        among: (n,) bool, the records that count. A group with none of them has rate NaN.
    """
    known = groups >= 0
    present = groups[known].unique()
    chosen = [known & among & (groups == group) for group in present]
    return torch.stack([decisions[mask].double().mean() for mask in chosen]) if chosen else torch.empty(0)


def mean_over_classes(right: Tensor, labels: Tensor) -> float:
    """The mean, over the classes present, of the share of their records for which `right` (n,) holds."""
    shares = [right[labels == code].double().mean() for code in labels.unique()]
    return torch.stack(shares).mean().item()
