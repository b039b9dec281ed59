"""Accuracy under noise. Hendrycks and Dietterich 2019, https://arxiv.org/abs/1903.12261, section 4.1."""

from dataclasses import dataclass

from amulet.core.metric import Metric
from amulet.evasion.outcome import EvasionOutcome


@dataclass(frozen=True)
class NoiseAccuracy(Metric[EvasionOutcome]):
    """Share of records that are classified correctly as they are and under random noise as long as the attack's step.

    What robust accuracy would come to if the attack did no better than chance.
    """

    shows = "noise"
    low, high, riskier = 0.0, 1.0, None
    title = "Accuracy under noise"
    meaning = "Share of records classified correctly under random noise of the size of the attack's change."
    no_skill = "largest class"

    def measure(self, outcome: EvasionOutcome) -> float:
        """In 0..1."""
        return (outcome.correct & (outcome.noisy == outcome.labels)).double().mean().item()


noise_accuracy = NoiseAccuracy()
