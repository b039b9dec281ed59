"""Defenses against membership inference. DP-SGD is defined in `training`, since it is also a defense of other risks."""

from amulet.membership_inference.defenses.early_stopping import EarlyStopping
from amulet.membership_inference.defenses.relax_loss import RelaxLoss
from amulet.training.dpsgd import DPSGD

__all__ = ["DPSGD", "EarlyStopping", "RelaxLoss"]
