"""What differential privacy asks of a model: one record's gradient depends on no other, and nothing else is kept."""

import copy
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from amulet.core.containment import text_of
from amulet.core.data import Data, Schema
from amulet.core.errors import Problem
from amulet.core.model import logits_of
from amulet.core.seeds import isolated
from amulet.core.synthetic import made_up

_MIXING = (nn.modules.batchnorm._BatchNorm,)  # noqa: SLF001 - the only common base of BatchNorm1d/2d/3d
_REMEDY = "build it with norm='group' (and the baseline too, to compare like with like)"
_OWN_REMEDY = "take it out (of the baseline too, to compare like with like)"


def privacy_problems(model: nn.Module, owner: str, schema: Schema) -> Iterator[Problem]:
    """Why a model cannot be trained with differential privacy, if so; it is left as it was."""
    names = sorted({type(module).__name__ for module in model.modules() if isinstance(module, _MIXING)})
    if names:
        yield _unfit(owner, f"has {' and '.join(names)} layers, which mix the records of a batch", _REMEDY)
        return
    if any(parameter.is_complex() for parameter in model.parameters()):
        yield _unfit(owner, "has complex parameters, for which the noise is not made", "split them into two real ones")
        return
    try:
        yield from _dependences(model, owner, schema)
    except Exception as error:  # noqa: BLE001 - a user's model may raise anything
        yield Problem("model", f"{owner} cannot be tried in batches of other sizes: {text_of(error)}.")


def _dependences(model: nn.Module, owner: str, schema: Schema) -> Iterator[Problem]:
    """Each trial starts from a copy under one seed, so that dropout and power iterations are the same in all."""
    some = made_up(schema, 6)
    for training in (False, True):
        model.train(training)
        first, others = (_after(model, some[torch.tensor(places)]) for places in ([0, 1, 2], [0, 3, 4]))
        if not torch.allclose(first[0][0], others[0][0], atol=1e-4):
            yield _unfit(owner, "gives a record other outputs in other batches", _REMEDY)
            return
        alone = _after(model, some[torch.tensor([0])])
        if not training and not torch.allclose(first[0][0], alone[0][0], atol=1e-4):
            yield _unfit(owner, "gives a record other outputs in batches of another size", _OWN_REMEDY)
            return
        if not (_same(first[1], others[1]) and _same(first[1], alone[1])):
            yield _unfit(owner, "keeps running statistics of the data", _REMEDY)
            return


def _after(model: nn.Module, some: Data) -> tuple[Tensor, dict[str, Any]]:
    """Outputs of a copy, and what it keeps once it has given them."""
    tried = copy.deepcopy(model)
    with isolated(0), torch.no_grad():
        outputs = logits_of(tried, some.x.clone(), some.z)
    return outputs.float(), kept_by(tried)


def kept_by(model: nn.Module) -> dict[str, Any]:
    """What a model holds beside its parameters: buffers, and tensors and numbers among the attributes of any module."""
    kept: dict[str, Any] = dict(model.named_buffers())
    for name, module in model.named_modules():
        own = vars(module).items()
        kept |= {f"{name}.{key}": value for key, value in own if isinstance(value, Tensor | int | float)}
    return kept


def _same(first: dict[str, Any], second: dict[str, Any]) -> bool:
    return first.keys() == second.keys() and all(_equal(value, second[name]) for name, value in first.items())


def _equal(first: Any, second: Any) -> bool:
    if isinstance(first, Tensor) and isinstance(second, Tensor):
        return first.shape == second.shape and torch.allclose(first, second, rtol=1e-4, equal_nan=True)
    return type(first) is type(second) and bool(first == second)


def _unfit(owner: str, how: str, remedy: str) -> Problem:
    return Problem("model", f"{owner} {how}, so differential privacy cannot be kept; {remedy}.")
