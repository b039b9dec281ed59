"""Defenses against poisoning."""

from amulet.poisoning.defenses.outlier_removal import OutlierRemoval
from amulet.poisoning.defenses.spectral_signatures import SpectralSignatures

__all__ = ["OutlierRemoval", "SpectralSignatures"]
