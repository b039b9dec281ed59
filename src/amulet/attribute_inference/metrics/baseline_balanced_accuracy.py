"""What the adversary infers without the model. Jayaraman and Evans 2022, https://arxiv.org/abs/2209.01292."""

from dataclasses import dataclass

from amulet.attribute_inference.metrics.rates import mean_recall
from amulet.attribute_inference.outcome import AttributeOutcome
from amulet.core.metric import Metric, Undefined


@dataclass(frozen=True)
class BaselineBalancedAccuracy(Metric[AttributeOutcome]):
    """The balanced accuracy of imputation from the record alone; without the record that of the most frequent value."""

    low, high, riskier = 0.0, 1.0, None
    title = "Balanced accuracy without the model"
    meaning = (
        "Balanced accuracy of the same adversary without the model: imputation from the record if it sees that, else "
        "the most frequent value."
    )

    def measure(self, outcome: AttributeOutcome) -> float | Undefined:
        """In [0, 1]; undefined if fewer than two values occur."""
        return mean_recall(outcome.values, outcome.baseline_guesses)


baseline_balanced_accuracy = BaselineBalancedAccuracy()
