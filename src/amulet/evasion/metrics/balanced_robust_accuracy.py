"""Robust accuracy, each class counting alike. Benz et al. 2021, https://arxiv.org/abs/2010.13365, section 3."""

from dataclasses import dataclass

from amulet.core.metric import Metric
from amulet.evasion.outcome import EvasionOutcome
from amulet.functional.rates import mean_over_classes


@dataclass(frozen=True)
class BalancedRobustAccuracy(Metric[EvasionOutcome]):
    """The mean over the classes present of the share of their records that stay correct under attack.

    On unbalanced data plain robust accuracy flatters models that favour the largest class: one that always
    names it is perfectly robust. Here it scores one over the number of classes.
    """

    low, high, riskier = 0.0, 1.0, "low"
    title = "Balanced robust accuracy"
    meaning = "Share of records still classified correctly under attack, averaged over the classes."
    no_skill = "one over classes"

    def measure(self, outcome: EvasionOutcome) -> float:
        """In 0..1."""
        return mean_over_classes(outcome.withstood, outcome.labels)


balanced_robust_accuracy = BalancedRobustAccuracy()
