"""Stages with a network of their own, predictions that need an attribute, and masked gradients seen through."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from amulet.core.data import Data, Schema, concatenate
from amulet.core.errors import Conflict, InvalidParameter, MissingInput
from amulet.core.fitted import Fact
from amulet.core.held import Held
from amulet.core.model import AttributeModel, classifiers, predict, underneath
from amulet.core.records.data_checks import problems_of
from amulet.core.threat import Access, Target
from amulet.core.trainable import DataUse
from amulet.discriminatory_behavior import Discrimination
from amulet.discriminatory_behavior.metrics import demographic_parity
from amulet.evasion.attacks import PGD, AutoAttack
from amulet.evasion.metrics import robust_accuracy
from amulet.functional.perturbations.pgd import Classifier
from amulet.models import LinearNet
from amulet.testing import TOY_RECIPE, check_defense, toy_dataset
from amulet.training import DPSGD, Finish, LogitAdjustment, Penalize, Prepare, Prepared, TrainingFunction
from amulet.training.penalty import Penalty
from amulet.training.updates import Pace


class Debiasing(Penalty):
    """A network that guesses the attribute from the logits; the model is rewarded where it fails."""

    def __init__(self, schema: Schema, strength: float) -> None:
        self.guesser = nn.Linear(len(schema.classes), 2)
        self.optimizer = torch.optim.Adam(self.guesser.parameters(), lr=0.05)
        self.strength, self.batches = strength, 0

    def learn(self, logits: Tensor, batch: Data) -> None:
        self.optimizer.zero_grad()
        cross_entropy(self.guesser(logits.softmax(1)), batch.attribute("sex")).backward()
        self.optimizer.step()
        self.batches += 1

    def penalize(self, model: Classifier, logits: Tensor, batch: Data) -> Tensor:
        del model
        return -self.strength * cross_entropy(self.guesser(logits.softmax(1)), batch.attribute("sex"), reduction="none")

    @property
    def artifacts(self) -> Mapping[str, Tensor]:
        return {"guesser": self.guesser.weight.detach()}

    @property
    def facts(self) -> Mapping[str, Fact]:
        return {"guessed_batches": self.batches}


@dataclass(frozen=True)
class AdversarialDebiasing(Penalize):
    """Zhang et al. 2018, in small."""

    risk = "discriminatory_behavior"
    data_use = DataUse.DATASET
    strength: float = 3.0

    def begin(self, schema: Schema, pace: Pace, seed: int, device: str) -> Penalty:
        del pace, seed, device
        return Debiasing(schema, self.strength)


class Shifted(AttributeModel):
    """Adds to the second logit of each record what its group is given."""

    def __init__(self, inner: nn.Module, groups: int) -> None:
        super().__init__()
        self.underneath = inner
        self.register_buffer("shift", torch.zeros(groups + 1))

    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        shift: Tensor = self.get_buffer("shift")
        return self.underneath(x) + torch.stack([torch.zeros(len(x)), shift[z[:, 0]]], 1)  # type: ignore[no-any-return]


@dataclass(frozen=True)
class GroupThresholds(Finish):
    """Equal shares of favourable decisions on clean records: Hardt et al. 2016, in small."""

    risk = "discriminatory_behavior"
    data_use = DataUse.DATASET
    needs_validation = True

    def wrap(self, model: nn.Module) -> nn.Module:
        return Shifted(model, 2)

    def finish(self, model: nn.Module, data: Data, held: Held, rng: Generator) -> Mapping[str, Tensor]:
        del data, rng
        assert isinstance(model, Shifted)
        clean = held.require_validation(self)
        with torch.no_grad():
            gaps = model.underneath(clean.x)[:, 1] - model.underneath(clean.x)[:, 0]
            for group in range(2):
                model.get_buffer("shift")[group] = -gaps[clean.attribute("sex") == group].median()
        return {"shift": model.get_buffer("shift").clone()}


def gap(model: nn.Module, data: Data) -> float:
    value = demographic_parity(Discrimination().audit(model, data))
    assert isinstance(value, float)
    return value


DATA = toy_dataset(records=1500)
RECIPE = replace(TOY_RECIPE, epochs=15)


def test_a_penalty_may_train_a_network_beside_the_model() -> None:
    plain, debiased = (recipe.fit(DATA.train, seed=0) for recipe in (RECIPE, AdversarialDebiasing().apply(RECIPE)))
    assert gap(debiased.model, DATA.test) < gap(plain.model, DATA.test) - 0.05
    assert debiased.artifacts["AdversarialDebiasing"]["guesser"].shape == (2, 2)
    assert debiased.facts["guessed_batches"] == debiased.facts["steps"]


def test_its_network_starts_the_same_for_one_seed() -> None:
    recipe = AdversarialDebiasing().apply(TOY_RECIPE)
    first, second, other = (recipe.fit(DATA.train, seed=seed).artifacts["AdversarialDebiasing"] for seed in (1, 1, 2))
    assert torch.equal(first["guesser"], second["guesser"])
    assert not torch.equal(first["guesser"], other["guesser"])


def test_a_penalty_of_strength_zero_changes_nothing() -> None:
    plain = TOY_RECIPE.fit(DATA.train, seed=0).model.state_dict()
    idle = AdversarialDebiasing(strength=0.0).train(TOY_RECIPE, DATA.train, seed=0).model.state_dict()
    assert all(torch.allclose(tensor, idle[name], atol=1e-6) for name, tensor in plain.items())


def test_a_network_that_sees_all_records_is_refused_beside_differential_privacy() -> None:
    with pytest.raises(Conflict, match="uses the data set as a whole"):
        AdversarialDebiasing().apply(DPSGD(delta=1e-4).apply(TOY_RECIPE))


def thresholded() -> nn.Module:
    held = Held(validation=toy_dataset(records=1500, seed=5).train)
    return GroupThresholds().train(RECIPE, DATA.train, seed=0, held=held).model


def test_thresholds_by_group_are_fitted_to_the_defender_s_clean_records() -> None:
    plain = RECIPE.fit(DATA.train, seed=0).model
    assert gap(thresholded(), DATA.test) < gap(plain, DATA.test) - 0.1
    with pytest.raises(MissingInput, match="GroupThresholds compares with clean records"):
        GroupThresholds().train(TOY_RECIPE, DATA.train, seed=0)


def test_a_model_that_needs_attributes_is_given_records() -> None:
    model = thresholded()
    assert predict(model, DATA.test).shape == (300, 2)
    with pytest.raises(InvalidParameter, match="Shifted needs the records' sensitive attributes to predict"):
        predict(model, DATA.test.x)


def test_by_group_such_a_model_is_a_function_of_inputs() -> None:
    model = thresholded()
    whole = predict(model, DATA.test)
    parts = list(classifiers(model, DATA.test))
    assert len(parts) == 2
    for places, classify in parts:
        assert torch.allclose(classify(DATA.test.x[places]), whole[places], atol=1e-6)
        assert torch.allclose(classify(DATA.test.x[places[:3]]), whole[places[:3]], atol=1e-6)


@pytest.mark.parametrize("attack", [PGD(epsilon=0.1, steps=5), AutoAttack(epsilon=0.1, steps=5, queries=20)], ids=str)
def test_attacks_work_on_a_model_that_needs_attributes(attack: PGD | AutoAttack) -> None:
    outcome = attack.attack(thresholded(), DATA.test)
    robust = robust_accuracy(outcome)
    assert isinstance(robust, float)
    assert robust < outcome.correct.double().mean().item() - 0.1


class Rounded(nn.Module):
    """Logits in whole numbers: the model decides nearly the same and has no gradient."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.underneath = inner

    def forward(self, x: Tensor) -> Tensor:
        return (self.underneath(x) * 50).round() / 50 + 0 * x.sum()  # type: ignore[no-any-return]


def test_what_masks_gradients_is_attacked_underneath_too() -> None:
    model = RECIPE.fit(DATA.train, seed=0).model
    attack = PGD(epsilon=0.1, steps=10)
    plain, masked = (robust_accuracy(attack.attack(each, DATA.test)) for each in (model, Rounded(model)))
    assert isinstance(plain, float)
    assert masked == pytest.approx(plain, abs=0.03)


def test_whoever_holds_the_weights_may_look_underneath() -> None:
    inner = LinearNet((4,), norm="none").build(DATA.schema)
    wrapped = Rounded(Rounded(inner))
    assert underneath(wrapped) is inner
    assert Target(wrapped, Access.WEIGHTS).underneath.model is inner
    assert underneath(inner) is inner


@dataclass(frozen=True)
class Reweighing(Prepare):
    """Kamiran and Calders 2012: each group and class as if they were independent."""

    risk = "discriminatory_behavior"
    data_use = DataUse.DATASET
    weighs = True

    def prepare(self, data: Data, rng: Generator) -> Prepared:
        del rng
        sex, weight = data.attribute("sex"), torch.ones(len(data))
        for group in (0, 1):
            for label in (0, 1):
                both = (sex == group) & (data.y == label)
                weight[both] = (sex == group).float().mean() * (data.y == label).float().mean() / both.float().mean()
        return Prepared(replace(data, weight=weight))


def test_weights_count_in_the_loop() -> None:
    weight = torch.where(DATA.train.y == 1, 20.0, 1.0)
    plain, weighed = (RECIPE.fit(data, seed=0).model for data in (DATA.train, replace(DATA.train, weight=weight)))
    granted = [predict(model, DATA.test).argmax(1).double().mean() for model in (plain, weighed)]
    assert granted[1] > granted[0] + 0.05


TRAINING = "import torch\n\ndef train(model, data, seed):\n    pass\n"


def test_a_training_function_must_say_that_it_uses_weights(user_module: object) -> None:
    user_module("weightless", TRAINING)  # type: ignore[operator]
    own = TrainingFunction("weightless:train", LinearNet((4,), norm="none"))
    with pytest.raises(Conflict, match="Reweighing gives records weights, and the training function"):
        own.with_stage(Reweighing())
    with pytest.raises(InvalidParameter, match="The data set gives records weights"):
        own.fit(replace(DATA.train, weight=torch.ones(len(DATA.train))), seed=0)
    honest = replace(own, weighted=True)
    assert honest.with_stage(Reweighing()).fit(DATA.train, seed=0).facts["records"] == len(DATA.train)


@pytest.mark.parametrize("objective", [TOY_RECIPE.objective, LogitAdjustment()], ids=str)
def test_probabilities_can_be_learned_instead_of_classes(objective: object) -> None:
    recipe = replace(TOY_RECIPE, objective=objective)  # type: ignore[arg-type]
    sure = torch.nn.functional.one_hot(DATA.train.y, 2).float()
    by_class, by_target = (recipe.fit(data, seed=0).model for data in (DATA.train, replace(DATA.train, targets=sure)))
    assert torch.allclose(predict(by_class, DATA.test), predict(by_target, DATA.test), atol=1e-4)
    half = replace(DATA.train, targets=torch.full((len(DATA.train), 2), 0.5))
    assert (predict(recipe.fit(half, seed=0).model, DATA.test).softmax(1) - 0.5).abs().mean() < 0.1


def test_targets_go_with_their_records() -> None:
    some, others = DATA.train[torch.arange(4)], DATA.train[torch.arange(4, 6)]
    soft = replace(some, targets=torch.full((4, 2), 0.5))
    joined = concatenate(soft, others)
    assert joined.targets is not None
    assert joined.targets[4:].argmax(1).equal(others.y)
    assert soft[torch.tensor([1])].learned.shape == (1, 2)


@pytest.mark.parametrize(
    ("targets", "sentence"),
    [
        (torch.ones(4, 3), "The 'targets' of toy must be of shape (4, 2). Got (4, 3)."),
        (torch.ones(4, 2), "The 'targets' of toy must be probabilities: at least 0, each row with sum 1."),
    ],
)
def test_targets_are_checked(targets: Tensor, sentence: str) -> None:
    data = replace(DATA.train[torch.arange(4)], targets=targets)
    assert [problem.sentence for problem in problems_of(data, "toy")] == [sentence]


def test_the_conformance_kit_takes_stages_with_a_state() -> None:
    with pytest.raises(AssertionError, match="must name its paper's address"):
        check_defense(AdversarialDebiasing())
