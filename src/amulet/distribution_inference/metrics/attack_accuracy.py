"""Share of models whose world is inferred. Suri et al. 2023, https://arxiv.org/abs/2212.07591."""

from dataclasses import dataclass

from amulet.core.metric import Metric, Undefined
from amulet.distribution_inference.outcome import WorldOutcome


@dataclass(frozen=True)
class AttackAccuracy(Metric[WorldOutcome]):
    """The share of models that are judged correctly, each by itself: the second world where the score is positive.

    A score of zero is half right. Both worlds have as many models, so guessing gives one half.
    """

    low, high, riskier, chance = 0.0, 1.0, "high", 0.5
    title = "Attack accuracy"
    meaning = "Share of models of which the attack tells the share in the training data; 0.5 is guessing."

    def measure(self, outcome: WorldOutcome) -> float | Undefined:
        """In [0, 1]; undefined without models."""
        scores, second = outcome.pair(null=False)
        if len(scores) == 0:
            return Undefined("there are no models of worlds with different ratios")
        right = ((scores > 0) == second).double()
        right[scores == 0] = 0.5
        return right.mean().item()


attack_accuracy = AttackAccuracy()
