"""A small convolutional network for images of any size and number of channels."""

from dataclasses import dataclass
from itertools import pairwise

from torch import nn

from amulet.core.data import Schema
from amulet.core.model import ModelSpec
from amulet.core.spec import Count, Probability, Widths
from amulet.models.images import image_shape
from amulet.models.norms import NormKind, norm_1d, norm_2d
from amulet.models.sizes import check_size


@dataclass(frozen=True)
class SimpleCNN(ModelSpec):
    """3x3 convolutions with norm and ReLU, the image halved after each while it is larger than 4 pixels.

    Then the means over a 2x2 grid, one hidden linear layer and a linear head.
    """

    channels: Widths = (32, 64)
    hidden: Count = 128
    norm: NormKind = "batch"
    dropout: Probability = 0.0

    def build(self, schema: Schema) -> nn.Module:
        """For images (channels, height, width).

        Raises:
            ValueError: the data are not images, or the layers would have more than 2^30 weights.
        """
        depth, *sides = image_shape(schema, type(self).__name__)
        check_size((depth, *self.channels), kernel=9)
        layers: list[nn.Module] = []
        side = min(sides)
        for before, after in pairwise((depth, *self.channels)):
            layers += [nn.Conv2d(before, after, 3, padding=1), *norm_2d(self.norm, after), nn.ReLU()]
            if side > 4:
                layers.append(nn.MaxPool2d(2))
                side //= 2
        width = (self.channels[-1] if self.channels else depth) * 4
        check_size((width, self.hidden, len(schema.classes)))
        layers += [nn.AdaptiveAvgPool2d(2), nn.Flatten(), nn.Linear(width, self.hidden)]
        layers += [*norm_1d(self.norm, self.hidden), nn.ReLU()]
        layers += [nn.Dropout(self.dropout)] if self.dropout else []
        return nn.Sequential(*layers, nn.Linear(self.hidden, len(schema.classes)))
