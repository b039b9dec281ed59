"""Metrics of unauthorized model ownership: of copies, and of claims of ownership."""

from amulet.unauthorized_model_ownership.metrics.claim_accuracy import claim_accuracy
from amulet.unauthorized_model_ownership.metrics.claim_balanced_accuracy import claim_balanced_accuracy
from amulet.unauthorized_model_ownership.metrics.claim_fnr import claim_fnr
from amulet.unauthorized_model_ownership.metrics.claim_fpr import claim_fpr
from amulet.unauthorized_model_ownership.metrics.correct_fidelity import correct_fidelity
from amulet.unauthorized_model_ownership.metrics.fidelity import fidelity
from amulet.unauthorized_model_ownership.metrics.independent_fidelity import independent_fidelity
from amulet.unauthorized_model_ownership.metrics.joint_accuracy import joint_accuracy
from amulet.unauthorized_model_ownership.metrics.majority_agreement import majority_agreement
from amulet.unauthorized_model_ownership.metrics.rates_of_kinds import ClaimRate, FalseClaimRate
from amulet.unauthorized_model_ownership.metrics.surrogate_accuracy import surrogate_accuracy

__all__ = [
    "ClaimRate",
    "FalseClaimRate",
    "claim_accuracy",
    "claim_balanced_accuracy",
    "claim_fnr",
    "claim_fpr",
    "correct_fidelity",
    "fidelity",
    "independent_fidelity",
    "joint_accuracy",
    "majority_agreement",
    "surrogate_accuracy",
]
