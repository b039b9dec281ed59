"""What differential privacy asks of a model: one record's gradient depends on no other, and nothing else is kept."""

import copy
from collections.abc import Callable, Iterator
from typing import Any, Final

import torch
from torch import Tensor, nn

from amulet.core.data import Data, Schema
from amulet.core.errors import Problem
from amulet.core.model import logits_of
from amulet.core.records.synthetic import made_up
from amulet.core.seeds import isolated
from amulet.core.user_code.containment import text_of

_MIXING = (nn.modules.batchnorm._BatchNorm,)  # noqa: SLF001 - the only common base of BatchNorm1d/2d/3d
_REMEDY = "build it with norm='group' (and the baseline too, to compare like with like)"
_KEPT = "let it keep nothing of them; as for layers that do, build it with norm='group' (the baseline too)"
_OWN_REMEDY = "take it out (of the baseline too, to compare like with like)"

_TORCHS = frozenset(vars(nn.Module()))
SHOWN: Final = 3
"""Names of what a model keeps that are told."""

Build = Callable[[], nn.Module]
"""Gives another untrained model like it, for one that cannot be copied."""


def privacy_problems(model: nn.Module, owner: str, schema: Schema, build: Build) -> Iterator[Problem]:
    """Why a model cannot be trained with differential privacy, if so; it is left as it was."""
    if names := mixing_layers(model):
        yield _unfit(owner, f"has {' and '.join(names)} layers, which mix the records of a batch", _REMEDY)
        return
    if any(parameter.is_complex() for parameter in model.parameters()):
        yield _unfit(owner, "has complex parameters, for which the noise is not made", "split them into two real ones")
        return
    try:
        yield from _dependences(_copier(model, build), owner, schema)
    except Exception as error:  # noqa: BLE001 - a user's model may raise anything
        yield Problem("model", f"{owner} cannot be tried in batches of other sizes: {text_of(error)}.")


def mixing_layers(model: nn.Module) -> list[str]:
    """The types of a model's layers that mix the records of a batch in training, such as BatchNorm1d, in order."""
    return sorted({type(module).__name__ for module in model.modules() if isinstance(module, _MIXING)})


def _copier(model: nn.Module, build: Build) -> Build:
    """Copies of the model; models built anew under one seed where it holds what cannot be copied, such as a lock."""
    try:
        copy.deepcopy(model)
    except Exception:  # noqa: BLE001 - a user's attributes may raise anything
        return build
    return lambda: copy.deepcopy(model)


def _dependences(copied: Build, owner: str, schema: Schema) -> Iterator[Problem]:
    """Each trial starts from a copy under one seed, so that dropout and power iterations are the same in all."""
    some = made_up(schema, 6)
    for training in (False, True):
        first, others, alone = (
            _after(copied().train(training), some[torch.tensor(places)]) for places in ([0, 1, 2], [0, 3, 4], [0])
        )
        if not torch.allclose(first[0][0], others[0][0], atol=1e-4):
            yield _unfit(owner, "gives a record other outputs in other batches", _REMEDY)
            return
        if not training and not torch.allclose(first[0][0], alone[0][0], atol=1e-4):
            yield _unfit(owner, "gives a record other outputs in batches of another size", _OWN_REMEDY)
            return
        if moved := sorted({*_other(first[1], others[1]), *_other(first[1], alone[1])}):
            names = ", ".join(f"'{name}'" for name in moved[:SHOWN])
            yield _unfit(owner, f"keeps running statistics of the data or other values of records ({names})", _KEPT)
            return


def _after(copied: nn.Module, some: Data) -> tuple[Tensor, dict[str, Any]]:
    """Outputs of a copy, and what it keeps once it has given them."""
    with isolated(0), torch.no_grad():
        outputs = logits_of(copied, some.x.clone(), some.z)
    return outputs.float(), kept_by(copied)


def kept_by(model: nn.Module) -> dict[str, Any]:
    """What a model holds beside its parameters: buffers, and tensors and numbers among the attributes of any module,
    in lists and mappings too.
    """
    kept: dict[str, Any] = dict(model.named_buffers())
    for name, module in model.named_modules():
        for key, value in vars(module).items():
            if key not in _TORCHS:
                kept |= dict(_values(value, f"{name}.{key}".strip(".")))
    return kept


def _values(value: Any, name: str) -> Iterator[tuple[str, Any]]:
    match value:
        case Tensor() | int() | float():
            yield name, value
        case list() | tuple():
            for number, item in enumerate(value):
                yield from _values(item, f"{name}[{number}]")
        case dict():
            for key, item in value.items():
                yield from _values(item, f"{name}[{key!r}]")


def _other(first: dict[str, Any], second: dict[str, Any]) -> set[str]:
    """Names under which the two hold other values."""
    missing = object()
    names = first.keys() | second.keys()
    return {name for name in names if not _equal(first.get(name, missing), second.get(name, missing))}


def _equal(first: Any, second: Any) -> bool:
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return first.shape == second.shape and torch.allclose(first, second, rtol=1e-4, equal_nan=True)
    return type(first) is type(second) and bool(first == second)


def _unfit(owner: str, how: str, remedy: str) -> Problem:
    return Problem("model", f"{owner} {how}, so differential privacy cannot be kept; {remedy}.")
