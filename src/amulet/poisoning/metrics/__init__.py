"""Metrics of poisoning."""

from amulet.poisoning.metrics.clean_accuracy import clean_accuracy
from amulet.poisoning.metrics.clean_target_rate import clean_target_rate
from amulet.poisoning.metrics.poison_recall import poison_recall
from amulet.poisoning.metrics.poison_share import poison_share
from amulet.poisoning.metrics.poisoned_accuracy import poisoned_accuracy
from amulet.poisoning.metrics.trigger_alone import trigger_alone

__all__ = [
    "clean_accuracy",
    "clean_target_rate",
    "poison_recall",
    "poison_share",
    "poisoned_accuracy",
    "trigger_alone",
]
