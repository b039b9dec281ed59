"""What Amulet asks of a model: that it is an nn.Module that maps inputs to logits."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from amulet.core.data import Schema, as_inputs
from amulet.core.errors import InvalidData, InvalidParameter, Problem
from amulet.core.spec import Spec

EVALUATION_BATCH = 2048


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
def predict(model: Callable[[Tensor], Tensor], x: Tensor) -> Tensor:
    """(n, classes) logits of a model in the mode it is in, in batches, without gradients.

    It is given copies, since a model may work in place.

    Raises:
        InvalidParameter: it gives no logits for at least two classes: of one logit, the first class is always largest.
        InvalidData: it gives NaN, which would count as a prediction of some class.
    """
    name, parts = type(model).__name__, []
    for part in x.split(EVALUATION_BATCH):
        outputs = model(as_inputs(part).clone())
        problems = tuple(output_problems(outputs, len(part), owner=name))
        if problems:
            raise InvalidParameter(problems)
        parts.append(outputs)
    logits = torch.cat(parts)
    if logits.isnan().any():
        raise InvalidData([Problem("model", f"{name} gives NaN, so it predicts nothing. Did its training diverge?")])
    return logits


def output_problems(
    outputs: object, records: int, classes: int | None = None, *, parameter: str = "model", owner: str
) -> Iterator[Problem]:
    """Why what a model gave for some records is not one logit for each class of each of them, if so.

    Args:
        outputs: whatever the model gave.
        records: how many records it was given.
        classes: how many logits a record must have; None for any number from two on.
        parameter: under which name the model was given.
        owner: what the model is called in the sentence.
    """
    some = "classes" if classes is None else str(classes)
    rest = ", one for each of at least two classes" if classes is None else ""
    allowed = f"The '{parameter}' of {owner} must be a map to logits of shape (n, {some}){rest}."
    if not isinstance(outputs, Tensor):
        held = f" with {', '.join(map(repr, outputs))}" if isinstance(outputs, Mapping) else ""
        kind = type(outputs).__name__
        yield Problem(parameter, f"{allowed} Got a {kind}{held}; let its forward method return the logits alone.")
    elif not outputs.is_floating_point():
        yield Problem(parameter, f"{allowed} Got {outputs.dtype}, which are no logits.")
    elif outputs.dim() != 2 or len(outputs) != records or outputs.shape[1] != (classes or max(outputs.shape[1], 2)):
        yield Problem(parameter, f"{allowed} Got {tuple(outputs.shape)} for {_counted(records)}.")


def _counted(records: int) -> str:
    return "one record" if records == 1 else f"{records} records"


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
            return torch.cat([_given_last(model, part, calls) for part in x.split(EVALUATION_BATCH)])
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
