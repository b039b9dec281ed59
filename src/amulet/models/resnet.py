"""Residual networks. He et al. 2016, https://arxiv.org/abs/1512.03385, Table 1."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal, final

from torch import Tensor, nn

from amulet.core.data import Schema
from amulet.core.model import ModelSpec
from amulet.models.images import he_initialised, image_shape
from amulet.models.norms import NormKind, norm_2d

_DEPTHS: Final = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3), 50: (3, 4, 6, 3), 101: (3, 4, 23, 3)}
_WIDTHS: Final = (64, 128, 256, 512)
_EXPANSION: Final = 4
"""The ratio of output to inner channels in blocks of three convolutions, which models of 50 layers or more have."""

_LARGE: Final = 64
"""The length of the shorter side, in pixels, from which the stem for large images is used."""


@dataclass(frozen=True)
class ResNet(ModelSpec):
    """A stem, four groups of residual blocks, and one linear layer on the means over the image.

    The `stem` for small images is one 3x3 convolution, so that 32x32 pixels are halved three times only; for
    large ones it is the paper's 7x7 convolution and max pooling, which leave a quarter of each side. "auto"
    takes the large one from 64 pixels on the shorter side. Where the size of a shortcut changes it is a 1x1
    convolution (the paper's option B); blocks of three convolutions have their stride in the 3x3 one.
    """

    layers: Literal[18, 34, 50, 101] = 18
    norm: NormKind = "batch"
    stem: Literal["auto", "small", "large"] = "auto"

    def build(self, schema: Schema) -> nn.Module:
        """For images (channels, height, width) of any size.

        Raises:
            ValueError: the data are not images.
        """
        channels, *sides = image_shape(schema, type(self).__name__)
        large = self.stem == "large" or (self.stem == "auto" and min(sides) >= _LARGE)
        expansion = _EXPANSION if self.layers >= 50 else 1
        model = nn.Sequential(OrderedDict(
            stem=nn.Sequential(*_stem(channels, self.norm, large=large)),
            blocks=nn.Sequential(*self._blocks(expansion)),
            pooled=nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
            head=nn.Linear(_WIDTHS[-1] * expansion, len(schema.classes)),
        ))  # fmt: skip
        return _beginning_as_shortcuts(he_initialised(model))

    def _blocks(self, expansion: int) -> Iterator[nn.Module]:
        outside = (_WIDTHS[0], *(width * expansion for width in _WIDTHS))
        for (before, after), width, depth in zip(pairwise(outside), _WIDTHS, _DEPTHS[self.layers], strict=True):
            yield _block(before, width, after, 1 if width == _WIDTHS[0] else 2, self.norm)
            yield from (_block(after, width, after, 1, self.norm) for _ in range(depth - 1))


@final
class Residual(nn.Module):
    """relu(branch(x) + shortcut(x)), eq. (2)."""

    def __init__(self, branch: nn.Module, shortcut: nn.Module) -> None:
        super().__init__()
        self.branch, self.shortcut, self.relu = branch, shortcut, nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """Both of (n, channels, height, width)."""
        total: Tensor = self.relu(self.branch(x) + self.shortcut(x))
        return total


def _stem(channels: int, norm: NormKind, *, large: bool) -> list[nn.Module]:
    if large:
        return [*_convolution(channels, _WIDTHS[0], 7, 2, norm), nn.ReLU(), nn.MaxPool2d(3, stride=2, padding=1)]
    return [*_convolution(channels, _WIDTHS[0], 3, 1, norm), nn.ReLU()]


def _block(before: int, width: int, after: int, stride: int, norm: NormKind) -> Residual:
    """Two 3x3 convolutions, or between two of 1x1 a 3x3 one where a block is wider outside than inside."""
    if after == width:
        parts = [_convolution(before, width, 3, stride, norm), _convolution(width, width, 3, 1, norm)]
    else:
        parts = [_convolution(before, width, 1, 1, norm), _convolution(width, width, 3, stride, norm)]
        parts.append(_convolution(width, after, 1, 1, norm))
    layers = [layer for part in parts for layer in (*part, nn.ReLU())]
    same = before == after and stride == 1
    shortcut = nn.Identity() if same else nn.Sequential(*_convolution(before, after, 1, stride, norm))
    return Residual(nn.Sequential(*layers[:-1]), shortcut)


def _convolution(before: int, after: int, size: int, stride: int, norm: NormKind) -> list[nn.Module]:
    bias = norm == "none"  # a norm has its own
    return [nn.Conv2d(before, after, size, stride, padding=size // 2, bias=bias), *norm_2d(norm, after)]


def _beginning_as_shortcuts(model: nn.Module) -> nn.Module:
    """The last layer of each branch starts at zero, so that each block starts as its shortcut.

    Goyal et al. 2017, https://arxiv.org/abs/1706.02677, section 5.1, for the scale of a norm; without norms
    it is the last convolution: Zhang et al. 2019, https://arxiv.org/abs/1901.09321, section 3.
    """
    for block in model.modules():
        if isinstance(block, Residual):
            assert isinstance(block.branch, nn.Sequential)  # noqa: S101 - as built above
            nn.init.zeros_(block.branch[-1].weight)  # type: ignore[arg-type]
    return model
