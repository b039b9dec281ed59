"""VGG and ResNet have as many parameters as their published forms.

For 32x32 images the counts are those of the usual CIFAR forms. They also follow from the counts that torchvision
publishes for its ImageNet models, which have another head and, for ResNet, another stem.
"""

import pytest

from amulet.core.data import Modality, Schema
from amulet.core.model import ModelSpec
from amulet.models import VGG, ResNet


def count(spec: ModelSpec, size: int = 32, classes: int = 10) -> int:
    schema = Schema(Modality.IMAGE, (3, size, size), tuple(str(code) for code in range(classes)))
    return sum(parameter.numel() for parameter in spec.build(schema).parameters())


@pytest.mark.parametrize(
    ("spec", "published"),
    [
        (VGG(layers=11), 9_231_114),
        (VGG(layers=13), 9_416_010),
        (VGG(layers=16), 14_728_266),
        (VGG(layers=19), 20_040_522),
        (ResNet(layers=18), 11_173_962),
        (ResNet(layers=34), 21_282_122),
        (ResNet(layers=50), 23_520_842),
        (ResNet(layers=101), 42_512_970),
    ],
    ids=str,
)
def test_the_usual_cifar_forms(spec: ModelSpec, published: int) -> None:
    assert count(spec) == published


@pytest.mark.parametrize(
    ("spec", "published"),
    [
        (VGG(layers=11), 132_868_840),
        (VGG(layers=13), 133_053_736),
        (VGG(layers=16), 138_365_992),
        (VGG(layers=19), 143_678_248),
        (VGG(layers=11, norm="none"), 132_863_336),
        (VGG(layers=16, norm="none"), 138_357_544),
    ],
    ids=str,
)
def test_vgg_is_torchvision_s_but_for_the_head(spec: ModelSpec, published: int) -> None:
    three_layers = (7 * 7 * 512 + 1) * 4096 + (4096 + 1) * 4096 + (4096 + 1) * 1000
    assert count(spec, classes=1000) == published - three_layers + (512 + 1) * 1000


@pytest.mark.parametrize(
    ("spec", "published"),
    [
        (ResNet(layers=18), 11_689_512),
        (ResNet(layers=34), 21_797_672),
        (ResNet(layers=50), 25_557_032),
        (ResNet(layers=101), 44_549_160),
    ],
    ids=str,
)
def test_a_resnet_for_large_images_is_torchvision_s(spec: ModelSpec, published: int) -> None:
    assert count(spec, size=224, classes=1000) == published
