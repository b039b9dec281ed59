"""Metrics of membership inference."""

from amulet.membership_inference.metrics.accuracy_at_threshold import accuracy_at_threshold
from amulet.membership_inference.metrics.auc import auc
from amulet.membership_inference.metrics.balanced_accuracy import balanced_accuracy
from amulet.membership_inference.metrics.epsilon_lower_bound import epsilon_lower_bound
from amulet.membership_inference.metrics.excess_epsilon import excess_epsilon
from amulet.membership_inference.metrics.tpr_at_fpr import TPRAtFPR

__all__ = [
    "TPRAtFPR",
    "accuracy_at_threshold",
    "auc",
    "balanced_accuracy",
    "epsilon_lower_bound",
    "excess_epsilon",
]
