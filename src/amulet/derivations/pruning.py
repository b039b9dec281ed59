"""Set the smallest weights to zero. Han et al. 2015, https://arxiv.org/abs/1506.02626, section 3."""

import copy
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.utils import parameters_to_vector

from amulet.core.data import Data, Schema
from amulet.core.fitted import Fitted
from amulet.core.roles import Derivation
from amulet.core.spec import OpenProbability
from amulet.core.threat import Access, Target
from amulet.core.trainable import Trainable


@dataclass(frozen=True)
class Pruning(Derivation):
    """A copy of the parent in which a `share` of the weights, those of the smallest magnitude, is zero.

    Weights are compared over all layers; vectors such as biases and the parameters of norms are left alone.
    """

    needs = Access.WEIGHTS
    needs_labels = False
    share: OpenProbability = 0.5

    def build(self, schema: Schema, recipe: Trainable, parent: Callable[[Schema], nn.Module]) -> nn.Module:
        """Of the parent's structure."""
        del recipe
        return parent(schema)

    def derive(self, parent: Target, recipe: Trainable, data: Data, *, seed: int, device: str = "cpu") -> Fitted:
        """Prune a copy of the parent; neither recipe nor records are used."""
        del recipe, data, seed
        model = copy.deepcopy(parent.model).to(device).eval()
        weights = [parameter for parameter in model.parameters() if parameter.dim() > 1]
        count = round(self.share * sum(weight.numel() for weight in weights))
        with torch.no_grad():
            magnitudes = parameters_to_vector(weights).abs()
            keep = torch.ones_like(magnitudes)
            keep[magnitudes.argsort(stable=True)[:count]] = 0
            for weight, kept in zip(weights, keep.split([weight.numel() for weight in weights]), strict=True):
                weight.mul_(kept.view_as(weight))
        return Fitted(model, {"pruned": count})
