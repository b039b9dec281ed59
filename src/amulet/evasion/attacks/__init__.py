"""Attacks that evade a model."""

from amulet.evasion.attacks.auto_attack import AutoAttack
from amulet.evasion.attacks.pgd import PGD

__all__ = ["PGD", "AutoAttack"]
