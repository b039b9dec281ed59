"""A fully connected network: linear layers, each with norm, ReLU and dropout."""

from dataclasses import dataclass
from itertools import pairwise

from torch import nn

from amulet.core.data import Schema
from amulet.core.model import ModelSpec
from amulet.core.spec import Probability, Widths
from amulet.models.norms import NormKind, norm_1d
from amulet.models.sizes import check_size


@dataclass(frozen=True)
class LinearNet(ModelSpec):
    """Linear layers of the given sizes and a linear head.

    Attributes:
        hidden: the widths of the hidden layers.
        norm: the normalisation between each layer and its ReLU: "batch" (not allowed with DP-SGD), "group" or "none".
        dropout: the probability with which a hidden unit is set to zero in training.
    """

    hidden: Widths = (128, 256, 128)
    norm: NormKind = "batch"
    dropout: Probability = 0.0

    def build(self, schema: Schema) -> nn.Module:
        """Inputs of any shape are flattened.

        Raises:
            ValueError: the layers would have more than 2^30 weights.
        """
        features = 1
        for size in schema.shape:
            features *= size
        check_size((features, *self.hidden, len(schema.classes)))
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in pairwise((features, *self.hidden)):
            layers += [nn.Linear(before, after), *norm_1d(self.norm, after), nn.ReLU()]
            layers += [nn.Dropout(self.dropout)] if self.dropout else []
        last = self.hidden[-1] if self.hidden else features
        return nn.Sequential(*layers, nn.Linear(last, len(schema.classes)))
