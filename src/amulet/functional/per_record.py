"""Gradients record by record, clipped and summed: what DP-SGD needs of a batch."""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce

import torch
from torch import Tensor
from torch.func import grad, vmap

Tensors = dict[str, Tensor]
RecordLoss = Callable[[Tensors, Tensors], Tensor]
"""(parameters, one record's tensors) -> a scalar loss."""


def per_record_gradients(loss: RecordLoss, parameters: Tensors, batch: Tensors) -> Tensors:
    """The gradient of every record's own loss, each of shape (n, *parameter shape); dropout differs by record."""
    return vmap(grad(loss), in_dims=(None, 0), randomness="different")(parameters, batch)  # type: ignore[no-any-return]


def squared_norms(gradients: Mapping[str, Tensor]) -> Tensor:
    """(n,) squared Euclidean norm of each record's gradient, over all parameters together."""
    return added([gradient.flatten(1).norm(dim=1).square() for gradient in gradients.values()])


def added(parts: Sequence[Tensor]) -> Tensor:
    """Their sum, in the widest of their types; models may compute in several."""
    widest = reduce(torch.promote_types, (part.dtype for part in parts))
    return torch.stack([part.to(widest) for part in parts]).sum(0)


def clipping_factors(squares: Tensor, bound: float) -> Tensor:
    """(n,) 1 / max(1, norm / bound): what brings each gradient to norm `bound` at most; inf clips nothing.

    Abadi et al. 2016, https://arxiv.org/abs/1607.00133, Algorithm 1.
    """
    return (bound / squares.sqrt().clamp_min(1e-30)).clamp_max(1.0)


def weighted_sum(gradients: Mapping[str, Tensor], factors: Tensor) -> Tensors:
    """The sum over records of factor times gradient, each shaped like its parameter."""
    return {name: (factors.to(each.dtype) @ each.flatten(1)).view(each.shape[1:]) for name, each in gradients.items()}
