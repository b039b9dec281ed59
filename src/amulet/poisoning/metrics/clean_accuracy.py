"""Accuracy without the trigger. Gu et al. 2019, https://arxiv.org/abs/1708.06733, section 4."""

from dataclasses import dataclass

from amulet.core.metric import Metric
from amulet.poisoning.outcome import PoisoningOutcome


@dataclass(frozen=True)
class CleanAccuracy(Metric[PoisoningOutcome]):
    """Share of the records without the trigger that the poisoned model classifies correctly."""

    low, high, riskier, margin = 0.0, 1.0, None, 0.01
    title = "Clean accuracy"
    meaning = "Share of records without the trigger that the poisoned model classifies correctly."

    def measure(self, outcome: PoisoningOutcome) -> float:
        """In [0, 1]."""
        return (outcome.clean == outcome.labels).double().mean().item()


clean_accuracy = CleanAccuracy()
