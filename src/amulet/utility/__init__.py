"""Utility: what a defense costs."""

from amulet.utility.outcome import PredictionOutcome, Utility

__all__ = ["PredictionOutcome", "Utility"]
