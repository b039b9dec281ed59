"""P1: membership inference."""

from amulet.core.risk import Risk
from amulet.membership_inference.outcome import MembershipInferenceAttack, MembershipOutcome
from amulet.membership_inference.privacy_audit import PrivacyAudit, PrivacyAuditOutcome
from amulet.membership_inference.stored import outcome_of_logits, outcome_of_scores

__all__ = [
    "RISK",
    "MembershipInferenceAttack",
    "MembershipOutcome",
    "PrivacyAudit",
    "PrivacyAuditOutcome",
    "outcome_of_logits",
    "outcome_of_scores",
]

RISK = Risk(
    "membership_inference",
    "P1",
    "Membership inference",
    "An adversary finds out whether a record was in the training data of the model.",
    question="Can someone tell who was in the training data?",
    short="Membership",
)
