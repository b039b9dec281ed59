"""What Amulet asks of a model: that it is an nn.Module that maps inputs to logits."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

import torch
from torch import Tensor, nn

from amulet.core.data import Data, Schema, Selection, as_inputs, batch_size
from amulet.core.errors import InvalidData, InvalidParameter, Problem
from amulet.core.spec import Spec
from amulet.functional.perturbations.pgd import Classifier

Records = Data | Selection | Tensor
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
    """A model that is given the records' sensitive attributes beside their inputs, such as a threshold by group.

    One that is put around another model asks it by `logits_of(self.underneath, x, z)`, so that the two can be of
    either kind.
    """

    @property
    def needs_attributes(self) -> bool:
        """Whether it cannot predict without them.

        A model that only hands them on returns `needs_attributes(self.underneath)`, and gives `z` the default None.
        """
        return True

    @abstractmethod
    def forward(self, x: Tensor, z: Tensor) -> Tensor:
        """(n, classes) logits of inputs (n, *shape) and (n, attributes) codes, -1 where one is not recorded."""


def needs_attributes(model: object) -> bool:
    """Whether a model cannot predict a record without its sensitive attributes."""
    return isinstance(model, AttributeModel) and model.needs_attributes


def logits_of(model: Callable[..., Tensor], x: Tensor, z: Tensor | None = None) -> Tensor:
    """What a model makes of one batch, differentiable.

    Args:
        model: maps inputs to logits; an `AttributeModel` maps inputs and sensitive attributes.
        x: (n, *shape) inputs.
        z: (n, attributes) codes of the sensitive attributes, where they are at hand.

    Returns:
        (n, classes) logits.

    Raises:
        InvalidParameter: the model needs sensitive attributes, and there are none.
    """
    if not isinstance(model, AttributeModel):
        return model(x)
    if model.needs_attributes and (z is None or z.shape[1] == 0):
        remedy = "Pass the records as Data." if z is None else "These records have none."
        name = type(model).__name__
        raise InvalidParameter(
            [Problem("model", f"{name} needs the records' sensitive attributes to predict. {remedy}")]
        )
    logits: Tensor = model(x, z)
    return logits


M = TypeVar("M", bound=Callable[..., Tensor])


def filled(model: M, data: Data) -> "M | Filled":
    """The model as a function of inputs alone: itself, or with the sensitive attributes of these records filled in."""
    return Filled(model, data.z) if isinstance(model, AttributeModel) else model


class Filled(nn.Module):
    """An `AttributeModel` with the attributes of some records filled in, so that it maps other inputs for them."""

    def __init__(self, model: AttributeModel, z: Tensor) -> None:
        super().__init__()
        self.underneath, self.z = model, z

    def forward(self, x: Tensor) -> Tensor:
        """(n, classes) logits of inputs (n, *shape), a row for each of the records, in their order."""
        return logits_of(self.underneath, x, self.z)


def wrapped(model: nn.Module, wrap: Callable[[nn.Module], nn.Module]) -> nn.Module:
    """What `wrap` puts around a model, with a note of where the model lies in it, for `underneath`.

    Raises:
        InvalidParameter: the model needs the records' sensitive attributes and is not handed them.
    """
    outer = wrap(model)
    if needs_attributes(model) and outer is not model and not isinstance(outer, AttributeModel):
        inner, outer_name = type(model).__name__, type(outer).__name__
        allowed = f"an AttributeModel, to hand on the sensitive attributes that {inner} needs"
        raise InvalidParameter([Problem.of("stages", outer_name, allowed, f"{outer_name}, which takes inputs alone")])
    places = [name for name, module in outer.named_modules() if module is model and name]
    if places and _directly_underneath(outer) is not model:
        setattr(outer, _PLACE, places[0])
    return outer


_PLACE: Final = "place_of_the_model_underneath"
"""The attribute of a module that names the submodule which it was put around."""


def _directly_underneath(model: nn.Module) -> nn.Module | None:
    place = getattr(model, _PLACE, "underneath")
    below = getattr(model, place, None) if place == "underneath" else model.get_submodule(place)
    return below if isinstance(below, nn.Module) else None


def layers(model: nn.Module) -> Iterator[nn.Module]:
    """The model, and below it each of those that finishing stages were put around, the innermost last.

    A stage's module holds the one that it was put around as `underneath`; `wrapped` also finds it elsewhere.
    """
    below: nn.Module | None = model
    while below is not None:
        yield below
        below = _directly_underneath(below)


def underneath(model: nn.Module) -> nn.Module:
    """The model below everything that finishing stages have put around it; the model itself where there is nothing."""
    *_, innermost = layers(model)
    return innermost


def classifiers(model: nn.Module, data: Data) -> Iterator[tuple[Tensor, Classifier]]:
    """The model as functions of inputs alone, each with the places of the records that it is for.

    An ordinary model is one function for all records. One that needs sensitive attributes is one function for each
    combination of them among the records, so that a search may take any of the records in any order.
    """
    if not needs_attributes(model):
        yield torch.arange(len(data), device=data.x.device), model
        return
    rows, which = data.z.unique(dim=0, return_inverse=True)
    for number, row in enumerate(rows):
        yield (which == number).nonzero().flatten(), partial(_with_attributes, model, row)


def _with_attributes(model: nn.Module, row: Tensor, x: Tensor) -> Tensor:
    return logits_of(model, x, row.expand(len(x), -1))


@torch.no_grad()
def predict(model: Callable[..., Tensor], records: Records) -> Tensor:
    """(n, classes) logits of a model in the mode it is in, in batches, without gradients.

    It is given copies, since a model may work in place. Bytes become numbers batch by batch.

    Args:
        model: maps inputs to logits, or inputs and sensitive attributes where it is an `AttributeModel`.
        records: with their attributes; for an ordinary model their inputs (n, *shape) alone will do.

    Raises:
        InvalidParameter: it needs sensitive attributes and there are none; or it gives no logits for at least two
            classes: of one logit, the first class is always largest.
        InvalidData: it gives NaN, which would count as a prediction of some class, or logits whose largest is infinite.
    """
    name, start = type(model).__name__, 0
    logits = torch.empty(0)
    for x, z in batches(records):
        found = logits_of(model, as_inputs(x).clone(), z)
        problems = tuple(output_problems(found, len(x), owner=name))
        if problems:
            raise InvalidParameter(problems)
        if start == 0:  # one tensor for all: many small ones between large ones would keep memory from being used again
            logits = found.new_empty(len(records), found.shape[1])
        logits[start : start + len(x)] = found
        start += len(x)
    if not logits.amax(1).isfinite().all():
        what = "NaN" if logits.isnan().any() else "infinite logits, which have no probabilities"
        raise InvalidData([Problem("model", f"{name} gives {what}, so it predicts nothing. Did its training diverge?")])
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


def batches(records: Records) -> Iterator[tuple[Tensor, Tensor | None]]:
    """Parts of the records in turn, as many at one time as a model is given: inputs, and attributes where at hand."""
    if isinstance(records, Tensor):
        yield from ((x, None) for x in records.split(batch_size(records.shape[1:])))
    else:
        yield from ((part.x, part.z) for part in records.batches())


def probabilities_of(model: nn.Module, records: Data | Tensor) -> Tensor:
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
            parts = records.split(batch_size(records.shape[1:])) if isinstance(records, Tensor) else records.batches()
            return torch.cat([_given_last(model, part, calls) for part in parts])
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
