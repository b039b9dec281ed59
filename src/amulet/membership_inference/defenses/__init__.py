"""Defenses against membership inference. DP-SGD lives in `training`, since it defends more than one risk."""

from amulet.membership_inference.defenses.early_stopping import EarlyStopping
from amulet.training.dpsgd import DPSGD

__all__ = ["DPSGD", "EarlyStopping"]
