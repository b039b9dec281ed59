"""S1: evasion."""

from amulet.core.risk import Risk
from amulet.evasion.outcome import EvasionAttack, EvasionOutcome

__all__ = ["RISK", "EvasionAttack", "EvasionOutcome"]

RISK = Risk(
    "evasion",
    "S1",
    "Evasion",
    "An adversary changes an input slightly so that the model misclassifies it.",
    question="Can small changes of the input fool it?",
)
