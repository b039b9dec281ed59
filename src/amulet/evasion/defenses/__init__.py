"""Defenses against evasion."""

from amulet.evasion.defenses.adversarial_training import AdversarialTraining
from amulet.evasion.defenses.trades import TRADES

__all__ = ["TRADES", "AdversarialTraining"]
