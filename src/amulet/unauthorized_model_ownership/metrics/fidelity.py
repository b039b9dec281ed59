"""Agreement of a copy with its target. Jagielski et al. 2020, https://arxiv.org/abs/1909.01838, section 3.2."""

from dataclasses import dataclass

from amulet.core.metric import Metric
from amulet.unauthorized_model_ownership.extraction import ExtractionOutcome


@dataclass(frozen=True)
class Fidelity(Metric[ExtractionOutcome]):
    """Share of records for which the surrogate predicts the same class as the target, right or wrong."""

    low, high, riskier, primary, margin = 0.0, 1.0, "high", True, 0.01
    title = "Fidelity"
    phrase = "agreement of a stolen copy"
    meaning = "Share of unseen records for which the stolen copy predicts the same class as the model."
    chance = "majority_agreement"

    def measure(self, outcome: ExtractionOutcome) -> float:
        """In [0, 1]."""
        return outcome.agreed.double().mean().item()


fidelity = Fidelity()
