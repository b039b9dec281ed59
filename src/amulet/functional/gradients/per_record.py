"""Per-record gradients, clipped and summed, as in DP-SGD."""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce

import torch
from torch import Tensor
from torch.func import grad, vmap

Tensors = dict[str, Tensor]
RecordLoss = Callable[[Tensors, Tensors], Tensor]
"""Maps the parameters and the tensors of one record to that record's scalar loss."""


def per_record_gradients(loss: RecordLoss, parameters: Tensors, batch: Tensors) -> Tensors:
    """The gradient of each record's loss. Dropout masks are drawn for each record separately.

    Args:
        loss: the loss of one record.
        parameters: by name.
        batch: tensors by name, each with one row per record.

    Returns:
        For each parameter, by its name, (n, *parameter shape).

    Example:
        >>> batch = {"x": torch.tensor([[3.0, 4.0], [0.3, 0.4]])}
        >>> per_record_gradients(lambda p, record: p["w"] @ record["x"], {"w": torch.ones(2)}, batch)
        {'w': tensor([[3.0000, 4.0000],
                [0.3000, 0.4000]])}
    """
    return vmap(grad(loss), in_dims=(None, 0), randomness="different")(parameters, batch)  # type: ignore[no-any-return]


def squared_norms(gradients: Mapping[str, Tensor]) -> Tensor:
    """(n,) squared Euclidean norm of each record's gradient, over all parameters together.

    Args:
        gradients: (n, *parameter shape) by parameter name.

    Example:
        >>> squared_norms({"w": torch.tensor([[3.0, 4.0]]), "b": torch.tensor([[1.0]])})
        tensor([26.])
    """
    return added([_rows(gradient).norm(dim=1).square() for gradient in gradients.values()])


def added(parts: Sequence[Tensor]) -> Tensor:
    """The sum of tensors of one shape, in the widest of their types: a model may compute in several.

    Args:
        parts: at least one.

    Example:
        >>> added([torch.tensor([1.0]), torch.tensor([2.0], dtype=torch.float64)])
        tensor([3.], dtype=torch.float64)
    """
    widest = reduce(torch.promote_types, (part.dtype for part in parts))
    return torch.stack([part.to(widest) for part in parts]).sum(0)


def clipping_factors(squares: Tensor, bound: float) -> Tensor:
    """The factors 1 / max(1, norm / bound) that clip each record's gradient to a norm of at most `bound`.

    Abadi et al. 2016, https://arxiv.org/abs/1607.00133, Algorithm 1.

    Args:
        squares: (n,) squared norms.
        bound: the largest norm; inf for no clipping.

    Returns:
        (n,) factors in (0, 1].

    Example:
        >>> clipping_factors(torch.tensor([25.0, 0.25]), bound=1.0)
        tensor([0.2000, 1.0000])
    """
    return (bound / squares.sqrt().clamp_min(1e-30)).clamp_max(1.0)


def weighted_sum(gradients: Mapping[str, Tensor], factors: Tensor) -> Tensors:
    """The sum over records of factor times gradient.

    Args:
        gradients: (n, *parameter shape) by parameter name.
        factors: (n,) factor of each record.

    Returns:
        For each parameter, by its name, a tensor of its shape.

    Example:
        >>> weighted_sum({"w": torch.tensor([[3.0, 4.0], [0.3, 0.4]])}, torch.tensor([0.2, 1.0]))
        {'w': tensor([0.9000, 1.2000])}
    """
    return {name: (factors.to(each.dtype) @ _rows(each)).view(each.shape[1:]) for name, each in gradients.items()}


def _rows(gradients: Tensor) -> Tensor:
    """One row for each record, also for a parameter that is a single number."""
    return gradients.reshape(len(gradients), -1)
