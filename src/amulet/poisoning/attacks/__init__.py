"""Attacks that poison training records."""

from amulet.poisoning.attacks.badnets import BadNets
from amulet.poisoning.attacks.patterns import Features, Patch

__all__ = ["BadNets", "Features", "Patch"]
