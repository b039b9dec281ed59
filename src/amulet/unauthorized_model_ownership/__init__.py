"""S3: unauthorized model ownership."""

from amulet.core.risk import Risk
from amulet.unauthorized_model_ownership.claim_outcome import ClaimOutcome
from amulet.unauthorized_model_ownership.claims import Claim, Owner
from amulet.unauthorized_model_ownership.extraction import ExtractionOutcome, ModelExtractionAttack
from amulet.unauthorized_model_ownership.ownership import Ownership

__all__ = [
    "RISK",
    "Claim",
    "ClaimOutcome",
    "ExtractionOutcome",
    "ModelExtractionAttack",
    "Owner",
    "Ownership",
]

RISK = Risk(
    "unauthorized_model_ownership",
    "S3",
    "Unauthorized model ownership",
    "An adversary copies a model, and its owner tries to prove that the copy was made from it.",
    question="Can it be stolen?",
    short="Ownership",
)
