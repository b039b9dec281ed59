"""S1: evasion."""

from amulet.evasion.outcome import EvasionAttack, EvasionOutcome

__all__ = ["EvasionAttack", "EvasionOutcome"]
