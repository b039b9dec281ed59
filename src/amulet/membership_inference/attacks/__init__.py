"""Attacks that infer membership."""

from amulet.membership_inference.attacks.explanation_variance import ExplanationVariance
from amulet.membership_inference.attacks.lira import LiRA
from amulet.membership_inference.attacks.lira_with_explanations import LiRAWithExplanations
from amulet.membership_inference.attacks.loss_threshold import LossThreshold
from amulet.membership_inference.attacks.rmia import RMIA
from amulet.membership_inference.attacks.signal_threshold import SignalThreshold

__all__ = ["RMIA", "ExplanationVariance", "LiRA", "LiRAWithExplanations", "LossThreshold", "SignalThreshold"]
