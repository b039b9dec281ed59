"""The largest difference of a rate between groups."""

from torch import Tensor

from amulet.core.metric import Undefined


def largest_gap(rates: Tensor, among: str) -> float | Undefined:
    """Largest minus smallest rate, undefined for fewer than two groups or a group where `among` is empty."""
    if len(rates) < 2:
        return Undefined("fewer than two groups are present")
    if rates.isnan().any():
        return Undefined(f"a group has no {among}")
    return (rates.max() - rates.min()).item()
