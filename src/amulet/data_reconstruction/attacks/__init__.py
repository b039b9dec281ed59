"""Attacks that reconstruct training records."""

from amulet.data_reconstruction.attacks.model_inversion import ModelInversion
from amulet.data_reconstruction.attacks.regularized_inversion import RegularizedInversion

__all__ = ["ModelInversion", "RegularizedInversion"]
