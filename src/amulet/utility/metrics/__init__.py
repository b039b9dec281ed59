"""Metrics of utility."""

from amulet.utility.metrics.accuracy import accuracy
from amulet.utility.metrics.auc import auc
from amulet.utility.metrics.balanced_accuracy import balanced_accuracy

__all__ = ["accuracy", "auc", "balanced_accuracy"]
