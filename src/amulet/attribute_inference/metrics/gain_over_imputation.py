"""What the model adds to imputation. Jayaraman and Evans 2022, https://arxiv.org/abs/2209.01292, section 5."""

from dataclasses import dataclass

from amulet.attribute_inference.metrics.rates import mean_area
from amulet.attribute_inference.outcome import AttributeOutcome
from amulet.core.metric import Metric, Undefined


@dataclass(frozen=True)
class GainOverImputation(Metric[AttributeOutcome]):
    """The AUC of the attack less that of imputation from the record without the model.

    A model that only repeats what the record says gives a gain of 0, however well the attribute is inferred.
    """

    low, high, riskier = -1.0, 1.0, "high"
    title = "Gain over imputation"
    meaning = "How much the attack's AUC exceeds that of imputing the attribute from the record without the model."

    def measure(self, outcome: AttributeOutcome) -> float | Undefined:
        """In [-1, 1]; undefined for an adversary that does not see the record."""
        if not outcome.imputed:
            return Undefined("the adversary does not see the record, so there is no imputation")
        attack, alone = (mean_area(outcome.values, each) for each in (outcome.scores, outcome.baseline_scores))
        return attack if isinstance(attack, Undefined) or isinstance(alone, Undefined) else attack - alone


gain_over_imputation = GainOverImputation()
