"""Models: what they are built of for a data set's shape, and models of the user's own."""

from collections.abc import Callable
from itertools import pairwise
from math import prod
from typing import get_args

import pytest
import torch
from torch import nn

from amulet.core.data import Modality, Schema
from amulet.core.errors import InvalidParameter
from amulet.core.model import device_of, evaluating, penultimate_features, predict, probabilities_of
from amulet.models import ImportedModel, LinearNet, NormKind, SimpleCNN

UserModule = Callable[[str, str], None]
NORMS = {"batch": nn.modules.batchnorm._BatchNorm, "group": nn.GroupNorm}


def schema_of(*shape: int, classes: int = 3) -> Schema:
    modality = Modality.TABULAR if len(shape) == 1 else Modality.IMAGE
    return Schema(modality, shape, tuple(str(code) for code in range(classes)))


def parameters_of(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


@pytest.mark.parametrize("shape", [(5,), (1, 8, 8), (3, 6, 7)])
@pytest.mark.parametrize("norm", get_args(NormKind))
@pytest.mark.parametrize("hidden", [(), (4,), (8, 5)])
def test_a_linear_net_takes_records_of_any_shape(
    shape: tuple[int, ...], norm: NormKind, hidden: tuple[int, ...]
) -> None:
    model = LinearNet(hidden=hidden, norm=norm).build(schema_of(*shape))
    assert model(torch.rand(4, *shape)).shape == (4, 3)


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("size", [(1, 1), (4, 4), (8, 8), (28, 28), (32, 48)])
@pytest.mark.parametrize("norm", get_args(NormKind))
def test_a_simple_cnn_takes_images_of_any_size_and_number_of_channels(
    channels: int, size: tuple[int, int], norm: NormKind
) -> None:
    model = SimpleCNN(channels=(4, 8), hidden=5, norm=norm).build(schema_of(channels, *size))
    assert model(torch.rand(2, channels, *size)).shape == (2, 3)


@pytest.mark.parametrize(
    ("hidden", "norm"),
    [((), "none"), ((7,), "none"), ((7, 4), "group"), ((7, 4), "batch")],
)
def test_a_linear_net_has_the_parameters_of_its_layers(hidden: tuple[int, ...], norm: NormKind) -> None:
    sizes = (5, *hidden, 3)
    linear = sum((before + 1) * after for before, after in pairwise(sizes))
    norms = 0 if norm == "none" else 2 * sum(hidden)
    assert parameters_of(LinearNet(hidden=hidden, norm=norm).build(schema_of(5))) == linear + norms


def test_a_simple_cnn_has_the_parameters_of_its_layers() -> None:
    model = SimpleCNN(channels=(4, 8), hidden=5, norm="none").build(schema_of(3, 16, 16))
    convolutions = (3 * 9 + 1) * 4 + (4 * 9 + 1) * 8
    head = (8 * 4 + 1) * 5 + (5 + 1) * 3
    assert parameters_of(model) == convolutions + head


def test_the_default_nets_are_the_paper_s_sizes() -> None:
    assert parameters_of(LinearNet(norm="none").build(schema_of(10, classes=2))) == (
        11 * 128 + 129 * 256 + 257 * 128 + 129 * 2
    )


@pytest.mark.parametrize("norm", ["batch", "group"])
@pytest.mark.parametrize("build", [LinearNet, SimpleCNN])
def test_the_norm_asked_for_is_the_only_one(norm: NormKind, build: type[LinearNet] | type[SimpleCNN]) -> None:
    model = build(norm=norm).build(schema_of(3, 8, 8))
    found = {kind for kind, layer in NORMS.items() for module in model.modules() if isinstance(module, layer)}
    assert found == {norm}


@pytest.mark.parametrize(("features", "groups"), [(64, 4), (16, 1), (8, 1), (7, 1), (24, 3)])
def test_group_norm_has_16_channels_a_group_where_they_divide(features: int, groups: int) -> None:
    model = LinearNet(hidden=(features,), norm="group").build(schema_of(5))
    assert [module.num_groups for module in model.modules() if isinstance(module, nn.GroupNorm)] == [groups]


def test_group_norm_does_not_mix_records() -> None:
    model = LinearNet(hidden=(8,), norm="group").build(schema_of(5))
    x = torch.rand(4, 5)
    assert torch.allclose(model(x)[:1], model(x[:1]), atol=1e-6)


@pytest.mark.parametrize("share", [0.0, 0.3])
def test_dropout_is_there_only_where_asked_for(share: float) -> None:
    for spec, shape in ((LinearNet(dropout=share), (5,)), (SimpleCNN(dropout=share), (1, 8, 8))):
        model = spec.build(schema_of(*shape))
        assert any(isinstance(module, nn.Dropout) for module in model.modules()) == (share > 0)


def test_a_simple_cnn_refuses_rows() -> None:
    with pytest.raises(ValueError, match=r"takes images \(channels, height, width\)\. Got records of shape \(5,\)"):
        SimpleCNN().build(schema_of(5))


@pytest.mark.parametrize(
    ("spec", "shape", "width"),
    [
        (LinearNet(hidden=(9, 7)), (5,), 7),
        (LinearNet(hidden=()), (5,), 5),
        (SimpleCNN(hidden=6), (1, 8, 8), 6),
    ],
)
def test_penultimate_features_are_what_the_head_is_given(
    spec: LinearNet | SimpleCNN, shape: tuple[int, ...], width: int
) -> None:
    model, x = spec.build(schema_of(*shape)), torch.rand(4, *shape)
    features = penultimate_features(model, x)
    assert features.shape == (4, width)
    head = [module for module in model.modules() if isinstance(module, nn.Linear)][-1]
    with evaluating(model), torch.no_grad():
        assert torch.allclose(head(features), model(x))


class Named(nn.Module):
    """A body and a head, in the order in which they are named; the head is called so many times."""

    def __init__(self, order: str, calls: int = 1) -> None:
        super().__init__()
        layers = {"body": nn.Linear(4, 5), "head": nn.Linear(5, 3), "unused": nn.Linear(4, 2)}
        for name in order.split():
            self.add_module(name, layers[name])
        self.calls = calls

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.get_submodule("body")(x).relu()
        return torch.stack([self.get_submodule("head")(features) for _ in range(self.calls)]).sum(0)


@pytest.mark.parametrize("order", ["body head", "head body", "body head unused"])
def test_the_head_is_the_linear_layer_called_last_wherever_it_is_named(order: str) -> None:
    model, x = Named(order), torch.rand(7, 4)
    with torch.no_grad():
        expected = model.get_submodule("body")(x).relu()
    assert torch.equal(penultimate_features(model, x), expected)


def test_a_head_that_is_called_twice_has_no_features_of_one_record() -> None:
    with pytest.raises(ValueError, match="Named does not give its last linear layer one row for each record"):
        penultimate_features(Named("body head", calls=2), torch.rand(7, 4))


def test_penultimate_features_need_a_linear_layer() -> None:
    with pytest.raises(ValueError, match="Flatten has no linear layer"):
        penultimate_features(nn.Flatten(), torch.rand(2, 3))


def test_predictions_come_in_batches_as_they_come_at_once() -> None:
    model = nn.Linear(3, 2)
    x = torch.rand(5000, 3)
    assert torch.allclose(predict(model, x), model(x), atol=1e-6)
    assert not predict(model, x).requires_grad


def test_probabilities_sum_to_one_and_leave_the_model_in_its_mode() -> None:
    model = LinearNet(hidden=(4,)).build(schema_of(5)).train()
    probabilities = probabilities_of(model, torch.rand(6, 5))
    assert probabilities.dtype == torch.float64
    assert torch.allclose(probabilities.sum(1), torch.ones(6, dtype=torch.float64))
    assert model.training


def test_evaluating_puts_every_module_back_even_after_an_error() -> None:
    model = nn.Sequential(nn.Dropout(), nn.Dropout()).train()
    model[1].eval()
    seen: list[bool] = []

    def fail() -> None:
        with evaluating(model):
            seen.extend(module.training for module in model.modules())
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert seen == [False, False, False]
    assert [module.training for module in model.modules()] == [True, True, False]


def test_a_model_without_parameters_lies_on_the_cpu() -> None:
    assert device_of(nn.Flatten()) == torch.device("cpu")


MODULE = """
from torch import nn

class Net(nn.Module):
    def __init__(self, features, classes=2):
        super().__init__()
        self.head = nn.Linear(features, classes)

    def forward(self, x):
        return self.head(x)

def number():
    return 1
"""


@pytest.fixture
def module(user_module: UserModule) -> str:
    user_module("own_models", MODULE)
    return "own_models"


def test_a_model_of_ones_own_is_named_by_its_import_path(module: str) -> None:
    model = ImportedModel(f"{module}:Net", (("features", 5),)).build(schema_of(5, classes=2))
    assert model(torch.rand(4, 5)).shape == (4, 2)


def test_arguments_enter_the_digest(module: str) -> None:
    one, two = (ImportedModel(f"{module}:Net", (("features", size),)) for size in (5, 6))
    assert one.digest != two.digest


def test_arguments_may_be_given_as_a_mapping(module: str) -> None:
    spec = ImportedModel(f"{module}:Net", {"features": 5})  # type: ignore[arg-type]
    assert spec == ImportedModel(f"{module}:Net", (("features", 5),))


def test_something_that_is_no_module_is_refused(module: str) -> None:
    with pytest.raises(TypeError, match=r"'own_models:number' must give a torch\.nn\.Module\. Got int\."):
        ImportedModel(f"{module}:number").build(schema_of(5))


@pytest.mark.parametrize("path", ["own_nowhere:Net", "torch.nn:Nothing", "torch.nn", "torch:pi"])
def test_a_path_that_leads_nowhere_is_refused(path: str) -> None:
    with pytest.raises(InvalidParameter, match="The 'path' of ImportedModel must be "):
        ImportedModel(path)


def test_an_edit_of_the_model_s_file_is_another_digest(module: str, user_module: UserModule) -> None:
    before = ImportedModel(f"{module}:Net", (("features", 5),)).digest
    user_module(module, MODULE.replace("classes=2", "classes=3"))
    assert ImportedModel(f"{module}:Net", (("features", 5),)).digest != before


def test_a_model_of_an_installed_package_has_a_digest_too() -> None:
    spec = ImportedModel("torch.nn:Linear", (("in_features", 5), ("out_features", 2)))
    assert len(spec.digest) == 64
    assert parameters_of(spec.build(schema_of(5))) == prod((5, 2)) + 2


@pytest.mark.parametrize("model", [nn.Linear(5, 1), nn.Sequential(nn.Linear(5, 4), nn.Unflatten(1, (2, 2)))])
def test_outputs_that_are_no_logits_of_classes_are_refused(model: nn.Module) -> None:
    with pytest.raises(InvalidParameter, match=r"must be a map to logits of shape \(n, classes\)"):
        predict(model, torch.rand(3, 5))
