"""Evasion: the attack is on the true label, within the radius, and never flatters the model."""

from dataclasses import dataclass, replace
from typing import get_args

import pytest
import torch
from torch import Generator, Tensor, nn

from amulet.core.data import Data
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidParameter
from amulet.core.threat import Access, Adversary
from amulet.datasets import from_arrays
from amulet.evasion import EvasionAttack
from amulet.evasion.attacks import PGD
from amulet.evasion.defenses import AdversarialTraining
from amulet.evasion.metrics import clean_accuracy, robust_accuracy
from amulet.functional.perturbations.balls import Ball, Norm
from amulet.functional.perturbations.pgd import pgd
from amulet.models import LinearNet, SimpleCNN
from amulet.training import Recipe


def number(value: object) -> float:
    assert isinstance(value, float)
    return value


@pytest.fixture(scope="module")
def untrained(dataset: AmuletDataset) -> nn.Module:
    """A model that is wrong about as often as right."""
    torch.manual_seed(0)
    return LinearNet(hidden=(8,)).build(dataset.schema)


def test_records_that_are_wrong_already_are_not_rescued(untrained: nn.Module, dataset: AmuletDataset) -> None:
    """Attacks on the model's own prediction push them towards being right; the true label never does."""
    outcome = PGD(epsilon=0.5).attack(untrained, dataset.test)
    wrong = outcome.clean != outcome.labels
    assert wrong.sum() > 20
    assert torch.equal(outcome.adversarial[wrong], outcome.clean[wrong])
    assert (outcome.size[wrong] == 0).all()


def test_a_large_radius_leaves_nothing_right(dataset: AmuletDataset) -> None:
    """Not merely as much as was wrong before."""
    torch.manual_seed(0)
    outcome = PGD(epsilon=0.999).attack(nn.Linear(5, 2), dataset.test)
    assert 0.2 < number(clean_accuracy(outcome)) < 0.8
    assert robust_accuracy(outcome) == 0


@pytest.mark.parametrize("norm", get_args(Norm))
@pytest.mark.parametrize("epsilon", [0.0, 1e-9, 0.05, 0.3])
def test_robust_accuracy_never_exceeds_clean_accuracy(
    untrained: nn.Module, dataset: AmuletDataset, norm: Norm, epsilon: float
) -> None:
    outcome = PGD(epsilon=epsilon, norm=norm, steps=5).attack(untrained, dataset.test)
    assert number(robust_accuracy(outcome)) <= number(clean_accuracy(outcome))


def test_robust_accuracy_falls_with_the_radius(dataset: AmuletDataset) -> None:
    torch.manual_seed(0)
    model = nn.Linear(5, 2)
    found = [number(robust_accuracy(PGD(epsilon=e).attack(model, dataset.test))) for e in (0.0, 0.02, 0.1, 0.3)]
    assert found == sorted(found, reverse=True)
    assert found[0] > found[-1]


@pytest.mark.parametrize("epsilon", [1e-6, 1e-3, 0.3])
def test_the_climb_reaches_the_border_of_any_radius(dataset: AmuletDataset, epsilon: float) -> None:
    """The step size is a share of the radius: small ones are not stepped over, large ones not missed."""
    torch.manual_seed(0)
    x, y = 0.4 + 0.2 * dataset.test.x.double(), dataset.test.y
    model = nn.Linear(5, 2).double()
    moved = pgd(
        model,
        x,
        y,
        Ball("linf", epsilon, 0.0, 1.0),
        steps=20,
        step_size=0.125,
        rng=Generator().manual_seed(0),
    )
    assert torch.allclose((moved - x).abs(), torch.full_like(x, epsilon), rtol=1e-6)


@pytest.mark.parametrize("norm", get_args(Norm))
def test_no_change_exceeds_the_radius(untrained: nn.Module, dataset: AmuletDataset, norm: Norm) -> None:
    outcome = PGD(epsilon=0.1, norm=norm).attack(untrained, dataset.test)
    assert outcome.size.max() <= 0.1 * (1 + 1e-5)


def test_images_of_bytes_are_attacked_in_their_float_range(images: AmuletDataset) -> None:
    torch.manual_seed(0)
    model = SimpleCNN(channels=(4,), hidden=6).build(images.schema)
    assert PGD(epsilon=8 / 255, steps=3).attack(model, images.test).size.max() <= 8 / 255 * (1 + 1e-5)


def test_more_restarts_never_help_the_model(dataset: AmuletDataset) -> None:
    torch.manual_seed(0)
    model = LinearNet(hidden=(16, 16), norm="none").build(dataset.schema)
    one, five = (PGD(epsilon=0.1, steps=2, restarts=count).attack(model, dataset.test) for count in (1, 5))
    assert number(robust_accuracy(five)) <= number(robust_accuracy(one))


def test_the_attack_repeats_itself_for_one_seed(untrained: nn.Module, dataset: AmuletDataset) -> None:
    first, again, other = (PGD(epsilon=0.1, steps=1).attack(untrained, dataset.test, seed=s) for s in (0, 0, 1))
    assert torch.equal(first.size, again.size)
    assert not torch.equal(first.size, other.size)


def test_a_model_that_is_never_right_can_be_attacked_too(dataset: AmuletDataset) -> None:
    model = nn.Linear(5, 2)
    always_wrong = replace(dataset.test, y=1 - model(dataset.test.x).argmax(1))
    outcome = PGD().attack(model, always_wrong)
    assert robust_accuracy(outcome) == clean_accuracy(outcome) == 0


def test_parameters_get_no_gradients(dataset: AmuletDataset) -> None:
    model = nn.Linear(5, 2)
    PGD(steps=2).attack(model, dataset.test)
    assert model.weight.grad is None


@dataclass(frozen=True)
class Shifts(EvasionAttack):
    """A third party's attack without care for the bounds."""

    needs = Access.LABELS
    shift: float = 2.0

    def perturb(self, adversary: Adversary, victims: Data) -> Tensor:
        del adversary
        return victims.x + self.shift


@dataclass(frozen=True)
class Flattens(EvasionAttack):
    needs = Access.LABELS

    def perturb(self, adversary: Adversary, victims: Data) -> Tensor:
        del adversary
        return victims.x[:, :1]


def test_an_attack_that_leaves_the_bounds_or_the_shape_is_refused(dataset: AmuletDataset) -> None:
    model = nn.Linear(5, 2)
    with pytest.raises(ValueError, match=r"Shifts must stay within the data's bounds \[0\.0, 1\.0\]\."):
        Shifts().attack(model, dataset.test)
    with pytest.raises(ValueError, match=r"Flattens must keep the shape \(100, 5\)\. Got \(100, 1\)\."):
        Flattens().attack(model, dataset.test)
    assert len(Shifts(shift=0.0).attack(model, dataset.test)) == 100


def test_a_negative_radius_is_refused() -> None:
    with pytest.raises(InvalidParameter) as caught:
        PGD(epsilon=-1)
    assert str(caught.value) == "The 'epsilon' of PGD must be at least 0. Got -1."


def test_adversarial_training_lowers_its_own_risk() -> None:
    """Class one raises one feature by much and ten by little; a robust net trusts the one."""
    rng = Generator().manual_seed(0)
    y = torch.randint(2, (600,), generator=rng)
    sign = (2.0 * y - 1)[:, None]
    strong = 0.5 + 0.15 * sign + 0.12 * torch.randn(600, 1, generator=rng)
    weak = 0.5 + 0.04 * sign + 0.05 * torch.randn(600, 10, generator=rng)
    x = torch.cat([strong, weak], 1).clamp(0, 1)
    data = from_arrays((x[:400], y[:400]), (x[400:], y[400:]), bounds=(0.0, 1.0))
    recipe = Recipe(LinearNet(hidden=(8,), norm="group"), epochs=40, batch_size=64)
    undefended = recipe.fit(data.train, seed=0).model
    defended = AdversarialTraining(epsilon=0.06, steps=5).train(recipe, data.train, seed=0).model
    robust = [number(robust_accuracy(PGD(epsilon=0.06).attack(model, data.test))) for model in (undefended, defended)]
    assert robust[1] > robust[0] + 0.1
