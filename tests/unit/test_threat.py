"""Threat models: an adversary gets what its access grants, never the truth, and alters nothing."""

from collections.abc import Callable
from dataclasses import dataclass, fields

import pytest
import torch
from torch import Tensor, nn

from amulet.core.data import Data, Selection
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import AccessDenied, MissingInput
from amulet.core.threat import Access, Adversary, Release, Target, TrainedModel, opened
from amulet.evasion import EvasionAttack
from amulet.evasion.attacks import PGD
from amulet.functional.perturbations.pgd import Classifier
from amulet.membership_inference import MembershipInferenceAttack
from amulet.membership_inference.attacks import LossThreshold
from amulet.models import LinearNet

QUESTIONS: dict[Access, Callable[[Target, Tensor], object]] = {
    Access.LABELS: lambda target, x: target.predictions(x),
    Access.PROBABILITIES: lambda target, x: target.probabilities(x),
    Access.LOGITS: lambda target, x: target.logits(x),
    Access.WEIGHTS: lambda target, _: target.model,
}
X = torch.rand(6, 5)


@pytest.mark.parametrize("granted", QUESTIONS)
@pytest.mark.parametrize("asked", QUESTIONS)
def test_each_level_grants_itself_and_those_before(granted: Access, asked: Access) -> None:
    target = Target(nn.Linear(5, 2), granted)
    if granted.includes(asked):
        assert QUESTIONS[asked](target, X) is not None
    else:
        with pytest.raises(AccessDenied):
            QUESTIONS[asked](target, X)


def test_the_denial_says_what_to_declare() -> None:
    with pytest.raises(AccessDenied) as caught:
        Target(nn.Linear(5, 2), Access.LABELS).logits(X)
    assert str(caught.value) == (
        "The attack asked for logits, but its threat model grants only labels. Declare `needs = Access.LOGITS`."
    )


def test_labels_probabilities_and_logits_are_of_one_model() -> None:
    model = nn.Linear(5, 3)
    target = Target(model, Access.WEIGHTS)
    assert torch.equal(target.logits(X), model(X))
    assert torch.equal(target.probabilities(X), model(X).softmax(1))
    assert torch.equal(target.predictions(X), model(X).argmax(1))
    assert target.model is model
    assert not target.logits(X).requires_grad


@dataclass(frozen=True)
class Nosy(EvasionAttack):
    """An attack that asks for more than it declares."""

    needs = Access.LABELS

    def perturb(self, adversary: Adversary, victims: Data) -> Tensor:
        return adversary.target.logits(victims.x)


@dataclass(frozen=True)
class NosyMember(MembershipInferenceAttack):
    needs = Access.PROBABILITIES

    def score(self, adversary: Adversary, candidates: Selection) -> Tensor:
        del candidates
        return next(adversary.target.model.parameters()).flatten()


def test_an_attack_that_asks_for_more_than_it_declares_is_denied(dataset: AmuletDataset) -> None:
    model = LinearNet(hidden=(4,)).build(dataset.schema).train()
    with pytest.raises(AccessDenied):
        Nosy().attack(model, dataset.test)
    with pytest.raises(AccessDenied):
        NosyMember().attack(model, dataset.train, dataset.test)
    assert all(module.training for module in model.modules())


def attack_it(attack: PGD | LossThreshold, model: nn.Module, dataset: AmuletDataset) -> None:
    if isinstance(attack, PGD):
        attack.attack(model, dataset.test)
    else:
        attack.attack(model, dataset.train, dataset.test)


@pytest.mark.parametrize("attack", [PGD(steps=2), LossThreshold()], ids=str)
def test_the_target_is_left_as_it_was(dataset: AmuletDataset, attack: PGD | LossThreshold) -> None:
    """Weights, statistics, gradients, and of each part whether it trains and is trained."""
    model = LinearNet(hidden=(4,), dropout=0.5).build(dataset.schema).train()
    parts = list(model.modules())
    parts[2].eval()
    next(model.parameters()).requires_grad_(False)
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    modes, trained = [part.training for part in parts], [p.requires_grad for p in model.parameters()]
    attack_it(attack, model, dataset)
    assert all(torch.equal(weights[name], tensor) for name, tensor in model.state_dict().items())
    assert [part.training for part in parts] == modes
    assert [parameter.requires_grad for parameter in model.parameters()] == trained
    assert all(parameter.grad is None for parameter in model.parameters())


@pytest.mark.parametrize("attack", [PGD(steps=2), LossThreshold()], ids=str)
def test_an_attack_moves_no_random_numbers_outside(dataset: AmuletDataset, attack: PGD | LossThreshold) -> None:
    model, before = nn.Linear(5, 2), torch.get_rng_state()
    attack_it(attack, model, dataset)
    assert torch.equal(torch.get_rng_state(), before)


def test_the_target_is_opened_in_evaluation_mode() -> None:
    model = nn.Dropout().train()
    with opened(model, Access.WEIGHTS) as target:
        assert not target.model.training
    assert model.training


def test_what_the_adversary_sees_holds_no_truth() -> None:
    held = {field.name for field in fields(Adversary)}
    assert held == {"target", "schema", "rng", "models", "records", "seed", "rehearsing"}


def test_a_shadow_knows_what_it_was_trained_on() -> None:
    shadow = TrainedModel(nn.Linear(5, 2), torch.tensor([3, 1, 7]))
    assert shadow.trained_on(torch.tensor([1, 2, 3])).tolist() == [True, False, True]


def test_access_is_a_set() -> None:
    both = Access.LABELS | Access.EXPLANATIONS
    assert both.includes(Access.LABELS)
    assert not both.includes(Access.PROBABILITIES)
    assert not Access.WEIGHTS.includes(Access.EXPLANATIONS)
    assert Access.WEIGHTS.includes(Access.LOGITS)
    assert str(both) == "labels and explanations"
    assert set(both.narrowed_by_one()) == {Access.LABELS, Access.EXPLANATIONS}
    assert list(Access.LOGITS.narrowed_by_one()) == [Access.PROBABILITIES]
    assert list(Access.LABELS.narrowed_by_one()) == []


@dataclass(frozen=True)
class Doubled(Release):
    """An explanation that tells the record."""

    kind = Access.EXPLANATIONS

    def of(self, model: Classifier, x: Tensor, classes: Tensor) -> Tensor:
        assert torch.equal(model(x).argmax(1), classes)
        return x * 2


def test_what_a_defense_releases_is_granted_by_its_own_flag() -> None:
    model = nn.Linear(5, 2)
    target = Target(model, Access.LABELS | Access.EXPLANATIONS, [Doubled()])
    assert torch.equal(target.answers(Access.EXPLANATIONS, X), X * 2)
    assert target.release(Access.EXPLANATIONS) == Doubled()
    assert target.release(Access.CLAIMS) is None
    with pytest.raises(
        AccessDenied, match=r"Declare `needs = Access\.LABELS \| Access\.EXPLANATIONS \| Access\.CLAIMS`"
    ):
        target.answers(Access.CLAIMS, X)
    with pytest.raises(AccessDenied, match="grants only labels"):
        target.narrowed(Access.LABELS).answers(Access.EXPLANATIONS, X)
    with pytest.raises(MissingInput, match="no explanations to show"):
        Target(model, Access.EXPLANATIONS).answers(Access.EXPLANATIONS, X)


def test_a_narrowed_target_grants_what_both_gates_grant() -> None:
    target = Target(nn.Linear(5, 2), Access.LOGITS)
    assert target.narrowed(Access.LABELS).access is Access.LABELS
    assert target.narrowed(Access.WEIGHTS).access is Access.LOGITS
