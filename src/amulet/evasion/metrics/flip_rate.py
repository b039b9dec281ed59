"""Success among correct records. Carlini et al. 2019, https://arxiv.org/abs/1902.06705, section 5.2."""

from dataclasses import dataclass

from amulet.core.metric import Metric, Undefined
from amulet.evasion.outcome import EvasionOutcome


@dataclass(frozen=True)
class FlipRate(Metric[EvasionOutcome]):
    """Share, of the records that are classified correctly as they are, that the attack turns wrong.

    One minus robust over clean accuracy, so that models of different accuracy can be compared.
    """

    low, high, riskier = 0.0, 1.0, "high"
    title = "Flip rate"
    meaning = "Share of the correctly classified records that the attack makes the model misclassify."

    def measure(self, outcome: EvasionOutcome) -> float | Undefined:
        """In 0..1."""
        if not outcome.correct.any():
            return Undefined("no record is classified correctly")
        return (~outcome.withstood[outcome.correct]).double().mean().item()


flip_rate = FlipRate()
