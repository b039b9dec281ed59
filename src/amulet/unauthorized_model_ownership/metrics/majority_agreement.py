"""What a copy that always names one class reaches; the chance level of fidelity, https://arxiv.org/abs/1909.01838."""

from dataclasses import dataclass

import torch

from amulet.core.metric import Metric
from amulet.unauthorized_model_ownership.extraction import ExtractionOutcome


@dataclass(frozen=True)
class MajorityAgreement(Metric[ExtractionOutcome]):
    """Share of records for which the target predicts its most frequent class.

    A surrogate that always predicts this class has this fidelity.
    """

    low, high, riskier, margin = 0.0, 1.0, None, 0.01
    title = "Majority agreement"
    meaning = "Fidelity of a copy that always predicts the class that the model predicts most often."

    def measure(self, outcome: ExtractionOutcome) -> float:
        """In [0, 1]."""
        return torch.bincount(outcome.target).max().item() / len(outcome)


majority_agreement = MajorityAgreement()
