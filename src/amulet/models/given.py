"""A module at hand, weights and all, as the place where training starts."""

import copy
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from functools import cached_property
from types import BuiltinFunctionType, FunctionType
from typing import Final

import numpy as np
import torch
from torch import Tensor, nn

from amulet.core.classifier import weights_problem
from amulet.core.data import Schema
from amulet.core.errors import AmuletError, InvalidParameter, Problem
from amulet.core.model import ModelSpec
from amulet.core.short_repr import module_text
from amulet.core.spec import Content, path_of
from amulet.core.user_code.source import source_digest

_HOOKS: Final = frozenset({"_forward_hooks", "_forward_pre_hooks"})
_UNSEEN: Final = frozenset(vars(nn.Module())) - _HOOKS
"""Torch's own attributes that decide no output, or are read by name."""


@dataclass(frozen=True, eq=False)
class ModuleContent(Content):
    """A copy of a module, on the CPU.

    Its digest covers classes with their source, attributes, weights, buffers, which of them are frozen or shared, and
    hooks.
    Whether it is in training mode makes no difference.
    """

    module: nn.Module

    def __post_init__(self) -> None:
        given: object = self.module
        if not isinstance(given, nn.Module):
            kind = type(given).__name__
            raise InvalidParameter([Problem("module", f"The 'module' must be a torch.nn.Module. Got a {kind}.")])
        unfit = weights_problem(given, "module", type(given).__name__)
        if unfit is not None:
            raise InvalidParameter([unfit])
        object.__setattr__(self, "module", copy.deepcopy(self.module).cpu())

    @cached_property
    def digest(self) -> str:
        """Of all parts in order.

        Raises:
            AmuletError: an attribute is of a kind that cannot be read.
        """
        digest, met = hashlib.sha256(), dict[int, str]()
        for name, part in self.module.named_modules(remove_duplicate=False):
            digest.update(f"{name} is {met.setdefault(id(part), name)};".encode())
            code = source_digest(type(part).__module__)
            digest.update(f"{name}:{path_of(type(part))}:{part.extra_repr()}:{code};".encode())
            for key, value in _attributes(part):
                shared = met.setdefault(id(value), f"{name}.{key}") if isinstance(value, Tensor) else ""
                digest.update(f"{key} {shared}=".encode())
                digest.update(_bytes(value))
        return digest.hexdigest()

    def __repr__(self) -> str:
        """The class of the module, and its number of parameters."""
        return f"ModuleContent({module_text(self.module)})"

    def __str__(self) -> str:
        """Class and the first digits of its digest."""
        return f"{type(self.module).__name__} {self.digest[:12]}"


def _attributes(part: nn.Module) -> Iterator[tuple[str, object]]:
    yield from part.named_parameters(recurse=False)
    yield from part.named_buffers(recurse=False)
    for key, value in sorted(vars(part).items()):
        if key in _HOOKS:  # their keys count all hooks of a process
            yield key, list(value.values())
        elif key not in _UNSEEN:
            yield key, value


def _bytes(value: object) -> bytes:
    """All that a value holds, so that two that differ never read alike."""
    match value:
        case Tensor():
            head = f"{value.dtype}:{tuple(value.shape)}:{value.requires_grad};".encode()
            return head + value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes()
        case np.ndarray():
            return f"{value.dtype}:{value.shape};".encode() + value.tobytes()
        case Mapping():
            return _bytes([*value.items()])
        case list() | tuple():
            return b"[" + b",".join(_bytes(item) for item in value) + b"]"
        case None | bool() | int() | float() | str() | bytes() | Enum() | torch.dtype() | torch.device():
            return f"{value!r};".encode()
        case FunctionType() | BuiltinFunctionType() | type() if _told_by_name(value):
            given = [getattr(value, "__defaults__", None), getattr(value, "__kwdefaults__", None)]
            named = f"{value.__module__}.{value.__qualname__}:{source_digest(value.__module__)};"
            return named.encode() + _bytes(given)
    raise AmuletError(
        f"A module that holds {type(value).__name__} values beside its weights cannot be told from others like it. "
        "Name its class with ImportedModel instead."
    )


def _told_by_name(value: object) -> bool:
    """Whether name, source and defaults decide what it does: no lambda, of which one place can hold several, and
    nothing captured.
    """
    return not isinstance(value, FunctionType) or ("<lambda>" not in value.__qualname__ and not value.__closure__)


@dataclass(frozen=True)
class GivenModel(ModelSpec):
    """Starts every training from the weights of a module, whatever the seed; `GivenModel.of(module)` makes one.

    The module is copied, so that training never changes it. It lives in Python only and cannot be written in YAML.
    """

    content: ModuleContent

    @classmethod
    def of(cls, module: nn.Module) -> "GivenModel":
        """From the module as it is now."""
        return cls(ModuleContent(module))

    def build(self, schema: Schema) -> nn.Module:
        """Another copy."""
        del schema
        return copy.deepcopy(self.content.module)
