"""Changes that happen in some trainings only, and how many seeds exclude them."""

from math import ceil, log
from typing import Final

EXCLUDED: Final = 0.3
"""A verdict of "no meaningful change" excludes changes that happen in at least this share of all trainings."""

CONFIDENCE: Final = 0.95
"""The probability with which at least one of the seeds would have shown such a change."""


def share_not_excluded(seeds: int) -> float:
    """The largest share of trainings in which something may happen that none of the seeds has shown.

    If it happens in a share q of trainings, n independent ones miss it with the probability (1 - q)^n. That is below
    1 - 0.95 where q is above 1 - 0.05^(1/n), the exact binomial bound for no success in n (Clopper and Pearson 1934,
    https://doi.org/10.1093/biomet/26.4.404).

    Args:
        seeds: the number of seeds, at least one.

    Example:
        >>> [round(share_not_excluded(seeds), 2) for seeds in (5, 10, 20)]
        [0.45, 0.26, 0.14]
    """
    return 1.0 - float((1 - CONFIDENCE) ** (1 / seeds))


def seeds_to_exclude(share: float) -> int:
    """The fewest seeds of which at least one shows what happens in this share of trainings, with a probability of 95%.

    Args:
        share: of all trainings, in (0, 1).

    Example:
        >>> [seeds_to_exclude(share) for share in (0.5, 0.3, 0.1)]
        [5, 9, 29]
    """
    return ceil(log(1 - CONFIDENCE) / log(1 - share))


FEWEST: Final = seeds_to_exclude(EXCLUDED)
"""The fewest seeds for a verdict of "no meaningful change"."""
