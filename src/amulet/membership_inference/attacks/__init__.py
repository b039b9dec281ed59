"""Attacks that infer membership."""

from amulet.membership_inference.attacks.lira import LiRA
from amulet.membership_inference.attacks.loss_threshold import LossThreshold

__all__ = ["LiRA", "LossThreshold"]
