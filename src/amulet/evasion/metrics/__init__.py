"""Metrics of evasion."""

from amulet.evasion.metrics.balanced_robust_accuracy import balanced_robust_accuracy
from amulet.evasion.metrics.clean_accuracy import clean_accuracy
from amulet.evasion.metrics.flip_rate import flip_rate
from amulet.evasion.metrics.noise_accuracy import noise_accuracy
from amulet.evasion.metrics.one_class_share import one_class_share
from amulet.evasion.metrics.robust_accuracy import robust_accuracy

__all__ = [
    "balanced_robust_accuracy",
    "clean_accuracy",
    "flip_rate",
    "noise_accuracy",
    "one_class_share",
    "robust_accuracy",
]
