"""Transfer and the worst case over several attacks: who trains on what, who sees what, who counts."""

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from amulet.core.data import Data
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import AccessDenied, InvalidParameter, MissingInput
from amulet.core.roles import SURROGATE
from amulet.core.split import AuxiliaryDraw, Split
from amulet.core.threat import Access, Adversary, TrainedModel
from amulet.evasion import EvasionAttack
from amulet.evasion.attacks import PGD, AutoAttack, Transfer, WorstCase
from amulet.evasion.attacks.auto_attack import PARTS, Part
from amulet.evasion.metrics import robust_accuracy
from amulet.experiments import models_for
from amulet.models import LinearNet
from amulet.training import Adam, Recipe

RECIPE = Recipe(LinearNet((16,), norm="group"), epochs=10, batch_size=32, optimizer=Adam(lr=0.01))


@pytest.fixture(autouse=True)
def _weights_are_the_same_every_time() -> None:
    torch.manual_seed(0)


@dataclass(frozen=True)
class Peeking(EvasionAttack):
    """Says that labels are enough, and asks for the model."""

    needs = Access.LABELS

    def perturb(self, adversary: Adversary, victims: Data) -> Tensor:
        return victims.x + 0 * next(adversary.target.model.parameters()).sum()


def test_surrogates_are_trained_on_the_attacker_s_own_records(dataset: AmuletDataset) -> None:
    split = Split(seed=1)
    transfer, division = Transfer(surrogates=2), split.divide(len(dataset.train))
    draws = [request.draw for request in transfer.own_models(split)[SURROGATE]]
    assert draws == [AuxiliaryDraw(split, 0), AuxiliaryDraw(split, 1)]
    first, second = models_for(transfer, RECIPE, dataset, split)[SURROGATE]
    for surrogate in (first, second):
        assert torch.equal(surrogate.index, dataset.train.index[division.auxiliary])
        assert not surrogate.trained_on(dataset.train.index[division.members]).any()
    weights = [next(surrogate.model.parameters()) for surrogate in (first, second)]
    assert not torch.equal(*weights)


def test_it_is_weaker_than_an_attack_on_the_target_and_stronger_than_nothing(dataset: AmuletDataset) -> None:
    split = Split(seed=0)
    transfer, direct = Transfer(PGD(epsilon=0.2), surrogates=2), PGD(epsilon=0.2)
    models = models_for(transfer, RECIPE, dataset, split)
    target = models["target"][0].model
    outcome = transfer.attack(target, dataset.test, models=models)
    clean, left = outcome.correct.double().mean().item(), robust_accuracy(outcome)
    most = robust_accuracy(direct.attack(target, dataset.test))
    assert isinstance(left, float)
    assert isinstance(most, float)
    assert most <= left < clean - 0.1
    assert (outcome.size <= 0.2 + 1e-6).all()
    assert (outcome.size[~outcome.correct] == 0).all()


def test_records_that_the_surrogate_gets_wrong_are_tried_on_the_target_all_the_same(dataset: AmuletDataset) -> None:
    transfer = Transfer(PGD(epsilon=0.2))
    target, surrogate = (Recipe(LinearNet((8,), norm="none"), epochs=12).fit(dataset.train, seed=0).model for _ in "ab")
    with torch.no_grad():
        list(surrogate.parameters())[-1].add_(torch.tensor([50.0, 0.0]))  # it always names the first class
    own = TrainedModel(surrogate, dataset.train.index[:0])
    outcome = transfer.attack(target, dataset.test, models={SURROGATE: (own,)})
    assert (outcome.size[outcome.correct] > 0).all()


def test_it_says_where_surrogates_come_from(dataset: AmuletDataset) -> None:
    with pytest.raises(MissingInput, match=r"needs 1 surrogate model\. Got 0\. Train them with"):
        Transfer().attack(RECIPE.build(dataset.schema), dataset.test)


def test_its_curve_is_that_of_its_attack() -> None:
    steps = [(epsilon, attack.of) for epsilon, attack in Transfer(PGD(epsilon=0.2)).ladder()]
    assert steps == list(PGD(epsilon=0.2).ladder())


def test_the_surrogates_attack_asks_for_no_models() -> None:
    with pytest.raises(InvalidParameter, match="'of' of Transfer must be an attack without models of its own"):
        Transfer(of=Transfer())


def test_a_record_falls_if_any_attack_breaks_it(dataset: AmuletDataset) -> None:
    model = RECIPE.fit(dataset.train, seed=0).model
    box, ball = PGD(epsilon=0.08), PGD(epsilon=0.2, norm="l2")
    parts = [attack.attack(model, dataset.test) for attack in (box, ball)]
    both = WorstCase((box, ball)).attack(model, dataset.test)
    assert not torch.equal(parts[0].withstood, parts[1].withstood)
    assert both.withstood.sum() <= (parts[0].withstood & parts[1].withstood).sum() + 1
    first = ~parts[0].withstood & parts[0].correct
    assert (both.size[first] <= 0.08 + 1e-6).all()


def test_it_needs_what_the_widest_of_its_attacks_needs() -> None:
    assert WorstCase((Transfer(),)).needs is Access.LABELS
    assert WorstCase((Transfer(), PGD())).needs is Access.WEIGHTS


def test_each_attack_gets_its_own_access_and_no_more(dataset: AmuletDataset) -> None:
    with pytest.raises(AccessDenied, match="asked for weights"):
        WorstCase((Peeking(), PGD())).attack(RECIPE.build(dataset.schema), dataset.test)


def test_it_asks_for_the_models_of_its_attacks() -> None:
    mixed = WorstCase((PGD(), Transfer(surrogates=2), Transfer(PGD(norm="l2"), surrogates=3)))
    assert mixed.own_models(Split()) == Transfer(surrogates=3).own_models(Split())
    assert WorstCase((PGD(),)).own_models(Split()) == {}
    with pytest.raises(InvalidParameter, match="alike in the surrogate models"):
        WorstCase((Transfer(), Transfer(defense_known=False)))


def test_attacks_of_one_ball_have_one_budget() -> None:
    assert WorstCase((PGD(epsilon=0.1), Transfer(PGD(epsilon=0.1)))).budget() == PGD(epsilon=0.1, steps=3).budget()
    assert WorstCase((PGD(epsilon=0.1), PGD(epsilon=0.2))).budget() is None


def test_a_ball_without_extent_holds_no_example(dataset: AmuletDataset) -> None:
    model = RECIPE.build(dataset.schema)
    outcome = AutoAttack(epsilon=0.0, steps=3, queries=5).attack(model, dataset.test)
    assert torch.equal(outcome.withstood, outcome.correct)
    assert (outcome.size == 0).all()


def test_two_classes_run_without_the_targeted_ratio(dataset: AmuletDataset) -> None:
    """Left out among others, an error alone."""
    model = RECIPE.build(dataset.schema)
    parts: tuple[Part, ...] = ("apgd-ce", "fab-t", "square")
    whole, three = (AutoAttack(0.1, steps=5, queries=20, parts=each) for each in (PARTS, parts))
    first, second = (attack.attack(model, dataset.test).withstood for attack in (whole, three))
    assert torch.equal(first, second)
    with pytest.raises(InvalidParameter, match="The loss of apgd-t needs at least 4 classes"):
        AutoAttack(parts=("apgd-t",)).attack(model, dataset.test)


def test_autoattack_takes_a_sample_of_the_records_and_says_so(dataset: AmuletDataset) -> None:
    """The same for every model under one seed; the whole of few records."""
    attack = AutoAttack(0.0, steps=1, queries=1, records=30)
    models = [RECIPE.build(dataset.schema) for _ in range(2)]
    one, other = (attack.attack(model, dataset.train, seed=0) for model in models)
    assert len(one) == 30
    assert torch.equal(one.labels, other.labels)
    assert not torch.equal(one.labels, attack.attack(models[0], dataset.train, seed=1).labels)
    assert AutoAttack().sample() == 1000
    assert len(AutoAttack(0.0, steps=1, queries=1).attack(RECIPE.build(dataset.schema), dataset.test)) == len(
        dataset.test
    )


def test_attacks_made_of_others_take_the_smallest_of_their_samples() -> None:
    assert WorstCase((PGD(), AutoAttack(records=50), Transfer(AutoAttack(records=20)))).sample() == 20
    assert WorstCase((PGD(), AutoAttack(records=None))).sample() is None


@dataclass(frozen=True)
class Together(EvasionAttack):
    """One step common to all victims."""

    needs = Access.LABELS
    together = True

    def perturb(self, adversary: Adversary, victims: Data) -> Tensor:
        del adversary
        return victims.x * 0 + victims.x.mean(0)


def test_an_attack_may_ask_for_all_victims_at_once(monkeypatch: pytest.MonkeyPatch, dataset: AmuletDataset) -> None:
    monkeypatch.setattr("amulet.core.data.MOST_RECORDS", 16)
    outcome = Together().attack(RECIPE.build(dataset.schema), dataset.train)
    moved = (dataset.train.x - dataset.train.x.mean(0)).abs().amax(1)
    assert torch.allclose(outcome.size, moved, atol=1e-6)
