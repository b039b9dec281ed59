"""Gradients record by record, clipped and summed: what DP-SGD needs of a batch."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.func import grad, vmap

Tensors = dict[str, Tensor]
RecordLoss = Callable[[Tensors, Tensors], Tensor]
"""(parameters, one record's tensors) -> a scalar loss."""


def per_record_gradients(loss: RecordLoss, parameters: Tensors, batch: Tensors) -> Tensors:
    """The gradient of every record's own loss, each of shape (n, *parameter shape); dropout differs by record."""
    return vmap(grad(loss), in_dims=(None, 0), randomness="different")(parameters, batch)  # type: ignore[no-any-return]


def clip_and_sum(gradients: Mapping[str, Tensor], bound: float) -> Tensors:
    """The sum over records of g / max(1, ||g|| / bound), the norm taken over all parameters together.

    Abadi et al. 2016, https://arxiv.org/abs/1607.00133, Algorithm 1. An infinite bound clips nothing.
    """
    squares = [gradient.flatten(1).square().sum(1) for gradient in gradients.values()]
    norms = torch.stack(squares).sum(0).sqrt()
    scale = (bound / norms.clamp_min(1e-30)).clamp_max(1.0)
    return {name: torch.einsum("n,n...->...", scale, gradient) for name, gradient in gradients.items()}
