"""A fully connected network: linear layers, each with norm, ReLU and dropout."""

from dataclasses import dataclass
from itertools import pairwise

from torch import nn

from amulet.core.data import Schema
from amulet.core.model import ModelSpec
from amulet.core.spec import Probability, Widths
from amulet.models.norms import NormKind, norm_1d


@dataclass(frozen=True)
class LinearNet(ModelSpec):
    """Linear layers of the given sizes and a linear head.

    `norm` comes between a layer and its ReLU: "batch" (refused by DP-SGD), "group" or "none".
    """

    hidden: Widths = (128, 256, 128)
    norm: NormKind = "batch"
    dropout: Probability = 0.0

    def build(self, schema: Schema) -> nn.Module:
        """Inputs of any shape are flattened."""
        features = 1
        for size in schema.shape:
            features *= size
        layers: list[nn.Module] = [nn.Flatten()]
        for before, after in pairwise((features, *self.hidden)):
            layers += [nn.Linear(before, after), *norm_1d(self.norm, after), nn.ReLU()]
            layers += [nn.Dropout(self.dropout)] if self.dropout else []
        last = self.hidden[-1] if self.hidden else features
        return nn.Sequential(*layers, nn.Linear(last, len(schema.classes)))
