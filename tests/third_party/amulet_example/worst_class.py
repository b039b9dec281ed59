"""Robustness of the worst class. Benz et al. 2021, https://arxiv.org/abs/2010.13365, section 3."""

from dataclasses import dataclass

from amulet.core.metric import Metric
from amulet.evasion import EvasionOutcome


@dataclass(frozen=True)
class WorstClassRobustness(Metric[EvasionOutcome]):
    """The smallest robust accuracy of any class."""

    low, high, riskier = 0.0, 1.0, "low"

    def measure(self, outcome: EvasionOutcome) -> float:
        """In 0..1."""
        right = ((outcome.clean == outcome.labels) & (outcome.adversarial == outcome.labels)).double()
        return min(right[outcome.labels == label].mean().item() for label in outcome.labels.unique())


worst_class_robustness = WorstClassRobustness()
