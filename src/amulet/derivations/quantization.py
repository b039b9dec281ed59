"""Round weights to few levels. Jacob et al. 2018, https://arxiv.org/abs/1712.05877, section 2.1, eq. (1)."""

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import torch
from annotated_types import Interval
from torch import Tensor, nn

from amulet.core.data import Data, Schema
from amulet.core.fitted import Fitted
from amulet.core.roles import Derivation
from amulet.core.threat import Access, Target
from amulet.core.trainable import Trainable


@dataclass(frozen=True)
class Quantization(Derivation):
    """A copy of the parent whose weight matrices and kernels take at most 2^bits values each, zero among them.

    The values are evenly spaced over each tensor's range; the model computes with them in floating point. Vectors
    such as biases and the parameters of norms are left alone.
    """

    needs = Access.WEIGHTS
    needs_labels = False
    bits: Annotated[int, Interval(ge=2, le=16)] = 8

    def build(self, schema: Schema, recipe: Trainable, parent: Callable[[Schema], nn.Module]) -> nn.Module:
        """Of the parent's structure."""
        del recipe
        return parent(schema)

    def derive(self, parent: Target, recipe: Trainable, data: Data, *, seed: int, device: str = "cpu") -> Fitted:
        """Round a copy of the parent; neither recipe nor records are used."""
        del recipe, data, seed
        model = copy.deepcopy(parent.model).to(device).eval()
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.dim() > 1:
                    parameter.copy_(rounded(parameter, self.bits))
        return Fitted(model, {"bits": self.bits})


def rounded(weights: Tensor, bits: int) -> Tensor:
    """The nearest of 2^bits evenly spaced values that cover the weights' range and zero, which is one of them.

    Args:
        weights: of any shape.
        bits: at least 2.

    Returns:
        A tensor of the same shape: scale * (q - zero) with whole q in 0..2^bits - 1.
    """
    low, high = min(weights.min().item(), 0.0), max(weights.max().item(), 0.0)
    if low == high:
        return weights.clone()
    levels = 2**bits - 1
    scale = (high - low) / levels
    zero = round(-low / scale)
    codes: Tensor = (weights / scale + zero).round().clamp(0, levels)
    spaced: Tensor = (codes - zero) * scale
    return spaced
