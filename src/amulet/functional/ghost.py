"""Sums of clipped per-record gradients from one backward pass ("ghost clipping").

Goodfellow 2015, https://arxiv.org/abs/1510.01799: the gradient of a linear layer's weights for one record is
the outer product of the layer's input a and the gradient b of its output. So its norm is |a| |b|, and the clipped sum
over records is one matrix product; no gradient per record is stored. For convolutions and group norms, which have few
parameters, the per-record gradients are computed.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import unfold

from amulet.functional.per_record import Tensors, clipping_factors, squared_norms, weighted_sum

_LAYERS = (nn.Linear, nn.GroupNorm, nn.Conv2d)


class Unsupported(Exception):  # noqa: N818
    """A layer was used in a way for which ghost clipping is not implemented."""


@dataclass(frozen=True, eq=False)
class _Call:
    """A call of one layer in a forward pass.

    Attributes:
        name: of the layer within the model.
        layer: the layer.
        inputs, outputs: what it was given and what it returned.
        versions: torch's counts of in-place changes of inputs and outputs, at the time of the call.
    """

    name: str
    layer: nn.Module
    inputs: Tensor
    outputs: Tensor
    versions: tuple[int, int]

    @property
    def altered(self) -> bool:
        """Whether a later layer has changed the inputs or outputs in place, as an in-place ReLU does."""
        return self.versions != (self.inputs._version, self.outputs._version)  # noqa: SLF001


def supports(model: nn.Module) -> bool:
    """Whether `clipped_sum` can be used for a model.

    It can if every parameter is trainable, belongs to one layer only, and that layer is linear, a group norm, or a
    convolution with one group and zero padding.

    Example:
        >>> supports(nn.Linear(2, 2)), supports(nn.BatchNorm1d(2))
        (True, False)
    """
    layers = [module for module in model.modules() if list(module.parameters(recurse=False))]
    owned = [parameter for layer in layers for parameter in layer.parameters(recurse=False)]
    plain = all(type(layer) in _LAYERS and _is_plain(layer) for layer in layers)
    return plain and len(owned) == len(set(owned)) and all(parameter.requires_grad for parameter in owned)


def clipped_sum(model: nn.Module, losses: Callable[[], Tensor], bound: float) -> Tensors:
    """The sum of the per-record gradients, each clipped to a Euclidean norm of at most `bound`.

    Args:
        model: one that `supports` accepts.
        losses: calls the model once and returns (n,) losses, each depending on its own record only.
        bound: the largest norm of one record's gradient, over all parameters together; inf for no clipping.

    Returns:
        The sum for each parameter, by its name and of its shape.

    Raises:
        Unsupported: a layer was not called exactly once with one row per record, a linear layer was called on inputs
            of more than two dimensions, or a tensor was changed in place.

    Example:
        >>> model, x = nn.Linear(2, 1, bias=False), torch.tensor([[3.0, 4.0], [0.3, 0.4]])
        >>> clipped_sum(model, lambda: model(x).squeeze(1), bound=1.0)
        {'weight': tensor([[0.9000, 1.2000]])}
    """
    layers = {name: layer for name, layer in model.named_modules() if list(layer.parameters(recurse=False))}
    with _recorded_calls(layers) as calls:
        each = losses()
        total = each.sum()
    once = len({call.name for call in calls}) == len(calls)
    whole = all(len(call.inputs) == len(each) for call in calls)  # a row for each record, not for parts of one
    if not once or not whole or not _all_called(layers, calls) or any(call.altered for call in calls):
        raise Unsupported
    slopes = torch.autograd.grad(total, [call.outputs for call in calls])
    with torch.no_grad():
        parts = [_gradients_of(call, slope) for call, slope in zip(calls, slopes, strict=True)]
        factors = clipping_factors(torch.stack([part.squares() for part in parts]).sum(0), bound)
        return {name: total for part in parts for name, total in part.weighted_sum(factors).items()}


@dataclass(frozen=True, eq=False)
class _Outer:
    """The per-record gradients of a linear layer, as factors of outer products: (n, in) inputs, (n, out) slopes."""

    name: str
    inputs: Tensor
    slopes: Tensor
    bias: bool

    def squares(self) -> Tensor:
        return (self.inputs.square().sum(1) + self.bias) * self.slopes.square().sum(1)

    def weighted_sum(self, factors: Tensor) -> Tensors:
        scaled = self.slopes * factors[:, None]
        return {f"{self.name}weight": scaled.T @ self.inputs} | (
            {f"{self.name}bias": scaled.sum(0)} if self.bias else {}
        )


@dataclass(frozen=True, eq=False)
class _Explicit:
    """The per-record gradients of a layer, each of shape (n, *parameter shape)."""

    gradients: Tensors

    def squares(self) -> Tensor:
        return squared_norms(self.gradients)

    def weighted_sum(self, factors: Tensor) -> Tensors:
        return weighted_sum(self.gradients, factors)


def _gradients_of(call: _Call, slope: Tensor) -> _Outer | _Explicit:
    layer, prefix = call.layer, f"{call.name}." if call.name else ""
    if isinstance(layer, nn.Linear):
        return _Outer(prefix, call.inputs, slope, layer.bias is not None)
    if isinstance(layer, nn.GroupNorm):
        unscaled = _normalised(call.inputs, layer.num_groups, layer.eps)
        return _Explicit(
            {f"{prefix}weight": _sum_over_pixels(slope * unscaled), f"{prefix}bias": _sum_over_pixels(slope)}
        )
    assert isinstance(layer, nn.Conv2d)  # noqa: S101 - `supports` accepts no other layer
    patches = unfold(call.inputs, layer.kernel_size, layer.dilation, layer.padding, layer.stride)  # type: ignore[arg-type]
    weight = (slope.flatten(2) @ patches.transpose(1, 2)).view(len(slope), *layer.weight.shape)
    bias = {f"{prefix}bias": _sum_over_pixels(slope)} if layer.bias is not None else {}
    return _Explicit({f"{prefix}weight": weight} | bias)


def _normalised(x: Tensor, groups: int, eps: float) -> Tensor:
    """What `group_norm` gives without weights, in a fraction of its time where a record is a vector."""
    grouped = x.reshape(len(x), groups, -1)
    centred = grouped - grouped.mean(2, keepdim=True)
    return centred.mul_((centred.square().mean(2, keepdim=True) + eps).rsqrt_()).view_as(x)


def _sum_over_pixels(values: Tensor) -> Tensor:
    """(n, channels) the sum of (n, channels, ...) over all further dimensions."""
    return values.flatten(2).sum(2) if values.dim() > 2 else values


@contextmanager
def _recorded_calls(layers: Mapping[str, nn.Module]) -> Iterator[list[_Call]]:
    calls: list[_Call] = []

    def note(name: str, layer: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        versions = (inputs[0]._version, output._version)  # noqa: SLF001
        calls.append(_Call(name, layer, inputs[0].detach(), output, versions))

    handles = [layer.register_forward_hook(partial(note, name)) for name, layer in layers.items()]
    try:
        yield calls
    finally:
        for handle in handles:
            handle.remove()


def _is_plain(layer: nn.Module) -> bool:
    if not {name for name, _ in layer.named_parameters(recurse=False)} <= {"weight", "bias"}:
        return False
    if isinstance(layer, nn.Conv2d):
        return layer.groups == 1 and layer.padding_mode == "zeros" and not isinstance(layer.padding, str)
    return True


def _all_called(layers: Mapping[str, nn.Module], calls: list[_Call]) -> bool:
    flat = all(call.inputs.dim() == 2 for call in calls if isinstance(call.layer, nn.Linear))
    return flat and layers.keys() <= {call.name for call in calls}
