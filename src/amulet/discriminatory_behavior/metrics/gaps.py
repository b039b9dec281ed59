"""The largest difference of a rate between groups, and what chance alone would make of it.

The decisions are kept, and the groups of the records are permuted: among all records, or among those of one class for
rates that condition on the class. How many favourable decisions each group then has follows the multivariate
hypergeometric distribution, which is drawn from directly. Permutation tests of fairness metrics: DiCiccio et al. 2020,
https://doi.org/10.1145/3394486.3403199.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from amulet.core.metric import ByChance, Undefined
from amulet.core.seeds import derive
from amulet.discriminatory_behavior.outcome import DiscriminationOutcome, Rate, RateCounts

PERMUTATIONS: Final = 4000
"""How often the groups are permuted. The mean gap is then known to about a hundredth of itself."""

_AMONG: Final = {
    Rate.TRUE_POSITIVE: "records of the positive class",
    Rate.FALSE_POSITIVE: "records outside the positive class",
}


def compared_groups(outcome: DiscriminationOutcome, rate: Rate) -> RateCounts | Undefined:
    """One rate as counts, where at least two groups are large enough to be compared by it."""
    counts = outcome.rate_counts(rate)
    fewest, among = int(outcome.fewest), _AMONG.get(rate, "records")
    if bool((counts.of[counts.enters] == 0).any()):
        return Undefined(f"a group that is compared has no {among} in this resample")
    if int(counts.enters.sum()) >= 2:
        return counts
    if fewest <= 1:
        return Undefined(f"fewer than two groups have {among}")
    return Undefined(f"fewer than two groups have at least {fewest} {among}")


def largest_gap(outcome: DiscriminationOutcome, rate: Rate) -> float | Undefined:
    """The largest minus the smallest rate among the groups that are compared, in [0, 1].

    Example:
        >>> import torch
        >>> granted, groups = torch.tensor([True, False, True, True]), torch.tensor([0, 0, 1, 1])
        >>> largest_gap(DiscriminationOutcome(granted, granted, groups), Rate.SELECTION)
        0.5
    """
    counts = compared_groups(outcome, rate)
    if isinstance(counts, Undefined):
        return counts
    return (counts.compared.max() - counts.compared.min()).item()


def permuted_rates(outcome: DiscriminationOutcome, rate: Rate) -> NDArray[np.float64] | None:
    """The rates of the groups that are compared, where their records were permuted among these groups.

    Returns:
        (PERMUTATIONS, groups) rates, the same whenever it is asked for; None for fewer than two groups.
    """
    counts = compared_groups(outcome, rate)
    if isinstance(counts, Undefined):
        return None
    of, total = counts.of[counts.enters].numpy(), int(counts.counts[counts.enters].sum())
    rng = np.random.default_rng(derive(0, "permuted groups", rate))
    drawn = rng.multivariate_hypergeometric(of, total, size=PERMUTATIONS, method="marginals")
    rates: NDArray[np.float64] = drawn / of
    return rates


def permuted_gaps(outcome: DiscriminationOutcome, rate: Rate) -> NDArray[np.float64] | None:
    """(PERMUTATIONS,) the largest gap of each permutation; None for fewer than two groups."""
    rates = permuted_rates(outcome, rate)
    return None if rates is None else np.ptp(rates, axis=1)


def gap_by_chance(gaps: NDArray[np.float64] | None) -> ByChance | None:
    """What chance alone makes of a gap: its mean, and the bound that 95% of the permutations do not pass."""
    return None if gaps is None else ByChance(float(gaps.mean()), float(np.quantile(gaps, 0.95)))
