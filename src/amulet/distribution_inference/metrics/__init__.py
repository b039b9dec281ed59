"""Metrics of distribution inference."""

from amulet.distribution_inference.metrics.attack_accuracy import attack_accuracy
from amulet.distribution_inference.metrics.auc import auc
from amulet.distribution_inference.metrics.null_auc import null_auc
from amulet.distribution_inference.metrics.p_value import p_value

__all__ = ["attack_accuracy", "auc", "null_auc", "p_value"]
