"""Right claims, whatever the mixture of suspects. Brodersen et al. 2010, https://doi.org/10.1109/ICPR.2010.764."""

from dataclasses import dataclass

from amulet.core.metric import Metric, Undefined
from amulet.unauthorized_model_ownership.claim_outcome import ClaimOutcome
from amulet.unauthorized_model_ownership.metrics.claim_fnr import claim_fnr
from amulet.unauthorized_model_ownership.metrics.claim_fpr import claim_fpr


@dataclass(frozen=True)
class ClaimBalancedAccuracy(Metric[ClaimOutcome]):
    """The share of stolen models that are claimed and that of independent ones that are not, averaged."""

    low, high, riskier, chance, margin = 0.0, 1.0, "low", 0.5, 0.05
    title = "Balanced accuracy of claims"
    meaning = "Share of suspected models that the claim judges correctly, averaged over stolen and independent ones."
    shows = "claims"

    def measure(self, outcome: ClaimOutcome) -> float | Undefined:
        """In [0, 1]; undefined with fewer than 3 stolen or 3 independent models."""
        missed, wrong = claim_fnr(outcome), claim_fpr(outcome)
        if isinstance(missed, Undefined) or isinstance(wrong, Undefined):
            return missed if isinstance(missed, Undefined) else wrong
        return 1 - (missed + wrong) / 2


claim_balanced_accuracy = ClaimBalancedAccuracy()
