"""P1: membership inference."""

from amulet.membership_inference.outcome import MembershipInferenceAttack, MembershipOutcome

__all__ = ["MembershipInferenceAttack", "MembershipOutcome"]
