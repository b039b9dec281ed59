"""Share of correct predictions; Amulet paper, section 6 (test accuracy): https://github.com/ssg-research/amulet."""

from dataclasses import dataclass

from amulet.core.metric import Metric
from amulet.utility.outcome import PredictionOutcome


@dataclass(frozen=True)
class Accuracy(Metric[PredictionOutcome]):
    """Share of records whose most probable class is the true one."""

    low, high, riskier, margin = 0.0, 1.0, None, 0.01
    title = "Accuracy"
    meaning = "Share of unseen records classified correctly."
    no_skill = "largest class"

    def measure(self, outcome: PredictionOutcome) -> float:
        """In [0, 1]."""
        return (outcome.probabilities.argmax(1) == outcome.labels).double().mean().item()


accuracy = Accuracy()
