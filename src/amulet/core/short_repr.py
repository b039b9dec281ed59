"""The `repr` of objects that hold tensors or models: what they hold, on one line, without the values."""

from collections.abc import Iterable, Mapping
from dataclasses import MISSING, fields
from itertools import islice
from typing import Any, Final

import numpy as np
from torch import Tensor, nn
from torch.nn.parameter import is_lazy

from amulet.core.text import short_number, visible

LONGEST: Final = 120
"""The most characters of one value."""
MOST: Final = 6
"""The most items of a tuple, list or mapping that are shown."""


def short_repr(instance: Any) -> str:
    """One line for an instance of a dataclass; it becomes its `repr` where the class says `__repr__ = short_repr`.

    Fields that have their defaults are left out. A tensor is its type and shape, a module its class and number of
    parameters, a long collection its first items and their number.

    Example:
        >>> from amulet.core.split import Split
        >>> Split().divide(100)
        Division(members=int64 (45,), auxiliary=int64 (45,), validation=int64 (10,))
    """
    shown = (
        f"{field.name}={described(value)}"
        for field in fields(instance)
        if field.repr and (value := getattr(instance, field.name)) is not field.default and not _is_empty(field, value)
    )
    return f"{type(instance).__name__}({', '.join(shown)})"


def described(value: object) -> str:
    """One value on one line, as `short_repr` shows it.

    Example:
        >>> described(nn.Linear(2, 3)), described(list(range(100)))
        ('Linear with 9 parameters', '[0, 1, 2, 3, 4, 5, ... 100 in all]')
    """
    match value:
        case Tensor() | np.ndarray():
            return f"{str(value.dtype).removeprefix('torch.')} {tuple(value.shape)}"
        case nn.Module():
            return module_text(value)
        case Mapping():
            pairs = (f"{described(key)}: {described(item)}" for key, item in islice(value.items(), MOST))
            return f"{{{_listed(pairs, len(value))}}}"
        case list() | tuple() if type(value) in (list, tuple):
            inside = _listed(map(described, value[:MOST]), len(value))
            return f"[{inside}]" if isinstance(value, list) else f"({inside}{',' * (len(value) == 1)})"
        case float():
            return short_number(value)
        case _:
            text = visible(" ".join(repr(value).split()))
            return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def module_text(module: nn.Module) -> str:
    """The class of a module and how many parameters it has: "Linear with 9 parameters"."""
    count = sum(parameter.numel() for parameter in module.parameters() if not is_lazy(parameter))
    return f"{type(module).__name__} with {count:,} {'parameter' if count == 1 else 'parameters'}"


def _listed(shown: Iterable[str], count: int) -> str:
    return ", ".join(shown) + (f", ... {count:,} in all" if count > MOST else "")


def _is_empty(field: Any, value: object) -> bool:
    """Whether the field is one that is made empty by default, and still is."""
    return field.default_factory is not MISSING and isinstance(value, dict | list | tuple) and not value
