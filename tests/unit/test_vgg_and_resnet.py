"""VGG and ResNet: any images, any norm, trainable plainly and privately, their features, the same per seed."""

from typing import get_args

import pytest
import torch
from torch import nn

from amulet.core.data import Modality, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.model import ModelSpec, evaluating, penultimate_features
from amulet.core.seeds import generator
from amulet.datasets import from_arrays
from amulet.functional.gradients import ghost
from amulet.models import VGG, NormKind, ResNet
from amulet.models.resnet import Residual
from amulet.training import DPSGD, Adam, OneCycle, Recipe
from amulet.training.clipped_sums import clipped_sum_by_layer, clipped_sum_by_record
from amulet.training.loop import accuracy, record_losses


def schema_of(*shape: int, classes: int = 3) -> Schema:
    return Schema(Modality.IMAGE, shape, tuple(str(code) for code in range(classes)))


def pooling(model: nn.Module) -> int:
    return sum(isinstance(layer, nn.MaxPool2d) for layer in model.modules())


@pytest.mark.parametrize("shape", [(1, 8, 8), (2, 28, 28), (3, 9, 31), (4, 64, 64)], ids=str)
@pytest.mark.parametrize("norm", get_args(NormKind))
@pytest.mark.parametrize("build", [VGG, ResNet])
def test_images_of_any_size_and_number_of_channels(
    build: type[VGG] | type[ResNet], norm: NormKind, shape: tuple[int, ...]
) -> None:
    model = build(norm=norm).build(schema_of(*shape))
    assert model(torch.rand(2, *shape)).shape == (2, 3)


@pytest.mark.parametrize("spec", [VGG(), ResNet()], ids=str)
def test_rows_are_refused(spec: ModelSpec) -> None:
    with pytest.raises(ValueError, match=r"takes images \(channels, height, width\)\. Got records of shape \(5,\)"):
        spec.build(Schema(Modality.TABULAR, (5,), ("no", "yes")))


@pytest.mark.parametrize(("size", "halved"), [(224, 5), (64, 5), (32, 5), (28, 4), (16, 4), (8, 3), (4, 2), (1, 0)])
def test_vgg_halves_images_while_there_is_something_to_halve(size: int, halved: int) -> None:
    assert pooling(VGG().build(schema_of(3, size, size))) == halved


@pytest.mark.parametrize(
    ("stem", "size", "kernel"),
    [("auto", 63, 3), ("auto", 64, 7), ("small", 64, 3), ("large", 32, 7)],
)
def test_a_resnet_has_the_stem_for_its_images(stem: str, size: int, kernel: int) -> None:
    model = ResNet(stem=stem).build(schema_of(3, size, 2 * size))  # type: ignore[arg-type]
    first = next(layer for layer in model.modules() if isinstance(layer, nn.Conv2d))
    assert first.kernel_size == (kernel, kernel)
    assert pooling(model) == (kernel == 7)


@pytest.mark.parametrize("norm", get_args(NormKind))
@pytest.mark.parametrize("layers", [18, 50])
def test_a_block_starts_as_its_shortcut(layers: int, norm: NormKind) -> None:
    model = ResNet(layers=layers, norm=norm).build(schema_of(3, 8, 8)).eval()  # type: ignore[arg-type]
    blocks = [module for module in model.modules() if isinstance(module, Residual)]
    x = torch.rand(2, 64, 8, 8)
    for block in blocks:
        assert torch.allclose(block(x), block.shortcut(x).relu(), atol=1e-6)
        x = block(x)
    assert len(blocks) == {18: 8, 50: 16}[layers]


@pytest.mark.parametrize("spec", [VGG(layers=16, norm="none"), ResNet(layers=34, norm="none")], ids=str)
def test_deep_nets_without_a_norm_start_with_a_signal(spec: ModelSpec) -> None:
    torch.manual_seed(0)
    x = torch.rand(16, 3, 16, 16)
    features = penultimate_features(spec.build(schema_of(3, 16, 16)), x)
    assert 0.1 < features.square().mean().sqrt() < 10


@pytest.mark.parametrize(
    ("spec", "width"),
    [(VGG(dropout=0.5), 512), (VGG(layers=19), 512), (ResNet(), 512), (ResNet(layers=50), 2048)],
    ids=str,
)
def test_penultimate_features_are_what_the_head_is_given(spec: ModelSpec, width: int) -> None:
    model, x = spec.build(schema_of(3, 8, 8)), torch.rand(4, 3, 8, 8)
    features = penultimate_features(model, x)
    assert features.shape == (4, width)
    with evaluating(model), torch.no_grad():
        assert torch.allclose(model.get_submodule("head")(features), model(x), atol=1e-5)


@pytest.mark.parametrize("spec", [VGG(), ResNet(layers=18)], ids=str)
def test_one_seed_is_one_model(spec: ModelSpec, images: AmuletDataset) -> None:
    recipe = Recipe(spec, epochs=1, batch_size=30)
    first, again, other = (recipe.fit(images.train, seed=seed).model.state_dict() for seed in (1, 1, 2))
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["head.weight"], other["head.weight"])


@pytest.mark.parametrize("spec", [VGG(norm="group"), ResNet(norm="group")], ids=str)
def test_private_training_by_layer_and_by_record_agree(spec: ModelSpec, images: AmuletDataset) -> None:
    torch.manual_seed(0)
    model = spec.build(images.schema)
    batch = images.train[torch.arange(4)].as_inputs()
    losses = record_losses(Recipe(spec), images.train)
    assert ghost.supports(model)
    fast, slow = (form(losses, model, batch, 0.1) for form in (clipped_sum_by_layer, clipped_sum_by_record))
    assert all(torch.allclose(fast[name], slow[name], rtol=1e-3, atol=1e-5) for name in slow)


@pytest.mark.parametrize("build", [VGG, ResNet])
def test_private_training_takes_group_norm_and_refuses_batch_norm(
    build: type[VGG] | type[ResNet], images: AmuletDataset
) -> None:
    private = DPSGD(epsilon=None, noise_multiplier=1.0, delta=1e-3)
    grouped, batched = (private.apply(Recipe(build(norm=norm), epochs=1, batch_size=4)) for norm in ("group", "batch"))
    assert list(grouped.data_problems(images.schema, 60)) == []
    assert [problem.parameter for problem in batched.data_problems(images.schema, 60)] == ["model"]


@pytest.fixture(scope="module")
def sides() -> AmuletDataset:
    """96 training and 32 test images of 8x8 pixels, brighter on the left or on the right."""
    rng = generator(0, "sides")
    y = torch.arange(128) % 2
    x = 0.6 * torch.rand(128, 1, 8, 8, generator=rng)
    x[y == 0, :, :, :4] += 0.3
    x[y == 1, :, :, 4:] += 0.3
    return from_arrays((x[:96], y[:96]), (x[96:], y[96:]), bounds=(0.0, 1.0), name="sides")


@pytest.mark.parametrize(
    "spec",
    [VGG(), VGG(layers=16, norm="none"), ResNet(), ResNet(norm="none")],
    ids=str,
)
def test_they_learn(spec: ModelSpec, sides: AmuletDataset) -> None:
    recipe = Recipe(spec, epochs=3, batch_size=16, optimizer=Adam(lr=5e-4), schedule=OneCycle())
    assert accuracy(recipe.fit(sides.train, seed=0).model, sides.test) > 0.9
