"""Sums of clipped gradients, the private part of a step of DP-SGD, in three forms from fast to general.

By layer, from one backward pass, where all layers are of kinds that `functional.ghost` knows. By record, by
`torch.func`, which maps the model over the records. One by one, by plain autograd, for models that cannot be mapped:
recurrent layers, control flow that depends on values, functions with a backward pass of their own, recomputation.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial, reduce
from typing import Final

import torch
from torch import Tensor, nn
from torch.func import functional_call

from amulet.core.data import Data
from amulet.core.model import evaluating, filled, logits_of
from amulet.core.seeds import isolated
from amulet.core.user_code.containment import text_of
from amulet.functional.gradients import ghost
from amulet.functional.gradients.per_record import (
    Tensors,
    clipping_factors,
    per_record_gradients,
    squared_norms,
    weighted_sum,
)
from amulet.training.updates import RecordLosses

TIGHT = 1e-3
"""A bound below any gradient in training, so that every record's norm counts when two forms are compared."""

RECORDS_AT_ONCE = 256
"""Records that torch.func is given at one time, which bounds what it holds of their way through the model."""

NUMBERS_AT_ONCE = 2**28
"""Numbers in the gradients held record by record at one time: 1 GiB, or 29 records of a VGG11.

Both bound memory and change no number but by rounding."""

COMPARED: Final = 4
"""Records on which the mapped form is compared with plain autograd."""

ClippedSum = Callable[[RecordLosses, nn.Module, Data, float], Tensors]
"""(losses, model, batch of at least one record, bound) -> sum of per-record gradients of norm at most bound."""


@dataclass(frozen=True)
class Form:
    """How clipped sums are formed for a model.

    Attributes:
        clipped_sum: the function.
        reason: why the records cannot be taken together, where they are taken one by one.
    """

    clipped_sum: ClippedSum
    reason: str | None = None


def form_for(losses: RecordLosses, model: nn.Module, batch: Data) -> Form:
    """The fastest form that is seen to agree with plain autograd on a first batch.

    They disagree where a model uses weights outside its layers, or mixes records: by record and one by one, every
    record is seen alone, so that the guarantee holds in any case. Torch's global generator is left as it was.
    """
    few = batch[torch.arange(min(len(batch), COMPARED), device=batch.x.device)]
    with isolated(0, str(batch.x.device)), evaluating(model):  # without dropout, which is drawn anew
        try:
            mapped = _agree(clipped_sum_by_record, clipped_sum_one_by_one, (losses, model, few), torch.inf)
        except Exception as error:  # noqa: BLE001 - whatever torch.func raises, there is another form
            return Form(clipped_sum_one_by_one, text_of(error))
        if not mapped and _agree(clipped_sum_one_by_one, clipped_sum_one_by_one, (losses, model, few), torch.inf):
            return Form(clipped_sum_one_by_one, "it finds other gradients than plain autograd")
        if ghost.supports(model) and not moving(model, batch):
            case = losses, model, batch
            bounds = torch.inf, TIGHT
            if all(_agree(clipped_sum_by_layer, clipped_sum_by_record, case, bound) for bound in bounds):
                return Form(clipped_sum_by_layer)
    return Form(clipped_sum_by_record)


def _agree(fast: ClippedSum, slow: ClippedSum, case: tuple[RecordLosses, nn.Module, Data], bound: float) -> bool:
    found, expected = fast(*case, bound), slow(*case, bound)
    tolerances = {name: 1e-4 * float(gradient.abs().max()) for name, gradient in expected.items()}
    return all(torch.allclose(found[name], expected[name], rtol=1e-3, atol=tolerances[name]) for name in expected)


def clipped_sum_by_layer(losses: RecordLosses, model: nn.Module, batch: Data, clip: float) -> Tensors:
    """From one backward pass, for models that `functional.ghost` supports; by record where a batch defies it."""
    try:
        parts = _parts(model, batch, len(batch))
        return added_up(ghost.clipped_sum(model, partial(losses, model, part), clip) for part in parts)
    except ghost.Unsupported:
        return clipped_sum_by_record(losses, model, batch, clip)


def clipped_sum_by_record(losses: RecordLosses, model: nn.Module, batch: Data, clip: float) -> Tensors:
    """For any model without layers that mix records, by torch.func; buffers are left as they were."""
    parameters = {name: p.detach() for name, p in model.named_parameters() if p.requires_grad}
    buffers = dict(model.named_buffers())

    def loss(parameters: Tensors, record: Tensors) -> Tensor:
        one = replace(batch, **{name: tensor.unsqueeze(0) for name, tensor in record.items()})  # type: ignore[arg-type]
        held = {name: buffer.clone() for name, buffer in buffers.items()}
        asked, tensors = filled(model, one), parameters | held
        names = tensors if asked is model else {f"underneath.{name}": each for name, each in tensors.items()}
        return losses(lambda x: functional_call(asked, names, (x,)), one).squeeze(0)

    def clipped(part: Data) -> Tensors:
        gradients = per_record_gradients(loss, parameters, part.tensors())
        return weighted_sum(gradients, clipping_factors(squared_norms(gradients), clip))

    return added_up(clipped(part) for part in _parts(model, batch, RECORDS_AT_ONCE))


def clipped_sum_one_by_one(losses: RecordLosses, model: nn.Module, batch: Data, clip: float) -> Tensors:
    """For any model that takes a single record, by plain autograd; buffers are left as they were."""
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    total = {name: torch.zeros_like(parameter) for name, parameter in trained.items()}
    for place in range(len(batch)):
        gradients = _gradients_of_one(losses, model, batch[torch.tensor([place], device=batch.x.device)])
        norms = squared_norms({name: each[None] for name, each in gradients.items()})
        factor = clipping_factors(norms, clip).squeeze(0)  # a number, as a parameter may be
        for name, gradient in gradients.items():
            total[name] += factor.to(gradient.dtype) * gradient
    return total


def _gradients_of_one(losses: RecordLosses, model: nn.Module, record: Data) -> Tensors:
    """By `backward`, as recomputation demands, and so by the gradients that parameters hold."""
    trained = {name: p for name, p in model.named_parameters() if p.requires_grad}
    model.zero_grad(set_to_none=True)
    with _restoring(model):
        losses(model, record).sum().backward()
    found = {name: p.grad for name, p in trained.items()}
    model.zero_grad(set_to_none=True)
    return {
        name: torch.zeros_like(trained[name]) if gradient is None else gradient.to_dense()
        for name, gradient in found.items()
    }


def moving(model: nn.Module, like: Data) -> bool:
    """Whether each call changes a buffer, as a power iteration does; the model is left as it was."""
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    if not before:
        return False
    with _restoring(model):
        advance(model, like)
        return any(not torch.equal(buffer, before[name]) for name, buffer in model.named_buffers())


def advance(model: nn.Module, like: Data) -> None:
    """Let the buffers take a step, by a call on a record that is nobody's.

    Records themselves are shown to copies of the buffers: a power iteration that goes on at each of them would tell
    how many there were. Torch's global generator is left as it was.
    """
    middle = (like.schema.low + like.schema.high) / 2
    record = torch.full((1, *like.schema.shape), middle, dtype=like.x.dtype, device=like.x.device)
    with isolated(0, str(like.x.device)), torch.no_grad():
        logits_of(model, record, torch.full((1, len(like.schema.attributes)), -1, device=like.x.device))


@contextmanager
def _restoring(model: nn.Module) -> Iterator[None]:
    """Afterwards the buffers hold what they held before."""
    held = [(buffer, buffer.clone()) for buffer in model.buffers()]
    try:
        yield
    finally:
        with torch.no_grad():
            for buffer, value in held:
                buffer.copy_(value)


def _parts(model: nn.Module, batch: Data, most: int) -> Iterator[Data]:
    """The batch, in parts of at most so many records whose gradients fit into memory."""
    numbers = sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
    return in_parts(batch, max(1, min(most, NUMBERS_AT_ONCE // numbers)))


def in_parts(batch: Data, size: int) -> Iterator[Data]:
    """The batch, at least one record, in parts of at most `size` records."""
    if len(batch) <= size:
        yield batch
        return
    for places in torch.arange(len(batch), device=batch.x.device).split(size):
        yield batch[places]


def added_up(parts: Iterable[Tensors]) -> Tensors:
    """The sum of the clipped sums of at least one part of a batch."""
    return reduce(lambda one, other: {name: one[name] + other[name] for name in one}, parts)
