"""Factors against closed forms, SciPy, and memorization worked out by hand."""

from dataclasses import replace

import pytest
import torch
from scipy.stats import ks_2samp
from torch import Tensor, nn

from amulet.core.data import Data
from amulet.core.errors import MissingInput
from amulet.core.metric import Undefined
from amulet.core.seeds import generator
from amulet.core.threat import TrainedModel
from amulet.factors import (
    BoundaryDistance,
    FactorOutcome,
    GeneralisationGap,
    GroupDistinguishability,
    LossCurvature,
    MemberDistinguishability,
    Memorization,
)
from amulet.functional.gradients.input_curvature import input_curvatures
from amulet.functional.kolmogorov_smirnov import kolmogorov_smirnov
from amulet.functional.perturbations.boundary_distance import boundary_distances
from amulet.testing import toy_dataset

WIDE = (-100.0, 100.0)


def linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    model = nn.Linear(weight.shape[1], weight.shape[0])
    model.load_state_dict({"weight": weight, "bias": bias})
    return model.double()


def some(*shape: int) -> Tensor:
    return torch.randn(*shape, generator=generator(0, "test"), dtype=torch.float64)


@pytest.mark.parametrize("classes", [2, 5, 20])
def test_the_distance_to_the_boundary_of_a_linear_model_is_the_closed_form(classes: int) -> None:
    """|(w_k - w_j) x + b_k - b_j| / ||w_k - w_j||, the least over the classes j."""
    model, x = linear(some(classes, 6), some(classes)), 3 * some(40, 6)
    with torch.no_grad():
        logits, weight = model(x), model.weight
    top = logits.argmax(1)
    gaps = logits.gather(1, top[:, None]) - logits
    expected = (gaps / (weight[top][:, None] - weight).norm(dim=2)).nan_to_num(nan=torch.inf).amin(1)
    found = boundary_distances(model, x, WIDE, steps=20)
    assert (found >= expected * (1 - 1e-9)).all()  # what is found is an upper bound
    torch.testing.assert_close(found, expected, rtol=5e-4 if classes <= 10 else 0.05, atol=0)


def test_the_bounds_of_the_data_lie_in_the_way() -> None:
    """The boundary x0 + x1 = 1.5: x0 can move by 0.1, so x1 has to move by 0.2 instead of 0.15."""
    model = linear(torch.tensor([[0.0, 0.0], [1.0, 1.0]]), torch.tensor([1.5, 0.0]))
    x = torch.tensor([[0.9, 0.3], [0.5, 0.5]], dtype=torch.float64)
    found = boundary_distances(model, x, (0.0, 1.0), steps=20)
    assert (found >= torch.tensor([0.05, 0.125]).double().sqrt() - 1e-6).all()
    torch.testing.assert_close(found, torch.tensor([0.05, 0.125]).double().sqrt(), rtol=5e-3, atol=0)


def test_a_class_that_cannot_be_left_has_no_distance() -> None:
    model = linear(torch.zeros(2, 3), torch.tensor([1.0, 0.0]))
    assert boundary_distances(model, some(4, 3), WIDE, steps=5).isinf().all()
    records = toy_dataset().train
    constant = linear(torch.zeros(2, 6), torch.tensor([2.0, 0.0])).float()
    outcome = BoundaryDistance(records=20).audit(constant, records)
    assert isinstance(BoundaryDistance().value(outcome), Undefined)


def test_the_curvature_of_a_logistic_model_is_the_closed_form() -> None:
    """P (1 - p) ||w||^2, at the difference w of the weights of the two classes."""
    model, x = linear(some(2, 6), some(2)), some(30, 6)
    p = model(x).softmax(1)[:, 1]
    w = model.weight[1] - model.weight[0]
    found = input_curvatures(model, x, torch.zeros(30, dtype=torch.int64), iterations=2, rng=generator(0))
    torch.testing.assert_close(found, (p * (1 - p) * w.square().sum()).detach())


def test_the_curvature_is_the_largest_eigenvalue_of_the_hessian() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 8), nn.Tanh(), nn.Linear(8, 3)).double()
    x, y = some(10, 5), torch.arange(10) % 3
    found = input_curvatures(model, x, y, iterations=300, rng=generator(0))
    for record, label, curvature in zip(x, y, found, strict=True):
        loss = lambda each, label=label: nn.functional.cross_entropy(model(each[None]), label[None])  # noqa: E731
        hessian = torch.func.hessian(loss)(record)
        torch.testing.assert_close(curvature, torch.linalg.eigvalsh(hessian).abs().max().detach(), rtol=1e-3, atol=1e-9)


def test_models_are_compared_by_the_logarithm_of_the_mean() -> None:
    outcome = FactorOutcome(torch.tensor([0.0, 20.0]).double(), torch.ones(2).long())
    assert LossCurvature().value(outcome) == pytest.approx(1.0)


def test_a_model_whose_loss_does_not_depend_on_its_inputs_has_no_curvature() -> None:
    flat = linear(torch.zeros(2, 6), torch.tensor([2.0, 0.0])).float()
    outcome = LossCurvature(records=20).audit(flat, toy_dataset().train)
    assert outcome.values.eq(0).all()
    assert isinstance(LossCurvature().value(outcome), Undefined)


@pytest.mark.parametrize("sizes", [(1, 1), (7, 30), (200, 150)])
def test_the_distance_of_two_samples_is_scipys(sizes: tuple[int, int]) -> None:
    first, second = (some(size).mul(4).round() for size in sizes)
    assert kolmogorov_smirnov(first, second + 1) == pytest.approx(ks_2samp(first, second + 1).statistic)


class Fixed(nn.Module):
    """Predicts for each record, whose number is its only input, what a table says."""

    def __init__(self, predicted: list[int]) -> None:
        super().__init__()
        self.register_buffer("table", nn.functional.one_hot(torch.tensor(predicted), 2) * 3.0)

    def forward(self, x: Tensor) -> Tensor:
        table = self.table
        assert isinstance(table, Tensor)
        return table[x[:, 0].long()]


def numbered(count: int) -> Data:
    """Records 0, 1, 2, ... of class 1."""
    data = toy_dataset().train[torch.arange(count)]
    schema = replace(data.schema, shape=(1,), low=0.0, high=100.0, features=())
    x = torch.arange(count).float()[:, None]
    return Data(x, torch.ones(count, dtype=torch.int64), data.z, torch.arange(count), schema)


def test_memorization_by_hand() -> None:
    """Four models, each trained on two of four records.

    Record 0 is right wherever it was trained on and nowhere else; record 1 always; record 2 never; record 3 with it in
    one of two models, without it in none.
    """
    trained = [(0, 1), (2, 3), (0, 2), (1, 3)]
    right = [(1, 1, 0, 0), (0, 1, 0, 1), (1, 1, 0, 0), (0, 1, 0, 0)]
    shadows = [TrainedModel(Fixed(list(each)), torch.tensor(on)) for each, on in zip(right, trained, strict=True)]
    outcome = Memorization(shadows=4).audit(numbered(4), shadows)
    assert outcome.values.tolist() == [1.0, 0.0, 0.0, 0.5]
    assert Memorization().value(outcome) == pytest.approx(1.5 / 4)


def test_memorization_needs_models_with_and_without_each_record() -> None:
    shadows = [TrainedModel(Fixed([1, 1]), torch.tensor([0, 1])), TrainedModel(Fixed([1, 1]), torch.tensor([0]))]
    with pytest.raises(MissingInput, match="trained with each record, and others without it"):
        Memorization(shadows=2).audit(numbered(2), shadows)


def test_the_gap_is_the_difference_of_two_accuracies() -> None:
    model, records = Fixed([1, 1, 1, 0, 1, 0, 0, 0]), numbered(8)
    outcome = GeneralisationGap().audit(model, records[torch.arange(4)], records[torch.arange(4, 8)])
    assert GeneralisationGap().value(outcome) == 0.75 - 0.25


def test_members_are_told_by_confidence_alone() -> None:
    """A model that is very sure of all training records, right or wrong, and unsure of all others."""
    outcome = MemberDistinguishability().audit(
        Sure(4), *(numbered(8)[torch.arange(*ends)] for ends in ((0, 4), (4, 8)))
    )
    assert MemberDistinguishability().value(outcome) == 1.0


class Sure(nn.Module):
    """Doubts records from a number on."""

    def __init__(self, first: int) -> None:
        super().__init__()
        self.first = first

    def forward(self, x: Tensor) -> Tensor:
        size = torch.where(x[:, 0] < self.first, 5.0, 0.5) * (1 - 2 * (x[:, 0] % 2))
        return torch.stack([size, -size], 1)


def test_groups_that_get_the_same_outputs_are_not_told_apart() -> None:
    values, sides = torch.arange(60.0).double()[:, None].expand(-1, 2), torch.arange(60) % 2
    factor = GroupDistinguishability(fewest=30)
    assert factor.value(FactorOutcome(values, sides)) == pytest.approx(1 / 30)
    assert factor.value(FactorOutcome(values, (torch.arange(60) >= 30).long())) == 1.0
    missing = torch.where(torch.arange(60) < 5, -1, sides)
    assert isinstance(factor.value(FactorOutcome(values, missing)), Undefined)


def test_the_two_groups_that_differ_most_count_and_the_mean_over_classes() -> None:
    values = torch.tensor([[0.0, 0.0, 0.0], [0.0, 1.0, 1.0], [0.0, 2.0, 0.0]]).double().repeat_interleave(30, 0)
    outcome = FactorOutcome(values, torch.arange(3).repeat_interleave(30))
    assert GroupDistinguishability().value(outcome) == pytest.approx(2 / 3)


def test_outcomes_of_nothing_but_members_have_no_gap() -> None:
    outcome = FactorOutcome(torch.ones(3).double(), torch.ones(3).long())
    assert isinstance(GeneralisationGap().value(outcome), Undefined)
    assert isinstance(MemberDistinguishability().value(outcome), Undefined)
