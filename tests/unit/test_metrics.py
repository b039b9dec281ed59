"""Metrics and outcomes: pure functions with a range, of tensors of one length."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from amulet.core.metric import Metric, Undefined, snake_case
from amulet.core.outcome import Outcome
from amulet.discriminatory_behavior import metrics as fairness
from amulet.evasion import EvasionOutcome
from amulet.evasion import metrics as evasion
from amulet.membership_inference import MembershipOutcome
from amulet.membership_inference import metrics as membership
from amulet.utility import PredictionOutcome
from amulet.utility import metrics as utility
from amulet.utility.metrics import accuracy, auc, balanced_accuracy


@dataclass(frozen=True, eq=False)
class Temperatures(Outcome):
    values: Tensor
    places: Tensor


@dataclass(frozen=True)
class MeanTemperature(Metric[Temperatures]):
    """A third party's metric."""

    low, high, riskier = 0.0, 1.0, "high"

    def measure(self, outcome: Temperatures) -> float:
        return outcome.values.mean().item()


def temperatures(*values: float) -> Temperatures:
    return Temperatures(torch.tensor(values), torch.arange(len(values)))


def test_a_metric_is_a_function_of_its_outcome() -> None:
    assert MeanTemperature()(temperatures(0.25, 0.75)) == 0.5
    assert MeanTemperature.outcome_type() is Temperatures


def test_no_records_have_no_value() -> None:
    assert MeanTemperature()(temperatures()) == Undefined("there are no records")


@pytest.mark.parametrize("value", [1.1, -0.1, float("nan")])
def test_a_value_out_of_range_is_an_error_and_never_a_result(value: float) -> None:
    with pytest.raises(ValueError, match=r"mean_temperature must lie in \[0\.0, 1\.0\]\. Got "):
        MeanTemperature()(temperatures(value))


def test_rounding_beyond_the_end_of_the_range_is_cut_off() -> None:
    assert MeanTemperature()(Temperatures(torch.tensor([1 + 1e-12], dtype=torch.float64), torch.arange(1))) == 1.0


def test_an_outcome_of_another_risk_is_refused() -> None:
    other = PredictionOutcome(torch.zeros(1), torch.ones(1, 2), torch.arange(1))
    with pytest.raises(TypeError, match=r"mean_temperature is read off a Temperatures\. Got PredictionOutcome\."):
        MeanTemperature()(other)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("name", "function"),
    [("RobustAccuracy", "robust_accuracy"), ("PRule", "p_rule"), ("AUC", "auc"), ("TPRAtFPR", "tpr_at_fpr")],
)
def test_a_metric_goes_by_the_name_of_the_function_it_is(name: str, function: str) -> None:
    assert snake_case(name) == function


def test_metrics_read_as_they_are_written() -> None:
    assert str(evasion.robust_accuracy) == "robust_accuracy"
    assert str(membership.TPRAtFPR(0.001)) == "TPRAtFPR(fpr=0.001)"


ALL: list[Metric[Outcome]] = [
    item() if isinstance(item, type) else item
    for package in (evasion, membership, fairness, utility)
    for item in (getattr(package, name) for name in package.__all__)
]


@pytest.mark.parametrize("metric", ALL, ids=str)
def test_every_metric_states_its_range_and_riskier_end(metric: Metric[Outcome]) -> None:
    assert metric.low < metric.high
    assert metric.riskier in {"low", "high", None}


def test_each_risk_has_one_primary_metric_and_fairness_two() -> None:
    for package in (evasion, membership, utility, fairness):
        primary = [name for name in package.__all__ if getattr(package, name).primary]
        assert len(primary) == (2 if package is fairness else 1)


def test_an_outcome_has_one_length() -> None:
    with pytest.raises(ValueError, match=r"Temperatures must have one length\. Got \{'values': 2, 'places': 3\}"):
        Temperatures(torch.zeros(2), torch.zeros(3))


def test_an_outcome_is_sliced_by_places_and_by_groups() -> None:
    outcome = temperatures(0.1, 0.2, 0.3)
    assert outcome[torch.tensor([2, 0])].places.tolist() == [2, 0]
    assert len(outcome[outcome.values > 0.15]) == 2


def test_an_outcome_survives_its_tensors() -> None:
    outcome = MembershipOutcome(torch.rand(3), torch.tensor([True, False, True]), torch.arange(3))
    again = MembershipOutcome.from_tensors(outcome.tensors())
    assert all(torch.equal(tensor, again.tensors()[name]) for name, tensor in outcome.tensors().items())


def test_membership_scores_must_be_numbers() -> None:
    with pytest.raises(ValueError, match="must not be NaN"):
        MembershipOutcome(torch.tensor([torch.nan]), torch.tensor([True]), torch.arange(1))


PREDICTIONS = PredictionOutcome(
    torch.tensor([0, 0, 0, 1]),
    torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.4, 0.6], [0.3, 0.7]], dtype=torch.float64),
    torch.arange(4),
)


def test_utility_by_hand() -> None:
    assert accuracy(PREDICTIONS) == 0.75
    assert balanced_accuracy(PREDICTIONS) == pytest.approx((2 / 3 + 1) / 2)
    assert auc(PREDICTIONS) == 1.0


def test_always_naming_the_largest_class_is_chance_in_balanced_accuracy() -> None:
    constant = PredictionOutcome(torch.tensor([0] * 9 + [1]), torch.tensor([[0.9, 0.1]] * 10), torch.arange(10))
    assert accuracy(constant) == 0.9
    assert balanced_accuracy(constant) == 0.5


def test_auc_needs_two_classes() -> None:
    assert auc(PREDICTIONS[torch.tensor([0, 1])]) == Undefined("only one class is present")


def test_robust_accuracy_counts_what_is_right_before_and_after() -> None:
    outcome = EvasionOutcome(
        labels=torch.tensor([0, 0, 0, 0]),
        clean=torch.tensor([0, 0, 1, 1]),
        adversarial=torch.tensor([0, 1, 0, 1]),
        size=torch.zeros(4),
        noisy=torch.tensor([0, 0, 1, 0]),
        index=torch.arange(4),
    )
    assert evasion.robust_accuracy(outcome) == 0.25
    assert evasion.clean_accuracy(outcome) == 0.5
    assert evasion.one_class_share(outcome) == 0.5


def test_always_naming_the_largest_class_is_robust_only_where_classes_do_not_count_alike() -> None:
    always = torch.zeros(10, dtype=torch.int64)
    labels = (torch.arange(10) == 9).long()
    outcome = EvasionOutcome(labels, always, always, torch.zeros(10), noisy=always, index=torch.arange(10))
    assert evasion.robust_accuracy(outcome) == 0.9
    assert evasion.balanced_robust_accuracy(outcome) == 0.5
    assert evasion.one_class_share(outcome) == 1.0
