"""Area under the ROC curve, over pairs of classes. Hand and Till 2001, https://doi.org/10.1023/A:1010920819831."""

from dataclasses import dataclass
from itertools import combinations

from torch import Tensor

from amulet.core.metric import Metric, Undefined
from amulet.functional.roc import area_under, roc
from amulet.utility.outcome import PredictionOutcome


@dataclass(frozen=True)
class AUC(Metric[PredictionOutcome]):
    """Area under the ROC curve; for more than two classes the mean over pairs (eq. 7).

    Records are ranked by the log odds of the predicted probabilities. The order is that of the probabilities, but
    confident predictions are not rounded to the same number.
    """

    low, high, riskier = 0.0, 1.0, None
    title = "AUC"
    meaning = "Probability that the model ranks two records of different classes correctly; 0.5 is guessing."

    def measure(self, outcome: PredictionOutcome) -> float | Undefined:
        """In [0, 1]; undefined if only one class occurs."""
        present = outcome.labels.unique().tolist()
        if len(present) < 2:
            return Undefined("only one class is present")
        areas = [_separation(outcome, a, b) for a, b in combinations(present, 2)]
        return sum(areas) / len(areas)


def _separation(outcome: PredictionOutcome, a: int, b: int) -> float:
    """Hand and Till's A(a, b): the mean of the areas with the confidence in a, and in b, as the score."""
    both = (outcome.labels == a) | (outcome.labels == b)
    return (_area(outcome, both, a) + _area(outcome, both, b)) / 2


def _area(outcome: PredictionOutcome, among: Tensor, code: int) -> float:
    return area_under(*roc(outcome.confidence[among, code], outcome.labels[among] == code))


auc = AUC()
