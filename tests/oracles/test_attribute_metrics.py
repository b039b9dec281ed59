"""Metrics of attribute inference beside scikit-learn's, and the attack beside a closed form."""

from dataclasses import replace
from math import sqrt

import numpy as np
import pytest
import torch
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score, roc_auc_score
from torch import Generator, Tensor, nn

from amulet.attribute_inference import AttributeOutcome
from amulet.attribute_inference.attacks import AttributeFromOutputs, AttributeFromOutputsAndRecord
from amulet.attribute_inference.metrics import auc, balanced_accuracy, baseline_auc, gain_over_imputation
from amulet.core.data import Attribute, Data, Modality, Schema

SCHEMA = Schema(Modality.TABULAR, (2,), ("no", "yes"), (Attribute("group", ("a", "b")),), low=-20, high=20)


def number(value: object) -> float:
    assert isinstance(value, float)
    return value


def shifted(records: int, shift: float, seed: int) -> Data:
    """The first input is normal around 0 in one group and around `shift` in the other, the second is noise."""
    rng = Generator().manual_seed(seed)
    group = (torch.rand(records, generator=rng) < 0.3).long()
    x = torch.randn(records, 2, generator=rng)
    x[:, 0] += shift * group
    return Data(x, group, group[:, None], torch.arange(records), SCHEMA)


class First(nn.Module):
    """A model whose confidence grows with the first input."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([-x[:, 0], x[:, 0]], 1)


@pytest.mark.parametrize("kinds", [2, 3, 5])
@pytest.mark.parametrize("seed", range(3))
def test_metrics_equal_those_of_scikit_learn(kinds: int, seed: int) -> None:
    rng = Generator().manual_seed(seed)
    values = torch.cat([torch.arange(kinds), torch.randint(kinds, (100,), generator=rng)])
    scores = torch.rand(len(values), kinds, generator=rng, dtype=torch.float64)
    scores /= scores.sum(1, keepdim=True)
    outcome = AttributeOutcome(values, scores, scores.argmax(1), scores, scores.argmax(1))
    given = scores[:, 1] if kinds == 2 else scores
    assert auc(outcome) == pytest.approx(roc_auc_score(values, given, multi_class="ovr", average="macro"))
    assert balanced_accuracy(outcome) == pytest.approx(balanced_accuracy_score(values, scores.argmax(1)))


@pytest.mark.parametrize("shift", [0.0, 0.7, 1.5])
def test_two_normal_groups_are_told_apart_as_well_as_is_possible(shift: float) -> None:
    """AUC of the best attack: Phi(shift / sqrt 2); its balanced accuracy: Phi(shift / 2)."""
    victims = shifted(8000, shift, seed=1)
    outcome = AttributeFromOutputs("group").attack(First(), shifted(4000, shift, seed=0), victims)
    assert isinstance(outcome, AttributeOutcome)
    assert number(auc(outcome)) == pytest.approx(norm.cdf(shift / sqrt(2)), abs=0.02)
    assert number(balanced_accuracy(outcome)) == pytest.approx(norm.cdf(shift / 2), abs=0.02)


def test_imputation_equals_a_logistic_regression_where_that_is_best() -> None:
    known, victims = shifted(4000, 1.0, seed=0), shifted(4000, 1.0, seed=1)
    outcome = AttributeFromOutputsAndRecord("group").attack(First(), known, victims)
    assert isinstance(outcome, AttributeOutcome)
    regression = LogisticRegression().fit(known.x.numpy(), known.z[:, 0].numpy())
    expected = roc_auc_score(victims.z[:, 0].numpy(), regression.predict_proba(victims.x.numpy())[:, 1])
    assert number(baseline_auc(outcome)) == pytest.approx(expected, abs=0.01)
    assert number(gain_over_imputation(outcome)) == pytest.approx(0, abs=0.01)


def test_what_only_the_model_knows_is_the_gain() -> None:
    """The adversary does not see the first input, on which the model's answers depend."""
    known, victims = shifted(4000, 1.5, seed=0), shifted(4000, 1.5, seed=1)
    outcome = AttributeFromOutputsAndRecord("group", hidden=(0,)).attack(First(), known, victims)
    assert isinstance(outcome, AttributeOutcome)
    assert number(baseline_auc(outcome)) == pytest.approx(0.5, abs=0.03)
    assert number(gain_over_imputation(outcome)) == pytest.approx(norm.cdf(1.5 / sqrt(2)) - 0.5, abs=0.03)


def test_a_random_attribute_is_inferred_no_better_than_permuted_ones() -> None:
    """A permutation test: the AUC with the victims' true values lies among those with the values permuted."""
    rng = Generator().manual_seed(5)
    known, victims = (
        replace(data, z=torch.randint(2, (len(data), 1), generator=rng))
        for data in (shifted(2000, 1.5, seed=0), shifted(2000, 1.5, seed=1))
    )
    outcome = AttributeFromOutputs("group").attack(First(), known, victims)
    assert isinstance(outcome, AttributeOutcome)
    orders = [torch.randperm(2000, generator=rng) for _ in range(199)]
    permuted = np.array([number(auc(replace(outcome, values=outcome.values[order]))) for order in orders])
    rank = (1 + (permuted >= number(auc(outcome))).sum()) / 200
    assert 0.01 < rank < 0.99
