"""Accuracy under attack. Madry et al. 2018, https://arxiv.org/abs/1706.06083, Table 2."""

from dataclasses import dataclass

from amulet.core.metric import Metric
from amulet.evasion.outcome import EvasionOutcome


@dataclass(frozen=True)
class RobustAccuracy(Metric[EvasionOutcome]):
    """Share of records that are classified correctly both as they are and as adversarial examples.

    The record itself lies in its own ball, so one that is wrong already is not robust.
    """

    low, high, riskier, primary, chance = 0.0, 1.0, "low", True, "noise_accuracy"
    title = "Robust accuracy"
    phrase = "accuracy under attack"
    meaning = "Share of records still classified correctly under attack."
    no_skill = "largest class"

    def measure(self, outcome: EvasionOutcome) -> float:
        """In 0..1."""
        return outcome.withstood.double().mean().item()


robust_accuracy = RobustAccuracy()
