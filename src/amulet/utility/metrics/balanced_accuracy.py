"""Mean recall over classes. Brodersen et al. 2010, https://doi.org/10.1109/ICPR.2010.764."""

from dataclasses import dataclass

import torch

from amulet.core.metric import Metric
from amulet.utility.outcome import PredictionOutcome


@dataclass(frozen=True)
class BalancedAccuracy(Metric[PredictionOutcome]):
    """The mean over the classes present of the share of their records predicted correctly.

    A model that always names the largest class scores one over the number of classes.
    """

    low, high, riskier, primary = 0.0, 1.0, None, True

    def measure(self, outcome: PredictionOutcome) -> float:
        """In 0..1."""
        right = (outcome.probabilities.argmax(1) == outcome.labels).double()
        recalls = [right[outcome.labels == code].mean() for code in outcome.labels.unique()]
        return torch.stack(recalls).mean().item()


balanced_accuracy = BalancedAccuracy()
