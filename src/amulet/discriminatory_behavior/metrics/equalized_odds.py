"""Equalized odds. Hardt et al. 2016, https://arxiv.org/abs/1610.02413, Definition 2.1."""

from dataclasses import dataclass

from amulet.core.metric import Metric, Undefined
from amulet.discriminatory_behavior.metrics.gaps import largest_gap
from amulet.discriminatory_behavior.outcome import DiscriminationOutcome


@dataclass(frozen=True)
class EqualizedOdds(Metric[DiscriminationOutcome]):
    """The larger of the largest differences between groups in the true and in the false positive rate; 0 is parity."""

    low, high, riskier = 0.0, 1.0, "high"
    title = "Equalized odds gap"
    meaning = "The larger of the gaps in true and in false positive rate; 0 is parity."

    def measure(self, outcome: DiscriminationOutcome) -> float | Undefined:
        """In [0, 1]; undefined if one of the two differences is."""
        gaps = (
            largest_gap(outcome.true_positive_rates(), "record of the positive class"),
            largest_gap(outcome.false_positive_rates(), "record outside the positive class"),
        )
        undefined = [gap for gap in gaps if isinstance(gap, Undefined)]
        return undefined[0] if undefined else max(gap for gap in gaps if not isinstance(gap, Undefined))


equalized_odds = EqualizedOdds()
