"""The largest difference of a rate between groups."""

from torch import Tensor

from amulet.core.metric import Undefined


def largest_gap(rates: Tensor, among: str) -> float | Undefined:
    """The largest minus the smallest rate.

    Args:
        rates: (groups,) rate of each group; NaN for a group without records to compute it from.
        among: the records that the rate is computed from, in words, for the reason of an undefined value.

    Returns:
        A number in [0, 1]; undefined for fewer than two groups, or if a rate is NaN.

    Example:
        >>> import torch
        >>> largest_gap(torch.tensor([0.25, 0.5, 1.0]), "records")
        0.75
    """
    if len(rates) < 2:
        return Undefined("fewer than two groups are present")
    if rates.isnan().any():
        return Undefined(f"a group has no {among}")
    return (rates.max() - rates.min()).item()
