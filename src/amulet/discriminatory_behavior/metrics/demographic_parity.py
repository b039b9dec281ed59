"""Equal shares of favourable decisions. Dwork et al. 2012, https://arxiv.org/abs/1104.3913, section 3."""

from dataclasses import dataclass

from amulet.core.metric import Metric, Undefined
from amulet.discriminatory_behavior.metrics.gaps import largest_gap
from amulet.discriminatory_behavior.outcome import DiscriminationOutcome


@dataclass(frozen=True)
class DemographicParity(Metric[DiscriminationOutcome]):
    """The largest difference between groups in the share of favourable decisions; 0 is parity."""

    low, high, riskier, primary = 0.0, 1.0, "high", True
    title = "Demographic parity gap"
    phrase = "approval gap by {attribute}"
    meaning = (
        "Difference in the share of favourable decisions between the groups for which it is largest and "
        "smallest; 0 is parity."
    )

    def measure(self, outcome: DiscriminationOutcome) -> float | Undefined:
        """In [0, 1]; undefined for fewer than two groups."""
        return largest_gap(outcome.selection_rates(), "records")


demographic_parity = DemographicParity()
