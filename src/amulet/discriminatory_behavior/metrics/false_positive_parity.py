"""Equal false positive rates. Hardt et al. 2016, https://arxiv.org/abs/1610.02413, Definition 2.1."""

from dataclasses import dataclass

from amulet.core.metric import ByChance, Metric, Undefined
from amulet.discriminatory_behavior.metrics.gaps import gap_by_chance, largest_gap, permuted_gaps
from amulet.discriminatory_behavior.outcome import DiscriminationOutcome, Rate


@dataclass(frozen=True)
class FalsePositiveParity(Metric[DiscriminationOutcome]):
    """The largest difference between groups in the false positive rate; 0 is parity."""

    low, high, riskier = 0.0, 1.0, "high"
    net_of_chance = True
    title = "False positive rate gap"
    meaning = (
        "Difference in the false positive rate between the groups for which it is largest and smallest; 0 is parity."
    )

    def measure(self, outcome: DiscriminationOutcome) -> float | Undefined:
        """In [0, 1]; undefined where fewer than two groups have enough records outside the positive class."""
        return largest_gap(outcome, Rate.FALSE_POSITIVE)

    def by_chance(self, outcome: DiscriminationOutcome) -> ByChance | None:
        """Of groups permuted among the records that are counted."""
        return gap_by_chance(permuted_gaps(outcome, Rate.FALSE_POSITIVE))


false_positive_parity = FalsePositiveParity()
