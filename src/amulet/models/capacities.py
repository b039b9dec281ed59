"""The paper's models by name and capacity. Amulet paper, https://arxiv.org/abs/2509.12386, section 5."""

from dataclasses import replace
from typing import Final, Literal, get_args

from torch import nn

from amulet.core.data import Data, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidData, InvalidParameter, Problem
from amulet.core.model import ModelSpec
from amulet.core.seeds import derive, isolated
from amulet.models.linear_net import LinearNet
from amulet.models.norms import NormKind
from amulet.models.resnet import ResNet
from amulet.models.vgg import VGG

Architecture = Literal["vgg", "resnet", "linearnet"]
Capacity = Literal["m1", "m2", "m3", "m4"]

_MODELS: Final[dict[str, dict[str, VGG | ResNet | LinearNet]]] = {
    "vgg": {"m1": VGG(11), "m2": VGG(13), "m3": VGG(16), "m4": VGG(19)},
    "resnet": {"m1": ResNet(18), "m2": ResNet(34), "m3": ResNet(50), "m4": ResNet(101)},
    "linearnet": {
        "m1": LinearNet((128, 256, 128)),
        "m2": LinearNet((256, 512, 256)),
        "m3": LinearNet((512, 1024, 512)),
        "m4": LinearNet((1024, 2048, 1024)),
    },
}
"""The depths of VGG and ResNet are those of the paper. It gives no widths of LinearNet; here each doubles the last."""


def model_spec(arch: Architecture, capacity: Capacity, *, norm: NormKind = "batch") -> ModelSpec:
    """The spec of one of the paper's models, as a recipe takes it.

    Raises:
        InvalidParameter: there is no such architecture or capacity.
    """
    asked = {"arch": (arch, get_args(Architecture)), "capacity": (capacity, get_args(Capacity))}
    problems = [
        Problem.of(name, "initialize_model", f"one of {', '.join(allowed)}", given)
        for name, (given, allowed) in asked.items()
        if given not in allowed
    ]
    if problems:
        raise InvalidParameter(problems)
    return replace(_MODELS[arch][capacity], norm=norm)


def initialize_model(
    arch: Architecture,
    capacity: Capacity,
    data: AmuletDataset | Data | Schema,
    *,
    norm: NormKind = "batch",
    seed: int = 0,
) -> nn.Module:
    """A fresh model for the data's shape and classes: the one that a recipe starts from with the same seed.

    Args:
        arch: "vgg", "resnet" or "linearnet".
        capacity: "m1" (the smallest) to "m4": VGG11, 13, 16, 19; ResNet18, 34, 50, 101; LinearNet with hidden
            layers of 128-256-128 units, then twice, four times and eight times as many.
        data: what the model is for.
        norm: "batch", "group" or "none".
        seed: of the initial weights.

    Raises:
        InvalidParameter: there is no such architecture or capacity.
    """
    schema = data if isinstance(data, Schema) else getattr(data, "schema", None)
    if not isinstance(schema, Schema):
        allowed = "an AmuletDataset, Data or a Schema (amulet.datasets.from_arrays makes a data set)"
        raise InvalidData([Problem.of("data", "initialize_model", allowed, type(data).__name__)])
    spec = model_spec(arch, capacity, norm=norm)
    with isolated(derive(seed, "initialisation")):
        return spec.build(schema)
