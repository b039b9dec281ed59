"""Equal false positive rates. Hardt et al. 2016, https://arxiv.org/abs/1610.02413, Definition 2.1."""

from dataclasses import dataclass

from amulet.core.metric import Metric, Undefined
from amulet.discriminatory_behavior.metrics.gaps import largest_gap
from amulet.discriminatory_behavior.outcome import DiscriminationOutcome


@dataclass(frozen=True)
class FalsePositiveParity(Metric[DiscriminationOutcome]):
    """The largest difference between groups in the false positive rate; 0 is parity."""

    low, high, riskier = 0.0, 1.0, "high"
    title = "False positive rate gap"
    meaning = (
        "Difference in the false positive rate between the groups for which it is largest and smallest; 0 is parity."
    )

    def measure(self, outcome: DiscriminationOutcome) -> float | Undefined:
        """In [0, 1]; undefined if a group has no record outside the positive class."""
        return largest_gap(outcome.false_positive_rates(), "record outside the positive class")


false_positive_parity = FalsePositiveParity()
