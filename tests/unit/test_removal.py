"""Removing training records: exactly the percent asked for, by scores of a reference model."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import pytest
import torch
from torch import Tensor, nn

from amulet.core.data import Data
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import Conflict, InvalidParameter, MissingInput
from amulet.core.seeds import generator
from amulet.models import ImportedModel, SimpleCNN
from amulet.poisoning.attacks import BadNets
from amulet.poisoning.defenses import OutlierRemoval, SpectralSignatures
from amulet.training import DPSGD, Fitted, Held, Placebo, Recipe, Removal, Scorer, Trainable, TrainingFunction


@dataclass(frozen=True)
class Losses(Scorer):
    """Minus the loss: what the reference model finds hardest goes first."""

    needs_validation = False

    def score(self, model: nn.Module, data: Data, validation: Data | None) -> Tensor:
        del validation
        with torch.no_grad():
            return -nn.functional.cross_entropy(model(data.x), data.y, reduction="none").double()


@dataclass(frozen=True)
class DropHardest(Removal):
    """A third party's removal."""

    @property
    def scorer(self) -> Losses:
        return Losses()


def weights(fitted: Fitted) -> Tensor:
    return torch.cat([tensor.flatten() for tensor in fitted.model.state_dict().values()])


@pytest.mark.parametrize(("percent", "count"), [(0.5, 1), (10, 20), (33.3, 67), (99, 198)])
def test_exactly_the_asked_percent_goes_even_if_all_scores_are_equal(
    dataset: AmuletDataset, percent: float, count: int
) -> None:
    prepared = DropHardest(percent).remove(dataset.train, torch.zeros(200), generator(0, "ties"))

    removed = prepared.artifacts["removed"]
    assert len(removed) == count
    assert len(prepared.data) == 200 - count
    assert sorted([*removed.tolist(), *prepared.data.index.tolist()]) == dataset.train.index.tolist()


def test_ties_are_broken_by_seed(dataset: AmuletDataset) -> None:
    def removed(seed: int) -> list[int]:
        prepared = DropHardest(10).remove(dataset.train, torch.zeros(200), generator(seed, "ties"))
        return prepared.artifacts["removed"].tolist()

    assert removed(0) == removed(0)
    assert removed(0) != removed(1)


def test_the_lowest_scores_go(dataset: AmuletDataset) -> None:
    scores = torch.arange(200.0).flip(0)
    prepared = DropHardest(5).remove(dataset.train, scores, generator(0, "ties"))
    assert prepared.artifacts["removed"].tolist() == dataset.train.index[190:].tolist()


@pytest.mark.parametrize("percent", [0.1, 99.9])
def test_some_go_and_some_stay(recipe: Recipe, dataset: AmuletDataset, percent: float) -> None:
    defended = DropHardest(percent).apply(recipe)
    with pytest.raises(InvalidParameter, match="must be such that some of 200 records go and some stay"):
        defended.fit(dataset.train, seed=0)


def test_it_retrains_from_fresh_weights_on_what_is_left(recipe: Recipe, dataset: AmuletDataset) -> None:
    defended = DropHardest(20).train(recipe, dataset.train, seed=3)

    kept = dataset.train[~torch.isin(dataset.train.index, defended.artifacts["DropHardest"]["removed"])]
    assert torch.equal(weights(defended), weights(recipe.fit(kept, seed=3)))


def test_the_reference_is_the_same_recipe_under_the_same_seed(recipe: Recipe, dataset: AmuletDataset) -> None:
    reference = recipe.fit(dataset.train, seed=3)
    held = Held(scores=(Losses()(reference.model, dataset.train, None),))

    by_itself, handed_over = (
        DropHardest(20).train(recipe, dataset.train, seed=3, held=each) for each in (Held(), held)
    )

    assert torch.equal(weights(by_itself), weights(handed_over))


def test_behind_another_preparation_scores_are_computed_anew(recipe: Recipe, dataset: AmuletDataset) -> None:
    """What was handed over is about other records."""
    twice = DropHardest(50).apply(DropHardest(20).apply(recipe))
    fitted = twice.fit(dataset.train, seed=0, held=Held(scores=(torch.arange(200.0),)))

    assert fitted.artifacts["DropHardest"]["removed"].tolist() == dataset.train.index[:40].tolist()
    assert len(fitted.artifacts["DropHardest 2"]["removed"]) == 80
    assert fitted.facts["records"] == 80


def test_a_placebo_beside_it_has_a_reference_of_its_own_seeds(recipe: Recipe, dataset: AmuletDataset) -> None:
    both = Placebo().apply(DropHardest(20).apply(recipe))
    held = Held(scores=(Losses()(both.with_preparations(0).fit(dataset.train, seed=3).model, dataset.train, None),))

    first, second = (both.fit(dataset.train, seed=3, held=each) for each in (Held(), held))

    assert torch.equal(weights(first), weights(second))
    assert not torch.equal(weights(first), weights(DropHardest(20).train(recipe, dataset.train, seed=3)))


def test_a_training_function_can_be_defended(user_module: Callable[[str, str], None], dataset: AmuletDataset) -> None:
    user_module("plain_training", TRAINING)
    own = TrainingFunction("plain_training:descend", ImportedModel("plain_training:net"))

    defended = DropHardest(20).train(own, dataset.train, seed=0)

    assert defended.facts["records"] == 160
    kept = dataset.train[~torch.isin(dataset.train.index, defended.artifacts["DropHardest"]["removed"])]
    assert torch.equal(weights(defended), weights(own.fit(kept, seed=0)))


TRAINING = """
import torch
from torch import nn

def net():
    return nn.Linear(5, 2)

def descend(model, data, seed):
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(20):
        optimizer.zero_grad()
        nn.functional.cross_entropy(model(data.x), data.y).backward()
        optimizer.step()
"""


@pytest.mark.parametrize("first", [0, 1], ids=["before", "behind"])
def test_it_voids_differential_privacy(recipe: Recipe, first: int) -> None:
    defenses = (DropHardest(), DPSGD(epsilon=None, noise_multiplier=1.0))
    defended: Trainable = defenses[first].apply(recipe)
    with pytest.raises(Conflict, match="DropHardest"):
        defenses[1 - first].apply(defended)


@pytest.mark.parametrize("held", [Held(), "none"])
def test_clean_records_that_are_missing_are_asked_for(recipe: Recipe, dataset: AmuletDataset, held: Held | str) -> None:
    given = Held(validation=dataset.train[torch.arange(0)]) if isinstance(held, str) else held
    with pytest.raises(MissingInput, match="Pass held=Held"):
        OutlierRemoval().train(recipe, dataset.train, seed=0, held=given)


@pytest.mark.parametrize("defense", [OutlierRemoval(20), SpectralSignatures(20)], ids=str)
def test_images_are_removed_as_bytes(images: AmuletDataset, defense: Removal) -> None:
    recipe = Recipe(SimpleCNN((4,), hidden=8), epochs=1, batch_size=32)
    records = BadNets().tamper(images.train)

    fitted = defense.train(recipe, records, seed=0, held=Held(validation=images.test))

    (kept,) = fitted.artifacts.values()
    assert len(kept["removed"]) == 12
    assert fitted.facts["records"] == 48


def test_all_percents_have_one_scorer() -> None:
    assert OutlierRemoval(10).scorer == OutlierRemoval(20).scorer != replace(OutlierRemoval(), neighbors=5).scorer
