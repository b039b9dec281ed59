"""A bound on the size of models, so that a mistyped width is told instead of filling the memory."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Final

MOST_WEIGHTS: Final = 2**30
"""Weights of a model's layers, 4 GiB in single precision."""


def check_size(widths: Iterable[int], kernel: int = 1) -> None:
    """Check the size of layers, each of which connects all units of the one before with all of its own.

    Args:
        widths: units, or channels, of the inputs and of every layer.
        kernel: weights of a connection, such as 9 of a 3 x 3 convolution.

    Raises:
        ValueError: they have more than 2^30 weights.
    """
    weights = kernel * sum(before * after for before, after in pairwise(widths))
    if weights > MOST_WEIGHTS:
        raise ValueError(f"its layers must have at most {MOST_WEIGHTS:,} weights, and would have {weights:,}")
