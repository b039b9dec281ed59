"""S2: poisoning."""

from amulet.core.risk import Risk
from amulet.poisoning.outcome import PoisoningAttack, PoisoningOutcome
from amulet.poisoning.sanitization import Sanitization, SanitizationOutcome

__all__ = ["RISK", "PoisoningAttack", "PoisoningOutcome", "Sanitization", "SanitizationOutcome"]

RISK = Risk(
    "poisoning",
    "S2",
    "Poisoning",
    "An adversary tampers with training records so that the model misbehaves.",
    question="Can bad training data corrupt it?",
)
