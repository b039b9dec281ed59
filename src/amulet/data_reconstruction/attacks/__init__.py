"""Attacks that reconstruct training records."""

from amulet.data_reconstruction.attacks.model_inversion import ModelInversion

__all__ = ["ModelInversion"]
