"""Accuracy of the group with the lowest. Sagawa et al. 2020, https://arxiv.org/abs/1911.08731, section 2."""

from dataclasses import dataclass

import numpy as np

from amulet.core.metric import ByChance, Metric, Undefined
from amulet.discriminatory_behavior.metrics.gaps import compared_groups, permuted_rates
from amulet.discriminatory_behavior.outcome import DiscriminationOutcome, Rate


@dataclass(frozen=True)
class WorstGroupAccuracy(Metric[DiscriminationOutcome]):
    """The smallest share of right decisions of any group."""

    low, high, riskier = 0.0, 1.0, "low"
    net_of_chance = True
    title = "Worst-group accuracy"
    meaning = "Share of right decisions, favourable or not, in the group for which it is smallest."

    def measure(self, outcome: DiscriminationOutcome) -> float | Undefined:
        """In [0, 1]; undefined where fewer than two groups have enough records."""
        counts = compared_groups(outcome, Rate.ACCURACY)
        return counts if isinstance(counts, Undefined) else counts.compared.min().item()

    def by_chance(self, outcome: DiscriminationOutcome) -> ByChance | None:
        """Of groups permuted among all records; what chance takes from the accuracy of all is negative."""
        rates = permuted_rates(outcome, Rate.ACCURACY)
        if rates is None:
            return None
        counts = outcome.rate_counts(Rate.ACCURACY)
        overall = counts.counts[counts.enters].sum() / counts.of[counts.enters].sum()
        worst = rates.min(1)
        return ByChance(float(worst.mean()) - overall.item(), float(np.quantile(worst, 0.05)))


worst_group_accuracy = WorstGroupAccuracy()
