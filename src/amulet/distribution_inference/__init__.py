"""P4: distribution inference."""

from amulet.core.risk import Risk
from amulet.distribution_inference.outcome import DistributionInferenceAttack, WorldOutcome, Worlds

__all__ = ["RISK", "DistributionInferenceAttack", "WorldOutcome", "Worlds"]

RISK = Risk(
    "distribution_inference",
    "P4",
    "Distribution inference",
    "An adversary finds out how often a sensitive value occurs in the training data of the model.",
    question="Does it give away the make-up of its training data?",
    short="Distrib.",
)
