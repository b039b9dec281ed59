"""Metrics of attribute inference."""

from amulet.attribute_inference.metrics.auc import auc
from amulet.attribute_inference.metrics.balanced_accuracy import balanced_accuracy
from amulet.attribute_inference.metrics.baseline_auc import baseline_auc
from amulet.attribute_inference.metrics.baseline_balanced_accuracy import baseline_balanced_accuracy
from amulet.attribute_inference.metrics.gain_over_imputation import gain_over_imputation

__all__ = ["auc", "balanced_accuracy", "baseline_auc", "baseline_balanced_accuracy", "gain_over_imputation"]
