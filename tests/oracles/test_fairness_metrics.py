"""The metrics of discriminatory behavior equal Fairlearn's, for two to four groups."""

import math

import numpy as np
import pytest
import torch
from fairlearn.metrics import (
    MetricFrame,
    demographic_parity_difference,
    demographic_parity_ratio,
    equalized_odds_difference,
    false_positive_rate,
    true_positive_rate,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from amulet.discriminatory_behavior import DiscriminationOutcome
from amulet.discriminatory_behavior.metrics import (
    demographic_parity,
    equalized_odds,
    false_positive_parity,
    p_rule,
    true_positive_parity,
)


@st.composite
def outcomes(draw: st.DrawFn) -> DiscriminationOutcome:
    """Decisions on up to 40 records of 2 to 4 groups, each with deserving and undeserving records."""
    groups = draw(st.integers(2, 4))
    every_kind = [(deserving, group) for deserving in (True, False) for group in range(groups)]
    more = draw(st.lists(st.tuples(st.booleans(), st.integers(0, groups - 1)), max_size=32))
    kinds = draw(st.permutations(every_kind + more))
    decisions = draw(st.lists(st.booleans(), min_size=len(kinds), max_size=len(kinds)))
    labels, codes = zip(*kinds, strict=True)
    index = torch.arange(len(labels))
    return DiscriminationOutcome(torch.tensor(labels), torch.tensor(decisions), torch.tensor(codes), index)


def as_arrays(outcome: DiscriminationOutcome) -> dict[str, np.ndarray]:
    return {
        "y_true": outcome.labels.int().numpy(),
        "y_pred": outcome.predictions.int().numpy(),
        "sensitive_features": outcome.groups.numpy(),
    }


@given(outcomes())
def test_every_metric_equals_fairlearn_s(outcome: DiscriminationOutcome) -> None:
    arrays = as_arrays(outcome)
    frame = MetricFrame(metrics={"tpr": true_positive_rate, "fpr": false_positive_rate}, **arrays)
    gaps = frame.difference(method="between_groups")
    assert demographic_parity(outcome) == pytest.approx(demographic_parity_difference(**arrays))
    assert equalized_odds(outcome) == pytest.approx(equalized_odds_difference(**arrays))
    assert true_positive_parity(outcome) == pytest.approx(gaps["tpr"])
    assert false_positive_parity(outcome) == pytest.approx(gaps["fpr"])


@settings(max_examples=25)
@given(outcomes())
def test_the_p_rule_is_fairlearn_s_demographic_parity_ratio(outcome: DiscriminationOutcome) -> None:
    expected = demographic_parity_ratio(**as_arrays(outcome))
    if outcome.predictions.any():
        assert p_rule(outcome) == pytest.approx(expected)
    else:
        assert math.isnan(expected)
        assert not isinstance(p_rule(outcome), float)


@settings(max_examples=25)
@given(outcomes(), st.integers(1, 5))
def test_records_without_a_group_change_nothing(outcome: DiscriminationOutcome, unknown: int) -> None:
    more = DiscriminationOutcome(
        torch.cat([outcome.labels, torch.ones(unknown, dtype=torch.bool)]),
        torch.cat([outcome.predictions, torch.zeros(unknown, dtype=torch.bool)]),
        torch.cat([outcome.groups, torch.full((unknown,), -1)]),
        torch.arange(len(outcome) + unknown),
    )
    for metric in (demographic_parity, equalized_odds, true_positive_parity, false_positive_parity, p_rule):
        assert metric(more) == metric(outcome)
