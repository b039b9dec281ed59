"""Records that copy and target both get right; Amulet paper, Table 8: https://github.com/ssg-research/amulet."""

from dataclasses import dataclass

from amulet.core.metric import Metric
from amulet.unauthorized_model_ownership.extraction import ExtractionOutcome


@dataclass(frozen=True)
class JointAccuracy(Metric[ExtractionOutcome]):
    """Share of all records that target and surrogate both classify correctly.

    It is `fidelity` times `correct_fidelity`.
    """

    low, high, riskier, margin = 0.0, 1.0, "high", 0.01
    title = "Joint accuracy"
    meaning = "Share of unseen records that model and stolen copy both classify correctly."
    no_skill = "largest class"

    def measure(self, outcome: ExtractionOutcome) -> float:
        """In [0, 1]."""
        return (outcome.agreed & (outcome.target == outcome.labels)).double().mean().item()


joint_accuracy = JointAccuracy()
