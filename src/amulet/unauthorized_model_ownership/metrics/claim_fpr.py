"""False claims; Amulet paper, Table 3 (S3): https://github.com/ssg-research/amulet."""

from dataclasses import dataclass

from amulet.core.metric import Metric, Undefined
from amulet.unauthorized_model_ownership.claim_outcome import FEWEST_SUSPECTS, ClaimOutcome


@dataclass(frozen=True)
class ClaimFPR(Metric[ClaimOutcome]):
    """False positive rate: the share of independent models of which ownership is claimed."""

    low, high, riskier, margin = 0.0, 1.0, "high", 0.05
    title = "False positive rate of claims"
    meaning = "Share of independently trained models of which the owner would claim ownership."

    def measure(self, outcome: ClaimOutcome) -> float | Undefined:
        """In [0, 1]; undefined with fewer than 3 independent models."""
        if int((~outcome.stolen).sum()) < FEWEST_SUSPECTS:
            return Undefined(f"there are fewer than {FEWEST_SUSPECTS} independent models")
        return outcome.claimed[~outcome.stolen].double().mean().item()


claim_fpr = ClaimFPR()
