"""Accuracy of the copy. Tramer et al. 2016, https://arxiv.org/abs/1609.02943, section 2.1 (1 - R_test of labels)."""

from dataclasses import dataclass

from amulet.core.metric import Metric
from amulet.unauthorized_model_ownership.extraction import ExtractionOutcome


@dataclass(frozen=True)
class SurrogateAccuracy(Metric[ExtractionOutcome]):
    """Share of records that the surrogate classifies correctly."""

    low, high, riskier, margin = 0.0, 1.0, "high", 0.01
    title = "Surrogate accuracy"
    meaning = "Share of unseen records that the stolen copy classifies correctly."
    no_skill = "largest class"

    def measure(self, outcome: ExtractionOutcome) -> float:
        """In [0, 1]."""
        return (outcome.surrogate == outcome.labels).double().mean().item()


surrogate_accuracy = SurrogateAccuracy()
