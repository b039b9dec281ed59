"""Defenses against data reconstruction. DP-SGD is defined in `training`, since it is also a defense of other risks."""

from amulet.training.dpsgd import DPSGD

__all__ = ["DPSGD"]
