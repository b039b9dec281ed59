"""What Amulet asks of a model: that it is an nn.Module that maps inputs to logits."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import torch
from torch import Tensor, nn

from amulet.core.data import Data, Schema, as_inputs
from amulet.core.errors import InvalidData, InvalidParameter, Problem
from amulet.core.spec import Spec
from amulet.functional.pgd import Classifier

EVALUATION_BATCH = 2048

Records = Data | Tensor
"""Records, or for models that do not need sensitive attributes their inputs (n, *shape) alone."""


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


class AttributeModel(nn.Module, ABC):
    """A model whose prediction for a record depends on its sensitive attributes too, such as a threshold by group."""

    @abstractmethod
    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """(n, classes) logits of inputs (n, *shape) and (n, attributes) codes, -1 where one is not recorded."""


def underneath(model: nn.Module) -> nn.Module:
    """The model below everything that finishing stages have put around it: what a module holds as `underneath`."""
    while isinstance(below := getattr(model, "underneath", None), nn.Module):
        model = below
    return model


def classifiers(model: nn.Module, data: Data) -> Iterator[tuple[Tensor, Classifier]]:
    """The model as functions of inputs alone, each with the places of the records that it is for.

    An ordinary model is one function for all records. One that needs sensitive attributes is one function for each
    combination of them among the records, so that a search may take any of the records in any order.
    """
    if not isinstance(model, AttributeModel):
        yield torch.arange(len(data), device=data.x.device), model
        return
    rows, which = data.z.unique(dim=0, return_inverse=True)
    for number, row in enumerate(rows):
        yield (which == number).nonzero().flatten(), partial(_with_attributes, model, row)


def _with_attributes(model: AttributeModel, row: Tensor, x: Tensor) -> Tensor:
    logits: Tensor = model(x, row.expand(len(x), -1))
    return logits


@torch.no_grad()
def predict(model: Callable[..., Tensor], records: Records) -> Tensor:
    """(n, classes) logits of a model in the mode it is in, in batches, without gradients.

    It is given copies, since a model may work in place.

    Args:
        model: maps inputs to logits, or inputs and sensitive attributes where it is an `AttributeModel`.
        records: with their attributes; for an ordinary model their inputs (n, *shape) alone will do.

    Raises:
        InvalidParameter: it gives no logits for at least two classes: of one logit, the first class is always largest.
        InvalidData: it gives NaN, which would count as a prediction of some class.
    """
    name = type(model).__name__
    if isinstance(model, AttributeModel) and isinstance(records, Tensor):
        raise InvalidParameter(
            [Problem("model", f"{name} needs the records' sensitive attributes to predict. Pass the records as Data.")]
        )
    logits = torch.cat([model(*arguments) for arguments in _batches(model, records)])
    if logits.dim() != 2 or logits.shape[1] < 2:
        allowed = "a map to logits of shape (n, classes), one for each of at least two classes"
        raise InvalidParameter([Problem.of("model", name, allowed, tuple(logits.shape))])
    if logits.isnan().any():
        raise InvalidData([Problem("model", f"{name} gives NaN, so it predicts nothing. Did its training diverge?")])
    return logits


def _batches(model: Callable[..., Tensor], records: Records) -> Iterator[tuple[Tensor, ...]]:
    """The arguments of the model for each batch."""
    inputs = records if isinstance(records, Tensor) else records.x
    parts = (as_inputs(part).clone() for part in inputs.split(EVALUATION_BATCH))
    if isinstance(model, AttributeModel) and isinstance(records, Data):
        return zip(parts, records.z.split(EVALUATION_BATCH), strict=True)
    return ((part,) for part in parts)


def probabilities_of(model: nn.Module, records: Records) -> Tensor:
    """(n, classes) float64 probabilities in evaluation mode, on the CPU; the model is left as it was."""
    with evaluating(model):
        return predict(model, records.to(device_of(model))).double().softmax(1).cpu()


def penultimate_features(model: nn.Module, records: Records) -> Tensor:
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
            places = torch.arange(len(records)).split(EVALUATION_BATCH)
            return torch.cat([_given_last(model, records[part], calls) for part in places])
    finally:
        for handle in handles:
            handle.remove()


def _given_last(model: nn.Module, records: Records, calls: list[tuple[nn.Module, Tensor]]) -> Tensor:
    calls.clear()
    predict(model, records)
    if not calls:
        raise ValueError(f"{type(model).__name__} has no linear layer, so it has no penultimate features.")
    head, features = calls[-1]
    if sum(layer is head for layer, _ in calls) > 1 or len(features) != len(records):
        raise ValueError(
            f"{type(model).__name__} does not give its last linear layer one row for each record, so it has no "
            "penultimate features."
        )
    return features.flatten(1)
