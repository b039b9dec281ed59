"""What the adversary's AUC is without the model. Jayaraman and Evans 2022, https://arxiv.org/abs/2209.01292."""

from dataclasses import dataclass

from amulet.attribute_inference.metrics.rates import mean_area
from amulet.attribute_inference.outcome import AttributeOutcome
from amulet.core.metric import Metric, Undefined


@dataclass(frozen=True)
class BaselineAUC(Metric[AttributeOutcome]):
    """The AUC of imputation from the record alone; for an adversary without the record that of guessing, 0.5."""

    low, high, riskier = 0.0, 1.0, None
    title = "AUC without the model"
    meaning = "AUC of the same adversary without the model: imputation from the record if it sees that, else 0.5."

    def measure(self, outcome: AttributeOutcome) -> float | Undefined:
        """In [0, 1]; undefined if fewer than two values occur."""
        return mean_area(outcome.values, outcome.baseline_scores)


baseline_auc = BaselineAUC()
