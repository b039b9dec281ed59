"""S2: poisoning."""

from amulet.poisoning.outcome import PoisoningAttack, PoisoningOutcome
from amulet.poisoning.sanitization import Sanitization, SanitizationOutcome

__all__ = ["PoisoningAttack", "PoisoningOutcome", "Sanitization", "SanitizationOutcome"]
