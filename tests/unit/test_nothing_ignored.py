"""Weights, targets and the state of penalties: used as they are said to be, or refused before anything is trained.

The kit asks for the address of a paper, which toys do not have: https://example.org.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy, one_hot

from amulet.core.data import Data, Schema
from amulet.core.errors import Conflict, InvalidParameter, ProblemsError
from amulet.core.held import Held
from amulet.core.model import predict
from amulet.core.split import Split
from amulet.core.threat import Access, Target
from amulet.core.trainable import DataUse
from amulet.derivations import Extraction
from amulet.experiments import Experiment, Row, Store, plan
from amulet.experiments.planning.estimate import estimate
from amulet.functional.perturbations.pgd import Classifier
from amulet.models import LinearNet
from amulet.poisoning.attacks import BadNets
from amulet.poisoning.defenses import SpectralSignatures
from amulet.testing import TOY_RECIPE, check_defense, toy_dataset
from amulet.training import (
    DPSGD,
    Finish,
    LogitAdjustment,
    Objective,
    Penalize,
    Placebo,
    Prepare,
    Prepared,
    TrainingFunction,
    Update,
)
from amulet.training.penalty import Penalty
from amulet.training.updates import Pace, PlainRule, RecordLosses, Rule

DATA = toy_dataset()
CLASSES = 2


class Guesser(Penalty):
    """Learns to guess the class from the logits, and counts how often it is asked to."""

    def __init__(self, schema: Schema) -> None:
        self.net, self.learned = nn.Linear(len(schema.classes), len(schema.classes)), 0
        self.optimizer = torch.optim.SGD(self.net.parameters(), lr=0.1)

    def learn(self, logits: Tensor, batch: Data) -> None:
        self.optimizer.zero_grad()
        cross_entropy(self.net(logits), batch.y).backward()
        self.optimizer.step()
        self.learned += 1

    def penalize(self, model: Classifier, logits: Tensor, batch: Data) -> Tensor:
        del model
        return 0.1 * cross_entropy(self.net(logits), batch.y, reduction="none")

    @property
    def artifacts(self) -> Mapping[str, Tensor]:
        return {"weight": self.net.weight.detach()}

    @property
    def facts(self) -> Mapping[str, int]:
        return {"learned": self.learned}


@dataclass(frozen=True)
class Guesses(Penalize):
    data_use = DataUse.DATASET

    def begin(self, schema: Schema, pace: Pace, seed: int, device: str) -> Penalty:
        del pace, seed, device
        return Guesser(schema)


class TwiceRule(Rule):
    """Asks for the losses of each batch twice, as sharpness-aware minimisation does."""

    def __init__(self, pace: Pace) -> None:
        self._plain = PlainRule(pace)

    @property
    def facts(self) -> Mapping[str, float | int]:
        return self._plain.facts

    @property
    def steps_per_epoch(self) -> int:
        return self._plain.steps_per_epoch

    def epoch(self, order: Generator) -> Iterator[Tensor]:
        return self._plain.epoch(order)

    def backward(self, losses: RecordLosses, model: nn.Module, batch: Data) -> None:
        losses(model, batch)
        self._plain.backward(losses, model, batch)


@dataclass(frozen=True)
class Twice(Update):
    data_use = DataUse.NONE

    def begin(self, pace: Pace, seed: int, device: str) -> Rule:
        del seed, device
        return TwiceRule(pace)


def test_a_penalty_learns_once_a_batch_however_often_losses_are_asked_for() -> None:
    once = Guesses().train(TOY_RECIPE, DATA.train, seed=0)
    twice = Guesses().train(TOY_RECIPE.with_stage(Twice()), DATA.train, seed=0)
    assert once.facts["learned"] == twice.facts["learned"] == once.facts["steps"]
    pairs = zip(once.model.state_dict().values(), twice.model.state_dict().values(), strict=True)
    assert all(torch.equal(*pair) for pair in pairs)


def test_two_penalties_of_one_class_keep_what_each_found() -> None:
    fitted = Guesses().train(TOY_RECIPE.with_stage(Guesses()), DATA.train, seed=0)
    assert fitted.facts["learned"] == fitted.facts["learned 2"] == fitted.facts["steps"]
    assert set(fitted.artifacts) == {"Guesses", "Guesses 2"}
    first, second = (fitted.artifacts[name]["weight"] for name in ("Guesses", "Guesses 2"))
    assert not torch.equal(first, second)


def test_a_penalty_needs_one_of_two_methods() -> None:
    with pytest.raises(TypeError, match="abstract"):
        Penalize()  # type: ignore[abstract,unused-ignore]


@dataclass(frozen=True)
class Smooth(Prepare):
    data_use = DataUse.RECORD
    sets_targets = True

    def prepare(self, data: Data, rng: Generator) -> Prepared:
        del rng
        return Prepared(replace(data, targets=0.8 * one_hot(data.y, CLASSES) + 0.1))


@dataclass(frozen=True)
class Weigh(Prepare):
    data_use = DataUse.RECORD
    weighs = True

    def prepare(self, data: Data, rng: Generator) -> Prepared:
        del rng
        return Prepared(replace(data, weight=1.0 + data.y))


@dataclass(frozen=True)
class Hinge(Objective):
    """Learns classes alone."""

    def losses(self, logits: Tensor, batch: Data) -> Tensor:
        return nn.functional.multi_margin_loss(logits, batch.y, reduction="none")


def test_targets_that_an_objective_does_not_learn_are_refused() -> None:
    recipe = replace(TOY_RECIPE, objective=Hinge())
    sentence = "gives records 'targets', probabilities to be learned, and the objective Hinge learns classes alone"
    with pytest.raises(Conflict, match=f"Smooth {sentence}"):
        recipe.with_stage(Smooth())
    soft = Smooth().prepare(DATA.train, torch.Generator()).data
    with pytest.raises(InvalidParameter, match=f"The data set {sentence}"):
        Placebo().train(recipe, soft, seed=0)
    assert recipe.fit(DATA.train, seed=0).facts["records"] == len(DATA.train)


def test_a_training_function_is_asked_however_it_comes_by_its_stages(user_module: Callable[[str, str], None]) -> None:
    user_module("plain_loop", "def train(model, data, seed):\n    pass\n")
    model = LinearNet((4,), norm="none")
    with pytest.raises(Conflict, match="Weigh gives records weights"):
        TrainingFunction("plain_loop:train", model, stages=(Weigh(),))
    with pytest.raises(Conflict, match=r"Smooth gives records 'targets', .* a training function learns classes alone"):
        TrainingFunction("plain_loop:train", model, weighted=True, stages=(Smooth(),))


def test_the_plan_says_what_a_training_function_would_ignore(user_module: Callable[[str, str], None]) -> None:
    user_module("other_loop", "def train(model, data, seed):\n    pass\n")
    own = TrainingFunction("other_loop:train", LinearNet((4,), norm="none"))
    weighed = replace(DATA, train=replace(DATA.train, weight=torch.ones(len(DATA.train))))
    with pytest.raises(ProblemsError, match="The data set gives records weights"):
        plan(Experiment("weights", None, own, (), seeds=1), weighed)


@pytest.mark.parametrize(
    "defense",
    [SpectralSignatures(20.0), DPSGD(epsilon=None, noise_multiplier=1.0, delta=1e-4), Placebo(), Guesses()],
    ids=str,
)
def test_targets_go_through_every_defense(defense: Placebo) -> None:
    soft = replace(DATA.train, targets=torch.full((len(DATA.train), CLASSES), 0.5))
    hard = defense.train(TOY_RECIPE, DATA.train, seed=0).model
    even = defense.train(TOY_RECIPE, soft, seed=0).model
    sure = [predict(model, DATA.test).softmax(1).amax(1).mean() for model in (hard, even)]
    assert sure[1] < sure[0] - 0.03


def test_shares_of_classes_are_those_of_the_targets() -> None:
    targets = torch.tensor([0.25, 0.75]).expand(len(DATA.train), CLASSES)
    fitted = LogitAdjustment().fitted_to(replace(DATA.train, targets=targets))
    assert isinstance(fitted, LogitAdjustment)
    assert fitted.class_shares == pytest.approx((0.25, 0.75), abs=1e-3)


@pytest.mark.usefixtures("double")
def test_targets_are_taken_in_the_precision_of_the_model() -> None:
    soft = replace(DATA.train, x=DATA.train.x.double(), targets=one_hot(DATA.train.y, CLASSES).float())
    assert TOY_RECIPE.fit(soft, seed=0).facts["records"] == len(soft)


def test_who_distils_a_model_learns_its_answers_and_no_older_targets() -> None:
    opposite = replace(DATA.train, targets=one_hot(1 - DATA.train.y, CLASSES).float())
    parent = Target(replace(TOY_RECIPE, epochs=20).fit(DATA.train, seed=0).model, Access.LABELS)
    recipe = replace(TOY_RECIPE, epochs=20)
    with_old, without = (Extraction("labels").derive(parent, recipe, data, seed=1) for data in (opposite, DATA.train))
    assert torch.equal(predict(with_old.model, DATA.test), predict(without.model, DATA.test))


def test_poison_teaches_its_class_where_records_have_targets() -> None:
    soft = replace(DATA.train, targets=torch.full((len(DATA.train), CLASSES), 0.5))
    tampered = BadNets(fraction=0.2, label=1).tamper(soft, seed=0)
    relabelled = tampered.y != soft.y
    assert relabelled.any()
    assert tampered.targets is not None
    assert (tampered.targets[relabelled, 1] == 1).all()
    assert (tampered.targets[~relabelled] == 0.5).all()


@dataclass(frozen=True)
class Calibrate(Finish):
    data_use = DataUse.DATASET
    needs_validation = True

    def finish(self, model: nn.Module, data: Data, held: Held, rng: Generator) -> Mapping[str, Tensor]:
        del model, data, rng
        return {"clean": held.require_validation(self).index}


def test_a_plan_with_a_finish_that_needs_clean_records_is_estimated_or_refused(tmp_path: Path) -> None:
    experiment = Experiment("finish", None, TOY_RECIPE, (Row("calibrated", (Calibrate(),)),), seeds=1)
    assert estimate(plan(experiment, DATA), Store(tmp_path)).lines
    with pytest.raises(ProblemsError, match="Calibrate compares with clean records"):
        plan(replace(experiment, split=Split(validation=0.0)), DATA)


@pytest.mark.parametrize(
    ("stage", "said", "sentence"),
    [
        (Guesses, {"data_use": DataUse.RECORD}, "so its data_use must be DATASET"),
        (Weigh, {"weighs": False}, "must say truly in 'weighs' what it gives records"),
        (Smooth, {"sets_targets": False}, "must say truly in 'sets_targets' what it gives records"),
        (Calibrate, {"needs_validation": False}, "must set needs_validation, since it asks for clean records"),
    ],
    ids=lambda case: case.__name__ if isinstance(case, type) else "",
)
def test_the_kit_sees_through_what_a_stage_says(
    stage: type, said: dict[str, object], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    check_defense(stage())
    for name, value in said.items():
        monkeypatch.setattr(stage, name, value)
    with pytest.raises(AssertionError, match=sentence):
        check_defense(stage())
