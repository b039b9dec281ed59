"""Attacks that evade a model."""

from amulet.evasion.attacks.auto_attack import AutoAttack
from amulet.evasion.attacks.pgd import PGD
from amulet.evasion.attacks.transfer import Transfer
from amulet.evasion.attacks.worst_case import WorstCase

__all__ = ["PGD", "AutoAttack", "Transfer", "WorstCase"]
