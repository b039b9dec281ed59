"""Mean recall over classes. Brodersen et al. 2010, https://doi.org/10.1109/ICPR.2010.764."""

from dataclasses import dataclass

from amulet.core.metric import Metric
from amulet.functional.rates import mean_over_classes
from amulet.utility.outcome import PredictionOutcome


@dataclass(frozen=True)
class BalancedAccuracy(Metric[PredictionOutcome]):
    """The share of correct predictions in each class, averaged over the classes that occur.

    A model that always predicts the same class has a balanced accuracy of one divided by the number of classes.
    """

    shows = "trained"
    low, high, riskier, primary = 0.0, 1.0, None, True
    title = "Balanced accuracy"
    phrase = "balanced accuracy"
    meaning = "Share of unseen records classified correctly, averaged over the classes."
    no_skill = "one over classes"

    def measure(self, outcome: PredictionOutcome) -> float:
        """In [0, 1]."""
        return mean_over_classes(outcome.probabilities.argmax(1) == outcome.labels, outcome.labels)


balanced_accuracy = BalancedAccuracy()
