"""At which numbers of seeds verdicts are computed. The level is split evenly over the planned looks (Bonferroni)."""

from typing import Final

FIRST: Final = 5
"""Seeds at the first look. With fewer, simultaneous intervals are so wide that hardly any comparison is decided."""


def doubling(most: int) -> tuple[int, ...]:
    """The numbers of seeds at which verdicts are computed: 5, 10, 20 and so on, and finally `most`.

    They must be fixed before the first look, since each look uses an equal share of the level.

    Args:
        most: the largest number of seeds; if it is 5 or less, there is only this one look.

    Example:
        >>> doubling(30)
        (5, 10, 20, 30)
    """
    looks, seeds = [], FIRST
    while seeds < most:
        looks.append(seeds)
        seeds *= 2
    return (*looks, most)
