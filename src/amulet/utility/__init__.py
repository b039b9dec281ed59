"""Utility: the accuracy of the model, which a defense may reduce."""

from amulet.utility.outcome import PredictionOutcome, Utility

__all__ = ["PredictionOutcome", "Utility"]
