"""Plug-ins of somebody else, as a package outside Amulet."""

from amulet_example.calibrated import CalibratedLoss
from amulet_example.gradient import FastGradientSign
from amulet_example.noise import GaussianNoise
from amulet_example.own_loop import SmoothedLabels
from amulet_example.smoothing import NoisyTraining
from amulet_example.worst_class import worst_class_robustness

__all__ = [
    "CalibratedLoss",
    "FastGradientSign",
    "GaussianNoise",
    "NoisyTraining",
    "SmoothedLabels",
    "worst_class_robustness",
]
