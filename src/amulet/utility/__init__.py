"""Utility: the accuracy of the model, which a defense may reduce."""

from amulet.core.risk import Risk
from amulet.utility.outcome import PredictionOutcome, Utility

__all__ = ["RISK", "PredictionOutcome", "Utility"]

RISK = Risk(
    "utility",
    "",
    "Utility",
    "How well the model does its task. Not a risk: it is what a defense costs.",
    question="Does it still do its task?",
)
