"""The paper's helpers: models by name, a copy trained, its accuracy; and the module at hand as a recipe's start."""

import copy
import pickle
from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from torch import nn

from amulet.core.dataset import AmuletDataset
from amulet.core.errors import AmuletError, InvalidParameter
from amulet.core.split import MemberDraw, Split
from amulet.evasion.defenses import AdversarialTraining
from amulet.experiments import Experiment, Row, assess
from amulet.experiments.graph.tasks import Backend, Source, Train
from amulet.models import VGG, Architecture, Capacity, GivenModel, LinearNet, NormKind, ResNet, model_spec
from amulet.training import DPSGD, Recipe
from amulet.training.loop import accuracy
from amulet.utils import get_accuracy, initialize_model, train_classifier


def same(first: nn.Module, second: nn.Module) -> bool:
    one, other = first.state_dict(), second.state_dict()
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


@pytest.mark.parametrize(
    ("arch", "specs"),
    [
        ("vgg", [VGG(11), VGG(13), VGG(16), VGG(19)]),
        ("resnet", [ResNet(18), ResNet(34), ResNet(50), ResNet(101)]),
        (
            "linearnet",
            [LinearNet((128, 256, 128)), LinearNet((256, 512, 256)), LinearNet((512, 1024, 512)),
             LinearNet((1024, 2048, 1024))],
        ),
    ],
)  # fmt: skip
def test_the_paper_s_capacities(arch: Architecture, specs: list[VGG | ResNet | LinearNet]) -> None:
    assert [model_spec(arch, capacity) for capacity in get_args(Capacity)] == specs
    grouped = [model_spec(arch, capacity, norm="group") for capacity in get_args(Capacity)]
    assert grouped == [replace(spec, norm="group") for spec in specs]


@pytest.mark.parametrize("arch", get_args(Architecture))
@pytest.mark.parametrize("norm", get_args(NormKind))
def test_a_model_takes_the_shape_and_classes_of_its_data(
    arch: Architecture, norm: NormKind, images: AmuletDataset
) -> None:
    model = initialize_model(arch, "m1", images, norm=norm)
    assert model(images.train.as_inputs().x[:2]).shape == (2, 3)


def test_data_set_records_and_schema_are_alike(dataset: AmuletDataset) -> None:
    models = [initialize_model("linearnet", "m1", data) for data in (dataset, dataset.test, dataset.schema)]
    assert all(same(models[0], model) for model in models)


def test_one_seed_is_one_model_and_the_one_that_a_recipe_starts_from(dataset: AmuletDataset) -> None:
    torch.manual_seed(3)
    state = torch.get_rng_state()
    model, again, other = (initialize_model("linearnet", "m1", dataset, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(torch.get_rng_state(), state)
    assert same(model, again)
    assert not same(model, other)
    fresh = Recipe(model_spec("linearnet", "m1"), epochs=1)
    given = replace(fresh, model=GivenModel.of(model))
    assert same(fresh.fit(dataset.train, seed=1).model, given.fit(dataset.train, seed=1).model)


def test_unknown_names_are_told_together(dataset: AmuletDataset) -> None:
    with pytest.raises(InvalidParameter) as error:
        initialize_model("vgg11", "large", dataset)  # type: ignore[arg-type]
    assert [problem.sentence for problem in error.value.problems] == [
        "The 'arch' of initialize_model must be one of vgg, resnet, linearnet. Got 'vgg11'.",
        "The 'capacity' of initialize_model must be one of m1, m2, m3, m4. Got 'large'.",
    ]


def test_an_unknown_norm_is_told(dataset: AmuletDataset) -> None:
    with pytest.raises(InvalidParameter, match="The 'norm' of LinearNet must be 'batch', 'group' or 'none'"):
        initialize_model("linearnet", "m1", dataset, norm="layer")  # type: ignore[arg-type]


def test_a_copy_is_trained_and_the_model_stays_as_it_was(dataset: AmuletDataset) -> None:
    model = initialize_model("linearnet", "m1", dataset)
    before = copy.deepcopy(model)
    trained, again = (train_classifier(model, dataset.train, epochs=10, batch_size=32, seed=1) for _ in range(2))
    assert same(model, before)
    assert model.training
    assert not trained.training
    assert same(trained, again)
    assert get_accuracy(trained, dataset.train) > get_accuracy(model, dataset.train) + 0.2
    assert get_accuracy(trained, dataset.test) == accuracy(trained, dataset.test) > 0.75


def test_a_model_trained_with_what_is_not_allowed_is_told(dataset: AmuletDataset, images: AmuletDataset) -> None:
    model = initialize_model("linearnet", "m1", dataset)
    with pytest.raises(InvalidParameter, match=r"The 'epochs' of Recipe must be at least 1\. Got 0\."):
        train_classifier(model, dataset.train, epochs=0)
    with pytest.raises(InvalidParameter, match=r"GivenModel cannot take records of shape \(3, 6, 6\)"):
        train_classifier(model, images.train)


def test_a_module_s_identity_is_all_that_it_holds(dataset: AmuletDataset) -> None:
    model = initialize_model("linearnet", "m1", dataset)
    digest = GivenModel.of(model).digest
    assert GivenModel.of(copy.deepcopy(model).eval()) == GivenModel.of(model)
    assert GivenModel.of(copy.deepcopy(model).eval()).digest == digest

    changed = [copy.deepcopy(model) for _ in range(4)]
    with torch.no_grad():
        changed[0].get_parameter("1.weight")[0, 0] += 1
        changed[1].get_buffer("2.running_mean")[0] += 1
    changed[2].get_parameter("1.weight").requires_grad_(False)
    changed[3].get_submodule("2").eps = 0.1  # type: ignore[assignment]
    assert len({digest, *(GivenModel.of(module).digest for module in changed)}) == 5


def test_attributes_beside_weights_are_part_of_it_to_the_last_bit() -> None:
    def holding(value: object) -> nn.Module:
        module = nn.Linear(2, 2)
        nn.init.zeros_(module.weight)
        nn.init.zeros_(module.bias)
        module.held = value  # type: ignore[assignment]
        return module

    values = (
        None, 1.0, 1.0 + 1e-12, "1.0", torch.ones(1), torch.ones(1) + 1e-6, np.ones(1), np.ones(1) + 1e-12, [1, 2],
        [[1], 2], {"a": 1}, torch.relu, nn.functional.relu, torch.float32,
    )  # fmt: skip
    digests = [GivenModel.of(holding(value)).digest for value in values]
    assert len(set(digests)) == len(values)
    assert digests == [GivenModel.of(holding(value)).digest for value in values]


def test_what_is_shared_is_told_from_what_is_alike() -> None:
    def layer() -> nn.Linear:
        made = nn.Linear(2, 2)
        nn.init.eye_(made.weight)
        nn.init.zeros_(made.bias)
        return made

    one = layer()
    modules = (nn.Sequential(one), nn.Sequential(one, one), nn.Sequential(layer(), layer()))
    assert len({GivenModel.of(module).digest for module in modules}) == 3


def test_functions_that_capture_values_cannot_be_told_apart_and_are_refused() -> None:
    def scaled(by: float) -> nn.Module:
        module = nn.Linear(2, 2)
        module.register_forward_hook(lambda _, __, output: output * by)
        return module

    with pytest.raises(AmuletError, match="cannot be told from others like it"):
        _ = GivenModel.of(scaled(-1.0)).digest


def test_a_module_that_cannot_be_read_is_trained_but_has_no_digest(dataset: AmuletDataset) -> None:
    module = nn.Linear(5, 2)
    module.held = object()  # type: ignore[assignment]
    train_classifier(module, dataset.train, epochs=1)
    with pytest.raises(AmuletError, match="A module that holds object values beside its weights cannot be told"):
        _ = GivenModel.of(module).digest


def test_a_given_model_is_a_copy_and_goes_through_the_task_graph(dataset: AmuletDataset) -> None:
    module = nn.Sequential(nn.Linear(5, 2))
    given = GivenModel.of(module)
    digest = given.digest
    nn.init.zeros_(module[0].weight)  # type: ignore[arg-type]
    assert given.digest == digest
    assert not same(given.build(dataset.schema), module)
    task = Train(Recipe(given), Source("x", "0" * 64), MemberDraw(Split()), 0, Backend("cpu"))
    assert task.digest
    assert str(given) == f"GivenModel(content=Sequential {given.content.digest[:12]})"
    assert given.plain() == {"amulet.models.given.GivenModel": {"content": {"digest": given.content.digest}}}


def test_a_given_model_can_be_assessed(dataset: AmuletDataset, tmp_path: Path) -> None:
    recipe = Recipe(GivenModel.of(LinearNet((4,), norm="group").build(dataset.schema)), epochs=1, batch_size=32)
    rows = (Row("robust", (AdversarialTraining(steps=1),)),)
    experiment = Experiment("given", None, recipe, rows, seeds=1)
    first, again = (assess(experiment, dataset=dataset, store=tmp_path, workers=1) for _ in range(2))
    assert len(first.frame) > 0
    assert first.frame.equals(again.frame)
    copied = pickle.loads(pickle.dumps(recipe))  # noqa: S301 - our own bytes
    assert (copied, copied.digest) == (recipe, recipe.digest)


def test_a_given_model_can_be_defended(dataset: AmuletDataset) -> None:
    recipe = Recipe(GivenModel.of(LinearNet((8,), norm="group").build(dataset.schema)), epochs=1, batch_size=32)
    private = DPSGD(epsilon=None, noise_multiplier=1.0, delta=1e-3)
    for defense in (AdversarialTraining(epsilon=0.1), private):
        assert not same(defense.train(recipe, dataset.train, seed=0).model, recipe.build(dataset.schema))
