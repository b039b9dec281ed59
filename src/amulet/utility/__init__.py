"""Utility: the accuracy of the model, which a defense may reduce."""

from amulet.core.risk import Risk
from amulet.utility.outcome import PredictionOutcome, Utility

__all__ = ["RISK", "PredictionOutcome", "Utility"]

RISK = Risk("utility", "", "Utility", "What the model is for. Not a risk, but what every defense is paid in.")
