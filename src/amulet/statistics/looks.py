"""When a growing number of seeds is looked at. The level is split evenly over the looks planned (Bonferroni)."""

from typing import Final

FIRST: Final = 5
"""Fewer seeds hardly ever settle anything: the family's intervals are then many times wider than the spread."""


def doubling(most: int) -> tuple[int, ...]:
    """Numbers of seeds at which to look: 5, 10, 20 ... and `most`; `most` alone where it is no more than 5.

    They are fixed beforehand by `most`, since each look costs an equal share of the level.
    """
    looks, seeds = [], FIRST
    while seeds < most:
        looks.append(seeds)
        seeds *= 2
    return (*looks, most)
