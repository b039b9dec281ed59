"""Defenses against discriminatory behavior."""

from amulet.discriminatory_behavior.defenses.adversarial_debiasing import AdversarialDebiasing
from amulet.discriminatory_behavior.defenses.fermi import FERMI
from amulet.discriminatory_behavior.defenses.reweighing import Reweighing
from amulet.discriminatory_behavior.defenses.threshold_optimizer import ThresholdOptimizer

__all__ = ["FERMI", "AdversarialDebiasing", "Reweighing", "ThresholdOptimizer"]
