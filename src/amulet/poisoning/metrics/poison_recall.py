"""Recall of the removal of poisoned records. Tran et al. 2018, https://arxiv.org/abs/1811.00636, section 4."""

from dataclasses import dataclass

from amulet.core.metric import Metric, Undefined
from amulet.poisoning.sanitization import SanitizationOutcome


@dataclass(frozen=True)
class PoisonRecall(Metric[SanitizationOutcome]):
    """Share of the poisoned training records that the defense removed."""

    low, high, riskier = 0.0, 1.0, None
    title = "Recall of the removal"
    meaning = "Share of the poisoned training records that the defense removed."

    def measure(self, outcome: SanitizationOutcome) -> float | Undefined:
        """In [0, 1]; undefined if no record was removed, or none was poisoned."""
        if not outcome.removed.any():
            return Undefined("no training record was removed")
        if not outcome.poisoned.any():
            return Undefined("no training record was poisoned")
        return outcome.removed[outcome.poisoned].double().mean().item()


poison_recall = PoisonRecall()
