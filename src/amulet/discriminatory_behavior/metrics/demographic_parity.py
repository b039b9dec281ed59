"""Equal shares of favourable decisions. Dwork et al. 2012, https://arxiv.org/abs/1104.3913, section 3."""

from dataclasses import dataclass

from amulet.core.metric import ByChance, Metric, Undefined
from amulet.discriminatory_behavior.metrics.gaps import gap_by_chance, largest_gap, permuted_gaps
from amulet.discriminatory_behavior.outcome import DiscriminationOutcome, Rate


@dataclass(frozen=True)
class DemographicParity(Metric[DiscriminationOutcome]):
    """The largest difference between groups in the share of favourable decisions; 0 is parity."""

    low, high, riskier, primary = 0.0, 1.0, "high", True
    net_of_chance = True
    title = "Demographic parity gap"
    phrase = "approval gap by {attribute}"
    meaning = (
        "Difference in the share of favourable decisions between the groups for which it is largest and "
        "smallest; 0 is parity."
    )

    def measure(self, outcome: DiscriminationOutcome) -> float | Undefined:
        """In [0, 1]; undefined where fewer than two groups have enough records."""
        return largest_gap(outcome, Rate.SELECTION)

    def by_chance(self, outcome: DiscriminationOutcome) -> ByChance | None:
        """Of groups permuted among the records that are counted."""
        return gap_by_chance(permuted_gaps(outcome, Rate.SELECTION))


demographic_parity = DemographicParity()
