"""Metrics of discriminatory behavior, most of them with Fairlearn's definitions."""

from amulet.discriminatory_behavior.metrics.demographic_parity import demographic_parity
from amulet.discriminatory_behavior.metrics.equalized_odds import equalized_odds
from amulet.discriminatory_behavior.metrics.false_positive_parity import false_positive_parity
from amulet.discriminatory_behavior.metrics.p_rule import p_rule
from amulet.discriminatory_behavior.metrics.true_positive_parity import true_positive_parity
from amulet.discriminatory_behavior.metrics.worst_group_accuracy import worst_group_accuracy

__all__ = [
    "demographic_parity",
    "equalized_odds",
    "false_positive_parity",
    "p_rule",
    "true_positive_parity",
    "worst_group_accuracy",
]
