"""Right claims; Amulet paper, Table 3 (S3): https://github.com/ssg-research/amulet."""

from dataclasses import dataclass

from amulet.core.metric import Metric, Undefined
from amulet.unauthorized_model_ownership.claim_outcome import FEWEST_SUSPECTS, ClaimOutcome


@dataclass(frozen=True)
class ClaimAccuracy(Metric[ClaimOutcome]):
    """Share of all suspects that are judged correctly: stolen and claimed, or independent and not claimed."""

    low, high, riskier, primary, margin = 0.0, 1.0, "low", True, 0.05
    title = "Claim accuracy"
    phrase = "accuracy of ownership claims"
    meaning = "Share of suspected models, stolen or independent, that the claim judges correctly."

    def measure(self, outcome: ClaimOutcome) -> float | Undefined:
        """In [0, 1]; undefined with fewer than 3 stolen or 3 independent models."""
        stolen = int(outcome.stolen.sum())
        if min(stolen, len(outcome) - stolen) < FEWEST_SUSPECTS:
            return Undefined(
                f"there are fewer than {FEWEST_SUSPECTS} stolen or fewer than {FEWEST_SUSPECTS} independent models"
            )
        return (outcome.claimed == outcome.stolen).double().mean().item()


claim_accuracy = ClaimAccuracy()
