"""Mean recall over the values of the attribute. Aalmoes et al. 2024, https://arxiv.org/abs/2211.10209."""

from dataclasses import dataclass

from amulet.attribute_inference.metrics.rates import mean_recall
from amulet.attribute_inference.outcome import AttributeOutcome
from amulet.core.metric import Metric, Undefined


@dataclass(frozen=True)
class BalancedAccuracy(Metric[AttributeOutcome]):
    """The share of records whose value is inferred correctly, averaged over the values that occur.

    The thresholds were chosen on the adversary's records, so it can be below the baseline.
    """

    low, high, riskier, chance = 0.0, 1.0, "high", "baseline_balanced_accuracy"
    title = "Attack balanced accuracy"
    meaning = "Share of records of which the attack infers the attribute correctly, averaged over its values."

    def measure(self, outcome: AttributeOutcome) -> float | Undefined:
        """In [0, 1]; undefined if fewer than two values occur."""
        return mean_recall(outcome.values, outcome.guesses)


balanced_accuracy = BalancedAccuracy()
