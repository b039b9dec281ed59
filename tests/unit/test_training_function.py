"""A training function of the user's own as a recipe."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

import pytest
import torch
from torch import Generator

from amulet.core.data import Data
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import Conflict, InvalidParameter
from amulet.core.split import Split
from amulet.core.trainable import Stage
from amulet.evasion.attacks import PGD
from amulet.evasion.defenses import AdversarialTraining
from amulet.models import ImportedModel, LinearNet, SimpleCNN
from amulet.training import DPSGD, DataUse, Prepare, Prepared, TrainingFunction, fit_shadows

UserModule = Callable[[str, str], None]

MODULE = """
import torch
from torch import nn
from torch.nn.functional import cross_entropy

def net(features=5):
    return nn.Linear(features, 2)

def descend(model, data, seed, steps=20, lr=0.5):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    for _ in range(steps):
        places = torch.randint(len(data), (32,))
        optimizer.zero_grad()
        cross_entropy(model(data.x[places]), data.y[places]).backward()
        optimizer.step()
"""


@dataclass(frozen=True)
class KeepHalf(Prepare):
    """A third party's preparation of the data."""

    data_use = DataUse.RECORD

    def prepare(self, data: Data, rng: Generator) -> Prepared:
        del rng
        return Prepared(data[torch.arange(len(data) // 2)], {"kept": torch.tensor(len(data) // 2)})


@pytest.fixture
def own(user_module: UserModule) -> TrainingFunction:
    user_module("own_training", MODULE)
    return TrainingFunction("own_training:descend", ImportedModel("own_training:net"))


def test_it_trains_a_fresh_model_by_seed(own: TrainingFunction, dataset: AmuletDataset) -> None:
    first, again, other = (own.fit(dataset.train, seed=seed).model for seed in (1, 1, 2))
    weights = [torch.cat([p.flatten() for p in model.parameters()]) for model in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])
    assert not first.training


def test_it_leaves_the_random_numbers_outside_alone(own: TrainingFunction, dataset: AmuletDataset) -> None:
    before = torch.get_rng_state()
    own.fit(dataset.train, seed=0)
    assert torch.equal(torch.get_rng_state(), before)


def test_its_facts_are_those_of_the_run(own: TrainingFunction, dataset: AmuletDataset) -> None:
    facts = own.fit(dataset.train, seed=0, with_accuracy=True).facts
    assert facts["records"] == 200
    assert facts["train_accuracy"] > 0.6  # type: ignore[operator]


def test_arguments_are_handed_on_and_enter_the_digest(own: TrainingFunction, dataset: AmuletDataset) -> None:
    untrained = TrainingFunction(own.function, own.model, (("steps", 0),))
    assert untrained.digest != own.digest
    trained, fresh = (recipe.fit(dataset.train, seed=0, with_accuracy=True).facts for recipe in (own, untrained))
    assert trained["train_accuracy"] != fresh["train_accuracy"]


def test_an_edit_of_its_source_is_another_digest(own: TrainingFunction, user_module: UserModule) -> None:
    model = LinearNet(norm="none")
    before = TrainingFunction(own.function, model).digest
    user_module("own_training", MODULE.replace("steps=20", "steps=40"))
    assert TrainingFunction(own.function, model).digest != before


def test_defenses_that_change_the_data_apply(own: TrainingFunction, dataset: AmuletDataset) -> None:
    fitted = KeepHalf().train(own, dataset.train, seed=0)
    assert fitted.facts["records"] == 100
    assert fitted.artifacts["KeepHalf"]["kept"] == 100


@pytest.mark.parametrize(("defense", "slot"), [(AdversarialTraining(), "perturb"), (DPSGD(), "update")])
def test_defenses_that_need_a_slot_of_the_loop_say_so(own: TrainingFunction, defense: Stage, slot: str) -> None:
    with pytest.raises(Conflict) as caught:
        defense.apply(own)
    (problem,) = caught.value.problems
    assert problem.sentence == (
        f"{type(defense).__name__} acts in the slot '{slot}' of Amulet's training loop, which the training "
        "function 'own_training:descend' does not go through. Write the training as a Recipe to apply it."
    )


def test_its_models_are_attacked_like_any_other(own: TrainingFunction, dataset: AmuletDataset) -> None:
    model = own.fit(dataset.train, seed=0).model
    assert len(PGD(epsilon=0.1).attack(model, dataset.test)) == 100


def test_its_shadows_are_trained_by_it(own: TrainingFunction, dataset: AmuletDataset) -> None:
    shadows = fit_shadows(own, dataset, Split(), 4)
    assert len(shadows) == 4
    assert all(isinstance(shadow.model, torch.nn.Linear) for shadow in shadows)


def test_a_function_that_is_not_there_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="The 'function' of TrainingFunction must be an import path"):
        TrainingFunction("own_nowhere:train", LinearNet())


def test_images_of_bytes_arrive_as_the_model_takes_them(user_module: UserModule, images: AmuletDataset) -> None:
    user_module("own_sight", "seen = []\ndef look(model, data, seed):\n    seen.append(data.x)\n")
    TrainingFunction("own_sight:look", SimpleCNN()).fit(images.train, seed=0)
    (seen,) = import_module("own_sight").seen
    assert images.train.x.dtype == torch.uint8
    assert torch.equal(seen, images.train.x.float() / 255)
