"""Metrics of membership inference."""

from amulet.membership_inference.metrics.accuracy_at_threshold import accuracy_at_threshold
from amulet.membership_inference.metrics.auc import auc
from amulet.membership_inference.metrics.balanced_accuracy import balanced_accuracy
from amulet.membership_inference.metrics.tpr_at_fpr import TPRAtFPR

__all__ = ["TPRAtFPR", "accuracy_at_threshold", "auc", "balanced_accuracy"]
