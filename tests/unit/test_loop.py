"""The one training loop: repeatable, alone in its random numbers, and in the order that it states."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator, Tensor, nn

from amulet.core.data import Data
from amulet.core.dataset import AmuletDataset
from amulet.core.held import Held
from amulet.core.model import predict
from amulet.evasion.defenses import AdversarialTraining
from amulet.functional.perturbations.pgd import Classifier
from amulet.models import LinearNet, SimpleCNN
from amulet.training import (
    SGD,
    Constant,
    Cosine,
    DataUse,
    Finish,
    LogitAdjustment,
    Objective,
    OneCycle,
    Penalize,
    Perturb,
    Prepare,
    Prepared,
    Recipe,
    Schedule,
    Update,
)
from amulet.training.updates import Pace, PlainRule, RecordLosses, Rule

CALLS: list[str] = []
"""What the toy stages below were asked for, in order; `calls` empties it."""


@pytest.fixture
def calls() -> list[str]:
    CALLS.clear()
    return CALLS


@dataclass(frozen=True)
class Prepares(Prepare):
    data_use = DataUse.NONE

    def prepare(self, data: Data, rng: Generator) -> Prepared:
        CALLS.append("prepare")
        return Prepared(data, {"key": torch.rand(2, generator=rng)})


@dataclass(frozen=True)
class Perturbs(Perturb):
    """Draws from its stream, notes the model's mode and changes nothing."""

    data_use = DataUse.NONE

    def perturb(self, model: nn.Module, batch: Data, rng: Generator) -> Data:
        torch.rand(7, generator=rng)
        CALLS.append("perturb in training" if any(m.training for m in model.modules()) else "perturb")
        return batch


@dataclass(frozen=True)
class Penalizes(Penalize):
    data_use = DataUse.NONE

    def penalize(self, model: Classifier, logits: Tensor, batch: Data) -> Tensor:
        del model, batch
        CALLS.append("penalize")
        return torch.zeros(len(logits))


class Counting(Rule):
    """A third party's rule: the plain one, counted."""

    def __init__(self, pace: Pace) -> None:
        self._plain = PlainRule(pace)

    @property
    def facts(self) -> Mapping[str, float | int]:
        return {"counted": CALLS.count("update")}

    @property
    def steps_per_epoch(self) -> int:
        return self._plain.steps_per_epoch

    def epoch(self, order: Generator) -> Iterator[Tensor]:
        CALLS.append("epoch")
        return self._plain.epoch(order)

    def backward(self, losses: RecordLosses, model: nn.Module, batch: Data) -> None:
        CALLS.append("update")
        self._plain.backward(losses, model, batch)


@dataclass(frozen=True)
class Updates(Update):
    data_use = DataUse.NONE

    def begin(self, pace: Pace, seed: int, device: str) -> Rule:
        del seed, device
        return Counting(pace)


class Doubled(nn.Module):
    """A model with its logits doubled."""

    def __init__(self, inner: nn.Module) -> None:
        super().__init__()
        self.inner = inner

    def forward(self, x: Tensor) -> Tensor:
        logits: Tensor = self.inner(x)
        return 2 * logits


@dataclass(frozen=True)
class Finishes(Finish):
    data_use = DataUse.NONE

    def wrap(self, model: nn.Module) -> nn.Module:
        return Doubled(model)

    def finish(self, model: nn.Module, data: Data, held: Held, rng: Generator) -> Mapping[str, Tensor]:
        del data, held, rng
        CALLS.append(f"finish {type(model).__name__}")
        return {"threshold": torch.ones(1)}


@dataclass(frozen=True)
class FirstLogit(Objective):
    """A third party's objective, of slope one."""

    def losses(self, logits: Tensor, batch: Data) -> Tensor:
        del batch
        return logits[:, 0]


def same(first: nn.Module, second: nn.Module) -> bool:
    one, two = first.state_dict(), second.state_dict()
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


def with_dropout(recipe: Recipe) -> Recipe:
    """A net in which every kind of randomness and of state is there."""
    return replace(recipe, model=LinearNet(hidden=(8,), norm="batch", dropout=0.2))


def test_the_same_seed_gives_the_same_weights(recipe: Recipe, dataset: AmuletDataset) -> None:
    recipe = with_dropout(recipe)
    first, again, other = (recipe.fit(dataset.train, seed=seed).model for seed in (1, 1, 2))
    assert same(first, again)
    assert not same(first, other)


def test_the_weights_do_not_depend_on_the_random_numbers_outside(recipe: Recipe, dataset: AmuletDataset) -> None:
    recipe = with_dropout(recipe)
    torch.manual_seed(1)
    first = recipe.fit(dataset.train, seed=0).model
    torch.manual_seed(2)
    assert same(first, recipe.fit(dataset.train, seed=0).model)


def test_training_leaves_the_random_numbers_outside_alone(recipe: Recipe, dataset: AmuletDataset) -> None:
    before = torch.get_rng_state(), random.getstate(), np.random.get_state(legacy=False)["state"]["key"]  # noqa: NPY002
    AdversarialTraining(steps=1).train(with_dropout(recipe), dataset.train, seed=0)
    assert torch.equal(torch.get_rng_state(), before[0])
    assert random.getstate() == before[1]
    assert np.array_equal(np.random.get_state(legacy=False)["state"]["key"], before[2])  # noqa: NPY002


def test_training_leaves_the_data_alone(recipe: Recipe, dataset: AmuletDataset) -> None:
    before = {name: tensor.clone() for name, tensor in dataset.train.tensors().items()}
    AdversarialTraining(steps=1).train(recipe, dataset.train, seed=0)
    assert all(torch.equal(before[name], tensor) for name, tensor in dataset.train.tensors().items())


def test_a_defense_leaves_the_undefended_model_as_it_was(recipe: Recipe, dataset: AmuletDataset) -> None:
    undefended = recipe.fit(dataset.train, seed=0).model
    before = {name: tensor.clone() for name, tensor in undefended.state_dict().items()}
    defended = AdversarialTraining(epsilon=0.2).train(recipe, dataset.train, seed=0).model
    assert not same(undefended, defended)
    assert all(torch.equal(before[name], tensor) for name, tensor in undefended.state_dict().items())


def test_the_stages_are_called_in_the_order_of_the_loop(
    recipe: Recipe, dataset: AmuletDataset, calls: list[str]
) -> None:
    recipe = replace(recipe, stages=(Finishes(), Updates(), Penalizes(), Perturbs(), Prepares()), batch_size=100)
    fitted = recipe.fit(dataset.train, seed=0)
    batch = ["perturb", "update", "penalize"]
    assert calls == ["prepare", *(["epoch"] + 2 * batch) * 2, "finish Doubled"]
    assert {name: set(kept) for name, kept in fitted.artifacts.items()} == {
        "Prepares": {"key"},
        "Finishes": {"threshold"},
    }
    assert fitted.facts["counted"] == 4


def test_a_finishing_stage_changes_the_structure_of_the_model(recipe: Recipe, dataset: AmuletDataset) -> None:
    recipe = Finishes().apply(recipe)
    fitted, built = recipe.fit(dataset.train, seed=0).model, recipe.build(dataset.schema)
    assert isinstance(fitted, Doubled)
    assert fitted.state_dict().keys() == built.state_dict().keys()


def test_adversarial_examples_are_sought_in_evaluation_mode(
    recipe: Recipe, dataset: AmuletDataset, calls: list[str]
) -> None:
    Perturbs().apply(with_dropout(recipe)).fit(dataset.train, seed=0)
    assert set(calls) == {"perturb"}


def test_the_search_for_adversarial_examples_does_not_count_as_training(recipe: Recipe, dataset: AmuletDataset) -> None:
    """BatchNorm's statistics are updated once a step, not once more for every call of the search."""
    fitted = AdversarialTraining(steps=5).train(with_dropout(recipe), dataset.train, seed=0)
    (norm,) = [module for module in fitted.model.modules() if isinstance(module, nn.BatchNorm1d)]
    assert norm.num_batches_tracked is not None
    assert norm.num_batches_tracked.item() == fitted.facts["steps"] == 14


@pytest.mark.parametrize(
    "stages", [(Perturbs(),), (Penalizes(),), (Prepares(),), (Perturbs(), Penalizes(), Prepares())]
)
def test_a_stage_that_does_nothing_leaves_the_weights_identical(
    recipe: Recipe, dataset: AmuletDataset, stages: tuple[Perturb | Penalize | Prepare, ...]
) -> None:
    """Each kind of randomness is a stream of its own, so that paired runs stay paired."""
    recipe = with_dropout(recipe)
    plain, staged = (r.fit(dataset.train, seed=3).model for r in (recipe, replace(recipe, stages=stages)))
    assert same(plain, staged)


def test_a_radius_of_zero_is_no_defense(recipe: Recipe, dataset: AmuletDataset) -> None:
    recipe = with_dropout(recipe)
    defended = AdversarialTraining(epsilon=0).train(recipe, dataset.train, seed=3)
    assert same(defended.model, recipe.fit(dataset.train, seed=3).model)


def test_the_initial_weights_follow_the_seed_alone(recipe: Recipe, dataset: AmuletDataset) -> None:
    """Whatever the defense, a pair starts from the same weights: one step of rate nearly zero shows them."""
    still = replace(recipe, optimizer=SGD(lr=1e-30), epochs=1)
    plain = still.fit(dataset.train, seed=5).model
    defended = AdversarialTraining(epsilon=0.3, steps=1).train(still, dataset.train, seed=5).model
    for one, two in zip(plain.parameters(), defended.parameters(), strict=True):
        assert torch.allclose(one, two, rtol=0, atol=1e-12)


@given(records=st.integers(2, 200), batch_size=st.integers(2, 64), epochs=st.integers(1, 2))
def test_every_epoch_holds_each_record_once_and_no_batch_a_single_one(
    records: int, batch_size: int, epochs: int
) -> None:
    rule, order = PlainRule(Pace(records, batch_size, epochs)), Generator().manual_seed(0)
    for _ in range(epochs):
        batches = list(rule.epoch(order))
        assert torch.cat(batches).sort().values.tolist() == list(range(records))
        assert all(2 <= len(batch) <= max(batch_size, 3) for batch in batches)


def test_the_epochs_are_shuffled_anew() -> None:
    rule, order = PlainRule(Pace(50, 50, 2)), Generator().manual_seed(0)
    (first,), (second,) = rule.epoch(order), rule.epoch(order)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("records", [33, 65, 129])
def test_a_record_left_over_does_not_crash_batch_norm(dataset: AmuletDataset, records: int) -> None:
    recipe = Recipe(LinearNet(hidden=(4,)), epochs=1, batch_size=32)
    assert recipe.fit(dataset.train[torch.arange(records)], seed=0).facts["records"] == records


def test_every_epoch_asked_for_is_run(recipe: Recipe, dataset: AmuletDataset) -> None:
    recipe = replace(recipe, epochs=7, batch_size=200)
    assert recipe.fit(dataset.train, seed=0).facts["steps"] == 7


def test_the_facts_are_those_of_the_run(recipe: Recipe, dataset: AmuletDataset) -> None:
    fitted = recipe.fit(dataset.train, seed=0, with_accuracy=True)
    predicted = predict(fitted.model, dataset.train.x).argmax(1)
    assert fitted.facts["train_accuracy"] == (predicted == dataset.train.y).double().mean().item()
    assert fitted.facts["records"] == 200
    assert fitted.facts["seconds"] > 0  # type: ignore[operator]


def test_accuracy_is_taken_where_it_is_asked_for_alone(recipe: Recipe, dataset: AmuletDataset) -> None:
    assert "train_accuracy" not in recipe.fit(dataset.train, seed=0).facts


def test_the_model_comes_in_evaluation_mode(recipe: Recipe, dataset: AmuletDataset) -> None:
    assert not any(module.training for module in recipe.fit(dataset.train, seed=0).model.modules())


def test_training_learns(dataset: AmuletDataset) -> None:
    recipe = Recipe(LinearNet(hidden=(16,), norm="group"), epochs=30, batch_size=32)
    fitted = recipe.fit(dataset.train, seed=0)
    right = (predict(fitted.model, dataset.test.x).argmax(1) == dataset.test.y).double().mean()
    assert right > 0.75


def test_images_of_bytes_are_trained_on_as_they_are(images: AmuletDataset) -> None:
    """Stored as bytes or as the floats they stand for, they give the same weights."""
    recipe = Recipe(SimpleCNN(channels=(4,), hidden=6), epochs=1, batch_size=20)
    stored, floating = (recipe.fit(data, seed=0).model for data in (images.train, images.train.as_inputs()))
    assert same(stored, floating)


def test_a_record_of_weight_zero_is_as_good_as_absent(dataset: AmuletDataset, double: None) -> None:
    del double
    data = replace(dataset.train, x=dataset.train.x.double())
    recipe = Recipe(LinearNet(hidden=(4,), norm="none"), epochs=3, batch_size=200, optimizer=SGD(lr=0.1))
    weight = torch.ones(200)
    weight[:100] = 0
    weighted = recipe.fit(replace(data, weight=weight), seed=0).model
    absent = replace(recipe, optimizer=SGD(lr=0.05)).fit(data[torch.arange(100, 200)], seed=0).model
    for one, two in zip(weighted.parameters(), absent.parameters(), strict=True):
        assert torch.allclose(one, two, atol=1e-12)


@pytest.mark.parametrize(("schedule", "full_steps"), [(Constant(), 8), (Cosine(), 4.5), (OneCycle(warmup=0.5), 4.1)])
def test_the_schedule_spans_the_whole_run(dataset: AmuletDataset, schedule: Schedule, full_steps: float) -> None:
    """With a slope of one everywhere, the sum of the rates is how far the weight went in 8 steps."""
    recipe = Recipe(
        LinearNet(hidden=()),
        epochs=4,
        batch_size=100,
        optimizer=SGD(lr=1.0, momentum=0),
        schedule=schedule,
        objective=FirstLogit(),
    )
    start = replace(recipe, optimizer=SGD(lr=1e-30)).fit(dataset.train, seed=0).model
    end = recipe.fit(dataset.train, seed=0).model
    moved = [(a - b)[0].item() for a, b in zip(start.parameters(), end.parameters(), strict=True) if a.dim() == 1]
    assert moved == pytest.approx([full_steps], rel=1e-5)


def test_classes_are_counted_in_the_prepared_data(dataset: AmuletDataset) -> None:
    objective = LogitAdjustment().fitted_to(dataset.train)
    assert isinstance(objective, LogitAdjustment)
    counted = dataset.train.y.bincount() / len(dataset.train)
    assert objective.class_shares == pytest.approx(counted.tolist())
