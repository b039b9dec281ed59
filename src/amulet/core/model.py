"""What Amulet asks of a model: that it is an nn.Module that maps inputs to logits."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from amulet.core.data import Data, Schema, Selection, as_inputs, batch_size
from amulet.core.errors import InvalidData, InvalidParameter, Problem
from amulet.core.spec import Spec

Inputs = Tensor | Data | Selection
"""What a model is asked about: records, or their x."""


@dataclass(frozen=True)
class ModelSpec(Spec):
    """A model to be built: its architecture, without weights."""

    @abstractmethod
    def build(self, schema: Schema) -> nn.Module:
        """A freshly initialised model: inputs (n, *schema.shape) to logits (n, classes).

        Initialisation draws from torch's global generator, which `training.fit` seeds.
        """


@contextmanager
def evaluating(model: nn.Module) -> Iterator[nn.Module]:
    """The model in evaluation mode; afterwards every submodule is as it was, whatever happened inside."""
    modes = [(module, module.training) for module in model.modules()]
    try:
        yield model.eval()
    finally:
        for module, training in modes:
            module.training = training


def device_of(model: nn.Module) -> torch.device:
    """Where the model's parameters lie (the CPU if it has none)."""
    return next((parameter.device for parameter in model.parameters()), torch.device("cpu"))


@torch.no_grad()
def predict(model: Callable[[Tensor], Tensor], x: Inputs) -> Tensor:
    """(n, classes) logits of a model in the mode it is in, in batches, without gradients.

    It is given copies, since a model may work in place. Bytes become numbers batch by batch.

    Raises:
        InvalidParameter: it gives no logits for at least two classes: of one logit, the first class is always largest.
        InvalidData: it gives NaN, which would count as a prediction of some class.
    """
    name, start = type(model).__name__, 0
    logits = torch.empty(0)
    for part in in_batches(x):
        found = model(as_inputs(part).clone())
        if found.dim() != 2 or len(found) != len(part) or found.shape[1] < 2:
            allowed = "a map to logits of shape (n, classes), one for each of at least two classes"
            raise InvalidParameter([Problem.of("model", name, allowed, tuple(found.shape))])
        if start == 0:  # one tensor for all: many small ones between large ones would keep memory from being used again
            logits = found.new_empty(len(x), found.shape[1])
        logits[start : start + len(part)] = found
        start += len(part)
    if logits.isnan().any():
        raise InvalidData([Problem("model", f"{name} gives NaN, so it predicts nothing. Did its training diverge?")])
    return logits


def in_batches(x: Inputs) -> Iterator[Tensor]:
    """Parts of x in turn, as many records at one time as a model is given."""
    if isinstance(x, Tensor):
        yield from x.split(batch_size(x.shape[1:]))
    else:
        yield from (part.x for part in x.batches())


def probabilities_of(model: nn.Module, x: Tensor) -> Tensor:
    """(n, classes) float64 probabilities in evaluation mode, on the CPU; the model is left as it was."""
    with evaluating(model):
        return predict(model, x.to(device_of(model))).double().softmax(1).cpu()


def penultimate_features(model: nn.Module, x: Tensor) -> Tensor:
    """(n, features) what the linear layer that the model calls last is given.

    Raises:
        ValueError: it calls none, or its last one more than once, or not with a row for each record.
    """
    calls: list[tuple[nn.Module, Tensor]] = []
    handles = [
        module.register_forward_pre_hook(lambda layer, inputs: calls.append((layer, inputs[0])))
        for module in model.modules()
        if isinstance(module, nn.Linear)
    ]
    try:
        with evaluating(model):
            return torch.cat([_given_last(model, part, calls) for part in in_batches(x)])
    finally:
        for handle in handles:
            handle.remove()


def _given_last(model: nn.Module, x: Tensor, calls: list[tuple[nn.Module, Tensor]]) -> Tensor:
    calls.clear()
    predict(model, x)
    if not calls:
        raise ValueError(f"{type(model).__name__} has no linear layer, so it has no penultimate features.")
    head, features = calls[-1]
    if sum(layer is head for layer, _ in calls) > 1 or len(features) != len(x):
        raise ValueError(
            f"{type(model).__name__} does not give its last linear layer one row for each record, so it has no "
            "penultimate features."
        )
    return features.flatten(1)
