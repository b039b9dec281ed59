"""Checks of a model: that it maps records to logits, and what attacks and training need of it besides."""

import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import Final

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.parameter import UninitializedBuffer, UninitializedParameter

from amulet.core.data import Data, Schema, Selection, as_inputs
from amulet.core.errors import InvalidParameter, Problem
from amulet.core.model import (
    device_of,
    evaluating,
    filled,
    layers,
    logits_of,
    needs_attributes,
    output_problems,
    penultimate_features,
)
from amulet.core.records.synthetic import made_up
from amulet.core.seeds import all_isolated, generator, isolated
from amulet.core.text import with_article
from amulet.core.user_code.containment import text_of

PROBED: Final = 8
"""Made-up records on which a property of a model is looked for."""

JITTER: Final = 0.1
"""Standard deviation of the noise on weights while gradients are looked for, so that an output layer that starts
from zeros does not hide them."""


_WRAP_ESTIMATOR: Final = (
    "let the forward method of a module return the logarithms of its predict_proba as a tensor (docs/guide/own.md "
    "shows one). Attacks that need no gradients can then be run on it."
)


class HiddenConfidence(UserWarning):
    """A model gives probabilities where logits are meant."""


def classifier_problems(
    model: object,
    some: Data,
    *,
    parameter: str = "model",
    owner: str | None = None,
    name: str | None = None,
) -> Iterator[Problem]:
    """Why a model does not give one logit for each class of each record, if so.

    The one check of every model that Amulet opens, trains or compares. The model is tried in evaluation mode on two
    records and on one alone, since attacks ask about any number of them, and is left as it was.

    Args:
        model: whatever was given as a model.
        some: records, of which at most two are used.
        parameter: under which name the model was given.
        owner: what was given the model, in sentences on what that allows; by default the model's class.
        name: what the model is called in other sentences; by default as the owner.
    """
    owner = owner or type(model).__name__
    name = name or owner
    if not isinstance(model, nn.Module):
        remedy = _WRAP_ESTIMATOR if hasattr(model, "predict_proba") else "put a function into its forward method."
        yield Problem(
            parameter,
            f"The '{parameter}' must be a torch.nn.Module that maps records to logits. "
            f"Got {with_article(type(model).__name__)}; {remedy}",
        )
        return
    unfit = weights_problem(model, parameter, name)
    if unfit is None and needs_attributes(model) and not some.schema.attributes:
        inner = "" if name == type(model).__name__ else f" is used as {type(model).__name__}, which"
        needed = f"{name}{inner} needs the records' sensitive attributes to predict"
        unfit = Problem(parameter, f"{needed}. The data set has none.")
    if unfit is not None:
        yield unfit
        return
    classes = len(some.schema.classes)
    for count in (2, 1)[2 - min(len(some), 2) :]:
        try:
            outputs = outputs_of(model, few(some, count))
        except Exception as error:  # noqa: BLE001 - a user's model may raise anything
            alone = " one at a time" if count == 1 else ""
            reason = f"{text_of(error).rstrip('.')}{_other_type(model, some.x)}"
            yield Problem(parameter, f"{name} cannot take records of shape {some.schema.shape}{alone}: {reason}.")
            return
        found = tuple(output_problems(outputs, count, classes, parameter=parameter, owner=owner))
        yield from found
        if found:
            return


def weights_problem(model: nn.Module, parameter: str, name: str) -> Problem | None:
    """Why a model's tensors are not there to be computed with, if so.

    Args:
        model: any module.
        parameter: under which name it was given.
        name: what it is called in the sentence.
    """
    if is_lazy(model):
        return Problem(
            parameter,
            f"{name} has parameters without a shape, as those of torch's lazy layers before their first use. Call "
            "it once on some records, or load its weights.",
        )
    devices = sorted({str(tensor.device) for tensor in (*model.parameters(), *model.buffers())})
    if len(devices) > 1:
        return Problem(parameter, f"{name} must lie on one device. Its tensors lie on {' and '.join(devices)}.")
    if devices == ["meta"]:
        return Problem(parameter, f"{name} lies on the device 'meta', so it has no weights to compute with.")
    return None


def require_classifier(model: object, records: Data | Selection) -> None:
    """Raise InvalidParameter unless a model gives one logit for each class of each record.

    Warns with HiddenConfidence where it gives probabilities.
    """
    some = few(records)
    problems = tuple(classifier_problems(model, some))
    if problems:
        raise InvalidParameter(problems)
    assert isinstance(model, nn.Module)  # noqa: S101 - as has been checked
    if gives_probabilities(model, some):
        warnings.warn(probabilities_notice(type(model).__name__), HiddenConfidence, stacklevel=4)


def few(records: Data | Selection, count: int = PROBED) -> Data:
    """The first of the records, at most `count`, x as a model takes it."""
    data, places = (records.data, records.places) if isinstance(records, Selection) else (records, None)
    first = torch.arange(min(len(records), count), device=data.y.device)
    return data.at(first if places is None else places[first].to(data.y.device)).as_inputs()


def outputs_of(model: nn.Module, some: Data) -> Tensor:
    """What it gives for records in evaluation mode; it and torch's global generator are left as they were."""
    device = device_of(model)
    with isolated(0, str(device)), evaluating(model), torch.no_grad():
        return logits_of(model, some.x.to(device).clone(), some.z.to(device))


def rebuilding_problem(
    model: nn.Module, rebuilt: Callable[[Mapping[str, Tensor]], nn.Module], some: Data
) -> str | None:
    """Why a trained model cannot be made again from its weights and buffers alone, if so.

    Args:
        model: the trained one.
        rebuilt: gives another of the same structure, filled with the `state_dict` that it is given.
        some: records on which the outputs of both are compared.
    """
    device = str(device_of(model))
    try:
        weights: dict[str, object] = model.state_dict()
        others = [name for name, value in weights.items() if not isinstance(value, Tensor)]
        if others:
            return f"'{others[0]}' in its state_dict is {with_article(type(weights[others[0]]).__name__)} and no tensor"
        again = rebuilt(model.state_dict())
        with all_isolated(0, device):
            found = outputs_of(again, some).as_subclass(Tensor)
    except Exception as error:  # noqa: BLE001 - a user's model may raise anything
        return text_of(error).rstrip(".") or type(error).__name__
    with all_isolated(0, device):
        own = outputs_of(model, some).as_subclass(Tensor)
    return None if torch.allclose(own, found, rtol=1e-3, atol=1e-4, equal_nan=True) else "it gives other outputs"


def not_rebuildable(model: str, why: str) -> str:
    """The sentence for a model that the store cannot give back as it was; `why` as of `rebuilding_problem`."""
    return (
        f"{model} cannot be rebuilt from its weights and buffers, which are all that the store keeps of it ({why}). "
        "Forward hooks, a forward method of the instance and other attributes that change in training are lost: make "
        "them part of the model's class, or add them where it is built."
    )


def gives_probabilities(model: nn.Module, some: Data) -> bool:
    """Whether the outputs of every record are at least zero and sum to one, as those of a softmax."""
    outputs = outputs_of(model, some)
    ones = torch.ones(len(outputs), dtype=outputs.dtype, device=outputs.device)
    return bool((outputs >= 0).all()) and torch.allclose(outputs.sum(1), ones, atol=1e-3)


def probabilities_notice(owner: str) -> str:
    """What follows from a softmax on top of a model."""
    return (
        f"{owner} gives probabilities (its outputs are at least 0 and sum to 1), where logits are meant. A second "
        "softmax on top of them flattens its confidence, which hides leaks from membership inference and slows "
        "training. Remove the softmax from the model, or take the logarithm of its outputs."
    )


def gradient_problem(model: nn.Module, some: Data, free: Tensor | None = None) -> str | None:
    """Why the gradient of a model's outputs with respect to its inputs is of no use to an attack, if so.

    A gradient of zero is of use where a model below it, which finishing stages were put around, has another.

    Args:
        model: in any mode; it is tried in evaluation mode, with noise on its weights, and left as it was.
        some: records to try it on.
        free: mask shaped like one record of the inputs that may change; None for all.
    """
    if free is not None and not free.any():
        return None
    try:
        gradients = [_gradient(layer, some) for layer in layers(model)]
    except Exception as error:  # noqa: BLE001 - as above
        if "does not require grad" in str(error) or "to not have been used in the graph" in str(error):
            return "its outputs do not depend on its inputs by differentiable operations"
        return f"its backward pass fails ({text_of(error)})"
    used = [gradient if free is None else gradient * free.to(gradient) for gradient in gradients]
    if not all(gradient.isfinite().all() for gradient in used):
        return "it is not finite"
    return None if any(gradient.any() for gradient in used) else _FLAT


_FLAT: Final = "it is zero everywhere, as behind a rounding, a sign or a comparison"


_WITH_FIXED_WEIGHTS: Final = (torch.jit.ScriptModule, nn.DataParallel)
"""Kinds of modules that cannot be called with other weights than their own."""


def _gradient(model: nn.Module, some: Data) -> Tensor:
    device = device_of(model)
    leaf, z = some.x.to(device).clone().requires_grad_(), some.z.to(device)
    asked = filled(model, replace(some, z=z))
    jittered = {name: _jittered(parameter) for name, parameter in asked.named_parameters()}
    fixed = any(isinstance(module, _WITH_FIXED_WEIGHTS) for module in asked.modules())
    with isolated(0, str(device)), evaluating(model), torch.enable_grad():
        outputs = asked(leaf.clone()) if fixed else functional_call(asked, jittered, (leaf.clone(),))
        slope = torch.randn(outputs.shape, generator=generator(0, "slope")).to(outputs)
        (gradient,) = torch.autograd.grad((outputs * slope).sum(), leaf)
    return gradient


def needs_gradients(attack: str, model: nn.Module, some: Data, free: Tensor | None = None) -> Iterator[str]:
    """Why what climbs a model's loss by its input gradients cannot do so, as a sentence that names what works."""
    why = gradient_problem(model, some, free)
    if why is not None:
        yield (
            f"{attack} needs the gradient of the model's outputs with respect to its inputs, and that of "
            f"{type(model).__name__} is of no use: {why}. What works without: AutoAttack with parts: [square], which "
            "only queries the model, and Transfer with surrogate models that have such gradients."
        )


def needs_features(asker: str, model: nn.Module, some: Data) -> Iterator[Problem]:
    """Why a model has no penultimate features for some records, as a problem of what needs them."""
    try:
        with isolated(0, str(device_of(model))):
            penultimate_features(model, some)
    except Exception as error:  # noqa: BLE001 - as above
        yield Problem(
            "model", f"{asker} needs the features that the model's last linear layer is given. {text_of(error)}"
        )


def materialized(model: nn.Module, schema: Schema) -> nn.Module:
    """The model, once its lazy parameters, if it has any, have got their shapes and first values.

    They draw them from torch's global generator, as all others did when the model was built.
    """
    if is_lazy(model):
        with evaluating(model), torch.no_grad():
            some = made_up(schema, 2)
            logits_of(model, some.x, some.z)
    return model


def is_lazy(model: nn.Module) -> bool:
    """Whether some parameters or buffers have no shape yet."""
    return any(
        isinstance(tensor, UninitializedParameter | UninitializedBuffer)
        for tensor in (*model.parameters(), *model.buffers())
    )


def _other_type(model: nn.Module, x: Tensor) -> str:
    """What to do about weights of another floating type than the records."""
    own = {parameter.dtype for parameter in model.parameters() if parameter.is_floating_point()}
    given = as_inputs(x).dtype
    if not own or given in own:
        return ""
    kinds = " and ".join(sorted(str(kind) for kind in own))
    return f". Its weights are {kinds} and the records {given}: bring both to one type, as by model.float()"


def _jittered(parameter: Tensor) -> Tensor:
    if not parameter.is_floating_point():
        return parameter.detach()
    noise = torch.randn(parameter.shape, generator=generator(0, "jitter"), dtype=torch.float32)
    return parameter.detach() + (JITTER * noise).to(parameter)
