"""Sums of clipped per-record gradients from one backward pass ("ghost clipping").

Goodfellow 2015, https://arxiv.org/abs/1510.01799: the gradient of a linear layer's weights for one record is
the outer product of the layer's input a and the gradient b of its output. So its norm is |a| |b|, and the clipped sum
over records is one matrix product; no gradient per record is stored.

A layer that is applied at T positions of a record, as a convolution is at pixels and a linear layer at the items of a
sequence, has a sum of T outer products, whose squared norm is the sum over s and t of (a_s . a_t) (b_s . b_t). Bu et
al. 2022, https://arxiv.org/abs/2205.10683, section 4: each layer uses this where 2 T^2 is less than the number of its
weights, and elsewhere the per-record gradients themselves. Both are exact.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import unfold

from amulet.functional.gradients.per_record import Tensors, added, clipping_factors, squared_norms, weighted_sum

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
        Unsupported: a layer was not called exactly once with one row per record, or a tensor was changed in place.

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
        factors = clipping_factors(added([part.squares() for part in parts]), bound)
        sums = {name: total for part in parts for name, total in part.weighted_sum(factors).items()}
        return {name: sums[name].to(parameter.dtype) for name, parameter in model.named_parameters()}


@dataclass(frozen=True, eq=False)
class _Outer:
    """The per-record gradients of a layer that is applied once, as outer products: (n, in) inputs, (n, out) slopes."""

    name: str
    shape: torch.Size
    inputs: Tensor
    slopes: Tensor
    bias: bool

    def squares(self) -> Tensor:
        return (self.inputs.square().sum(1) + self.bias) * self.slopes.square().sum(1)

    def weighted_sum(self, factors: Tensor) -> Tensors:
        scaled = self.slopes * factors[:, None]
        return {f"{self.name}weight": (scaled.T @ self.inputs.to(scaled.dtype)).view(self.shape)} | (
            {f"{self.name}bias": scaled.sum(0)} if self.bias else {}
        )


@dataclass(frozen=True, eq=False)
class _Outers:
    """The same of a layer that is applied at T positions: (n, T, in) inputs, (n, T, out) slopes.

    The terms of the squared norm can cancel each other, so they are computed in double precision.
    """

    name: str
    shape: torch.Size
    inputs: Tensor
    slopes: Tensor
    bias: bool

    def squares(self) -> Tensor:
        inputs, slopes = self.inputs.double(), self.slopes.double()
        alike = inputs @ inputs.transpose(1, 2) + self.bias
        squares = (alike * (slopes @ slopes.transpose(1, 2))).sum((1, 2)).clamp_min(0)
        return squares.to(self.slopes.dtype)

    def weighted_sum(self, factors: Tensor) -> Tensors:
        scaled = (self.slopes * factors[:, None, None]).flatten(0, 1)
        weight = scaled.T @ self.inputs.flatten(0, 1).to(scaled.dtype)
        return {f"{self.name}weight": weight.view(self.shape)} | (
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


def _gradients_of(call: _Call, slope: Tensor) -> _Outer | _Outers | _Explicit:
    layer, prefix = call.layer, f"{call.name}." if call.name else ""
    if isinstance(layer, nn.Linear):
        return _linear(prefix, layer, call.inputs, slope)
    if isinstance(layer, nn.GroupNorm):
        unscaled = _normalised(call.inputs, layer.num_groups, layer.eps)
        return _Explicit(
            {f"{prefix}weight": _sum_over_pixels(slope * unscaled), f"{prefix}bias": _sum_over_pixels(slope)}
        )
    assert isinstance(layer, nn.Conv2d)  # noqa: S101 - `supports` accepts no other layer
    patches = unfold(call.inputs, layer.kernel_size, layer.dilation, layer.padding, layer.stride)  # type: ignore[arg-type]
    return _applied(prefix, layer, patches.transpose(1, 2), slope.flatten(2).transpose(1, 2))


def _linear(prefix: str, layer: nn.Linear, inputs: Tensor, slopes: Tensor) -> _Outer | _Outers | _Explicit:
    """Of inputs (n, in) or, at the items of a sequence for instance, (n, ..., in)."""
    if inputs.dim() == 2:
        return _Outer(prefix, layer.weight.shape, inputs, slopes, layer.bias is not None)
    return _applied(prefix, layer, inputs.flatten(1, -2), slopes.flatten(1, -2))


def _applied(prefix: str, layer: nn.Linear | nn.Conv2d, inputs: Tensor, slopes: Tensor) -> _Outer | _Outers | _Explicit:
    """Of a layer applied at T positions of each record: (n, T, in) inputs, (n, T, out) slopes; the cheaper form."""
    shape, has_bias = layer.weight.shape, layer.bias is not None
    if 2 * inputs.shape[1] ** 2 < shape.numel():
        return _Outers(prefix, shape, inputs, slopes, has_bias)
    weight = (slopes.transpose(1, 2) @ inputs.to(slopes.dtype)).view(len(slopes), *shape)
    return _Explicit({f"{prefix}weight": weight} | ({f"{prefix}bias": slopes.sum(1)} if has_bias else {}))


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
    return layers.keys() <= {call.name for call in calls}
