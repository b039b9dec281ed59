"""Area under the ROC curve of inferred values. Aalmoes et al. 2024, https://arxiv.org/abs/2211.10209."""

from dataclasses import dataclass

from amulet.attribute_inference.metrics.rates import mean_area
from amulet.attribute_inference.outcome import AttributeOutcome
from amulet.core.metric import Metric, Undefined


@dataclass(frozen=True)
class AUC(Metric[AttributeOutcome]):
    """The probability that a record with a value has a higher score for it than one without, ties counting half.

    For more than two values it is the mean over the values, each against all others, so that rare values count as much
    as frequent ones.
    """

    low, high, riskier, primary, chance = 0.0, 1.0, "high", True, "baseline_auc"
    turns = True
    title = "Attack AUC"
    phrase = "success of guessing {attribute}"
    meaning = "Probability that the attack ranks a record with a value of the attribute above one without it."

    def measure(self, outcome: AttributeOutcome) -> float | Undefined:
        """In [0, 1]; undefined if fewer than two values occur."""
        return mean_area(outcome.values, outcome.scores)


auc = AUC()
