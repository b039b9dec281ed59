"""VGG. Simonyan and Zisserman 2015, https://arxiv.org/abs/1409.1556, Table 1, columns A, B, D and E."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

from torch import nn

from amulet.core.data import Schema
from amulet.core.model import ModelSpec
from amulet.core.spec import Probability
from amulet.models.images import he_initialised, image_shape
from amulet.models.norms import NormKind, norm_2d

_DEPTHS: Final = {11: (1, 1, 2, 2, 2), 13: (2, 2, 2, 2, 2), 16: (2, 2, 3, 3, 3), 19: (2, 2, 4, 4, 4)}
_WIDTHS: Final = (64, 128, 256, 512, 512)
_LEAST_SIDES: Final = (4, 4, 4, 4, 2)
"""The smallest sides at which each group is pooled: at least 2x2 pixels must remain for the next one."""


@dataclass(frozen=True)
class VGG(ModelSpec):
    """Five groups of 3x3 convolutions, each with norm and ReLU, and one linear layer on the means over the image.

    That is the form used for small images: the paper's three linear layers, made for 224x224 pixels, would
    hold nine tenths of the parameters. Each group ends in 2x2 max pooling, while that leaves at least 2 pixels
    a side for the next group. `dropout` acts on the means.
    """

    layers: Literal[11, 13, 16, 19] = 11
    norm: NormKind = "batch"
    dropout: Probability = 0.0

    def build(self, schema: Schema) -> nn.Module:
        """For images (channels, height, width) of any size.

        Raises:
            ValueError: the data are not images.
        """
        channels, *sides = image_shape(schema, type(self).__name__)
        features = nn.Sequential(*self._features(channels, min(sides)))
        pooled = [nn.AdaptiveAvgPool2d(1), nn.Flatten(), *([nn.Dropout(self.dropout)] if self.dropout else [])]
        head = nn.Linear(_WIDTHS[-1], len(schema.classes))
        return he_initialised(nn.Sequential(OrderedDict(features=features, pooled=nn.Sequential(*pooled), head=head)))

    def _features(self, channels: int, side: int) -> Iterator[nn.Module]:
        groups = zip(pairwise((channels, *_WIDTHS)), _DEPTHS[self.layers], _LEAST_SIDES, strict=True)
        for (before, width), depth, least in groups:
            for into in (before, *[width] * (depth - 1)):
                yield from (nn.Conv2d(into, width, 3, padding=1), *norm_2d(self.norm, width), nn.ReLU())
            if side >= least:
                yield nn.MaxPool2d(2)
                side //= 2
