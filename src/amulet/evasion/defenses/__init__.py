"""Defenses against evasion."""

from amulet.evasion.defenses.adversarial_training import AdversarialTraining

__all__ = ["AdversarialTraining"]
