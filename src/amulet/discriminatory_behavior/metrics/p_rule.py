"""The p% rule. Zafar et al. 2017, https://arxiv.org/abs/1507.05259, section 3 (there in percent)."""

from dataclasses import dataclass

import numpy as np

from amulet.core.metric import ByChance, Metric, Undefined
from amulet.discriminatory_behavior.metrics.gaps import compared_groups, permuted_rates
from amulet.discriminatory_behavior.outcome import DiscriminationOutcome, Rate


@dataclass(frozen=True)
class PRule(Metric[DiscriminationOutcome]):
    """The smallest share of favourable decisions of any group divided by the largest; 1 is parity.

    US practice regards a value below 0.8 as evidence of disparate impact (the "80% rule").
    """

    low, high, riskier = 0.0, 1.0, "low"
    net_of_chance = True
    line = (0.8, "the four-fifths rule")
    title = "p% rule"
    meaning = "The smallest share of favourable decisions of any group over the largest; 1 is parity."

    def measure(self, outcome: DiscriminationOutcome) -> float | Undefined:
        """In [0, 1]; undefined where fewer than two groups have enough records, or without any favourable decision."""
        counts = compared_groups(outcome, Rate.SELECTION)
        if isinstance(counts, Undefined):
            return counts
        if counts.compared.max() == 0:
            return Undefined("no group has a favourable decision")
        return (counts.compared.min() / counts.compared.max()).item()

    def by_chance(self, outcome: DiscriminationOutcome) -> ByChance | None:
        """Of groups permuted among all records; what chance adds is negative."""
        rates = permuted_rates(outcome, Rate.SELECTION)
        if rates is None or not rates.any():
            return None
        ratios = rates.min(1) / rates.max(1)
        return ByChance(float(ratios.mean()) - 1, float(np.quantile(ratios, 0.05)))


p_rule = PRule()
