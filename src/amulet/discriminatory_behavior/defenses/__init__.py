"""Defenses against discriminatory behavior, and for transparency."""

from amulet.discriminatory_behavior.defenses.adversarial_debiasing import AdversarialDebiasing
from amulet.discriminatory_behavior.defenses.attributions import Gradient, IntegratedGradients
from amulet.discriminatory_behavior.defenses.explanations import Explanations
from amulet.discriminatory_behavior.defenses.fermi import FERMI
from amulet.discriminatory_behavior.defenses.reweighing import Reweighing
from amulet.discriminatory_behavior.defenses.threshold_optimizer import ThresholdOptimizer

__all__ = [
    "FERMI",
    "AdversarialDebiasing",
    "Explanations",
    "Gradient",
    "IntegratedGradients",
    "Reweighing",
    "ThresholdOptimizer",
]
