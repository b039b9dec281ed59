"""Models of the user's own, whatever they do inside, are the same from the store as from training."""

from copy import deepcopy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import cross_entropy

from amulet.core.data import Data
from amulet.core.dataset import AmuletDataset
from amulet.core.model import predict
from amulet.core.split import MemberDraw, Split
from amulet.evasion.attacks import PGD
from amulet.evasion.defenses import AdversarialTraining
from amulet.experiments import BASELINE, Experiment, Plan, Results, Store, assess, models_for, plan
from amulet.experiments.assess import carry_out
from amulet.experiments.graph.store import State
from amulet.experiments.graph.tasks import Backend, ModelTask, Source, Train
from amulet.membership_inference.attacks import LossThreshold
from amulet.models import ImportedModel, LinearNet
from amulet.testing import toy_dataset
from amulet.training import DPSGD, Adam, Defense, Placebo, Recipe, Trainable, TrainingFunction


class Fourier(nn.Module):
    """Random features that are no buffer, so that no state dict has them."""

    def __init__(self) -> None:
        super().__init__()
        self.frequencies = torch.randn(6, 32)
        self.head = nn.Linear(32, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(torch.cos(x @ self.frequencies))  # type: ignore[no-any-return]


class Tied(nn.Module):
    """Two layers with one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.head = nn.Linear(6, 6), nn.Linear(6, 6), nn.Linear(6, 2)
        self.second.weight = self.first.weight

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.second(self.first(x).relu()).relu())  # type: ignore[no-any-return]


class OutOfPlace(nn.Module):
    """Standardizes its inputs."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 2))

    def forward(self, x: Tensor) -> Tensor:
        return self.layers((x - 0.5) / 0.25)  # type: ignore[no-any-return]


class InPlace(OutOfPlace):
    """The same without a copy."""

    def forward(self, x: Tensor) -> Tensor:
        return self.layers(x.sub_(0.5).div_(0.25))  # type: ignore[no-any-return]


def own(model: str) -> Recipe:
    return Recipe(ImportedModel(f"{__name__}:{model}"), epochs=5, batch_size=16, optimizer=Adam(lr=0.02))


def trained(recipe: Trainable, experiment: Experiment, store: Store) -> tuple[Plan, ModelTask]:
    """Assess the undefended model of one seed; the plan, and the task that trained it."""
    planned = plan(replace(experiment, recipe=recipe, defenses=(), attacks=(LossThreshold(),), seeds=1))
    carry_out(planned, store, workers=1)
    return planned, planned.target(BASELINE, seed=0)


@pytest.mark.parametrize("model", ["Fourier", "Tied"])
def test_predictions_from_the_store_are_those_after_training(experiment: Experiment, store: Store, model: str) -> None:
    planned, task = trained(own(model), experiment, store)
    x = planned.dataset.test.x
    assert torch.equal(predict(store.load(task).model, x), predict(task.compute(store).model, x))


def test_a_script_with_one_thread_trains_the_same_weights(experiment: Experiment, store: Store) -> None:
    recipe = Recipe(LinearNet((16, 8), norm="group"), epochs=5, batch_size=16)
    planned, task = trained(recipe, experiment, store)
    data, split = planned.dataset, experiment.split
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    by_role = models_for(LossThreshold(), recipe, data, split)["target"][0].model
    by_hand = recipe.fit(data.train[split.divide(len(data.train)).members], seed=split.seed).model
    torch.set_num_threads(threads)
    for model in (by_role, by_hand):
        torch.testing.assert_close(model.state_dict(), store.load(task).model.state_dict(), rtol=0, atol=0)


def test_tied_weights_come_back_tied(experiment: Experiment, store: Store) -> None:
    _, task = trained(own("Tied"), experiment, store)
    model = store.load(task).model
    assert isinstance(model, Tied)
    assert model.second.weight is model.first.weight


def numbers(results: Results) -> dict[tuple[str, str, int], float | None]:
    return {(value.probe, value.metric, value.seed): value.value for value in results.values}


def test_a_model_that_works_in_place_leaves_the_records_and_gives_the_same_numbers(
    experiment: Experiment, tmp_path: Path
) -> None:
    """With one process all tasks share one data set in memory."""
    found = []
    for model in ("InPlace", "OutOfPlace"):
        planned = plan(replace(experiment, recipe=own(model), defenses=(), attacks=experiment.attacks[1:]))
        store = Store(tmp_path / model)
        found.append(numbers(carry_out(planned, store, workers=1)[1]))
        assert torch.equal(store.load(planned.source).test.x, planned.dataset.test.x)
        assert torch.equal(store.load(planned.source).train.x, planned.dataset.train.x)
    assert found[0] == found[1]


def test_it_is_attacked_by_gradients_as_well() -> None:
    found = []
    for model in ("InPlace", "OutOfPlace"):
        fitted = own(model).fit(toy_dataset().train, seed=0)
        found.append(PGD(epsilon=0.05, steps=3).attack(fitted.model, toy_dataset().test).adversarial)
    assert torch.equal(*found)


@pytest.mark.parametrize(
    "defense",
    [AdversarialTraining(epsilon=0.05, steps=2), DPSGD(epsilon=None, noise_multiplier=1.0, delta=1e-3)],
    ids=["adversarial training", "dp-sgd"],
)
def test_it_is_defended_as_well(defense: Defense) -> None:
    data = toy_dataset().train
    found, expected = (defense.train(own(model), data, seed=0).model for model in ("InPlace", "OutOfPlace"))
    torch.testing.assert_close(found.state_dict(), expected.state_dict())


def descend(model: nn.Module, data: Data, seed: int) -> nn.Module:
    """A user's training function: twenty full batches; what it trained."""
    del seed
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5)
    for _ in range(20):
        optimizer.zero_grad()
        cross_entropy(model(data.x), data.y).backward()
        optimizer.step()
    return model


def descend_elsewhere(model: nn.Module, data: Data, seed: int) -> nn.Module:
    return descend(deepcopy(model), data, seed)


def look(model: nn.Module, data: Data, seed: int) -> None:
    """Trains nothing."""
    del model, seed
    assert data.x.is_floating_point()
    assert 0.9 < data.x.max() <= 1


def test_a_training_function_that_returns_another_model_is_refused(dataset: AmuletDataset) -> None:
    recipe = TrainingFunction(f"{__name__}:descend_elsewhere", LinearNet())
    with pytest.raises(TypeError, match=r"must train the given model in place\. It returned something else"):
        recipe.fit(dataset.train, seed=0)


def test_one_that_returns_the_given_model_trains_it(experiment: Experiment, store: Store) -> None:
    _, task = trained(TrainingFunction(f"{__name__}:descend", LinearNet((8,), norm="none")), experiment, store)
    assert float(store.load(task).facts["train_accuracy"]) > 0.7


def test_it_is_given_images_as_models_take_them(images: AmuletDataset) -> None:
    """Bytes as numbers in 0..1, as in every later use of the model."""
    assert images.train.x.dtype == torch.uint8
    TrainingFunction(f"{__name__}:look", LinearNet((8,), norm="none")).fit(images.train, seed=0)


def test_a_deleted_result_is_computed_again(experiment: Experiment, store: Store) -> None:
    planned = plan(experiment)
    before = carry_out(planned, store, workers=1)[1].to_json()
    target = planned.target("dp-sgd", seed=1)
    store.result_place(target.digest).unlink()

    assert planned.missing(planned.states(store)) == (target,)
    assert assess(experiment, store=store.root, workers=1).to_json() == before
    assert store.state(target) is State.PRESENT


def test_only_what_is_damaged_is_set_aside(experiment: Experiment, store: Store) -> None:
    """Another process may have mended or moved it in between."""
    planned, task = trained(own("Tied"), experiment, store)
    assert store.set_aside(task) is None
    assert store.state(task) is State.PRESENT

    store.result_place(task.digest).write_bytes(b"{")
    assert store.set_aside(task) == store.root / "damaged" / store.result_place(task.digest).name
    assert store.set_aside(task) is None
    assert store.set_aside(planned.target(BASELINE, seed=0)) is None


@pytest.mark.parametrize("wrapped", [False, True], ids=["plain", "placebo"])
def test_what_a_model_draws_but_does_not_save_comes_back(tmp_path: Path, *, wrapped: bool) -> None:
    plain = Recipe(ImportedModel(f"{__name__}:Fourier"), epochs=1, batch_size=32)
    recipe: Trainable = Placebo().apply(plain) if wrapped else plain
    dataset, store = toy_dataset(), Store(tmp_path)
    source = Source(dataset.name, dataset.content)
    task = Train(recipe, source, MemberDraw(Split()), 0, Backend())
    store.save(source, dataset, 0.0)
    fitted = task.compute(store)
    store.save(task, fitted, 0.0)
    assert torch.equal(store.load(task).model(dataset.test.x), fitted.model(dataset.test.x))
