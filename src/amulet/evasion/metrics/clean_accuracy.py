"""Accuracy before the attack. Madry et al. 2018, https://arxiv.org/abs/1706.06083, Table 2 ("natural")."""

from dataclasses import dataclass

from amulet.core.metric import Metric
from amulet.evasion.outcome import EvasionOutcome


@dataclass(frozen=True)
class CleanAccuracy(Metric[EvasionOutcome]):
    """Share of records that are classified correctly as they are."""

    low, high, riskier, margin = 0.0, 1.0, None, 0.01
    title = "Clean accuracy"
    meaning = "Share of the same records classified correctly before the attack."
    no_skill = "largest class"

    def measure(self, outcome: EvasionOutcome) -> float:
        """In 0..1."""
        return outcome.correct.double().mean().item()


clean_accuracy = CleanAccuracy()
