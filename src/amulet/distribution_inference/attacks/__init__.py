"""Attacks that infer a property of the training data."""

from amulet.distribution_inference.attacks.pim import PIM
from amulet.distribution_inference.attacks.suri_evans import SuriEvans

__all__ = ["PIM", "SuriEvans"]
