"""Missed thefts; Amulet paper, Table 3 (S3): https://github.com/ssg-research/amulet."""

from dataclasses import dataclass

from amulet.core.metric import Metric, Undefined
from amulet.unauthorized_model_ownership.claim_outcome import FEWEST_SUSPECTS, ClaimOutcome


@dataclass(frozen=True)
class ClaimFNR(Metric[ClaimOutcome]):
    """False negative rate: the share of stolen models of which ownership is not claimed."""

    low, high, riskier, margin = 0.0, 1.0, "high", 0.05
    title = "False negative rate of claims"
    meaning = "Share of stolen models of which the owner cannot claim ownership."

    def measure(self, outcome: ClaimOutcome) -> float | Undefined:
        """In [0, 1]; undefined with fewer than 3 stolen models."""
        if int(outcome.stolen.sum()) < FEWEST_SUSPECTS:
            return Undefined(f"there are fewer than {FEWEST_SUSPECTS} stolen models")
        return (~outcome.claimed[outcome.stolen]).double().mean().item()


claim_fnr = ClaimFNR()
