"""The ways to hand over arrays: x and y to be split, or a split at hand. Every other call is told how to call."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from numbers import Real
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from torch import Tensor

from amulet.core.errors import InvalidData, Problem
from amulet.datasets.users_data.arrays import Array, Columns, invalid

Pair: TypeAlias = tuple[Array, Array]
"""x and y of the same records."""

HOW = (
    "from_arrays(x, y), which splits the records by 'test_share' and 'seed', or from_arrays((x_train, y_train), "
    "(x_test, y_test)), with dense x of shape (n, features) or (n, channels, height, width) and y of shape (n,)"
)


def pairs_of(arrays: Sequence[object], train: object, test: object, owner: str) -> tuple[Pair, ...]:
    """One pair of x and y that is to be split, or those of train and test.

    Raises:
        InvalidData: the arrays are handed over in no such way.
    """
    given = [array for array in arrays if array is not None]
    named = [part for part in (train, test) if part is not None]
    parts: Sequence[Any] = given or named
    shown = f"({', '.join(_shown(part) for part in (*given, *named))})"
    if len(parts) != 2 or (given and named):
        raise _how(owner, shown)
    if all(_is_pair(part) and _dimensions(part[1]) == 1 for part in parts):
        return (parts[0][0], parts[0][1]), (parts[1][0], parts[1][1])
    if named or any(_is_no_array(part) for part in parts) or _dimensions(parts[1]) > 1:
        raise _how(owner, shown)
    return ((parts[0], parts[1]),)


def columns_of(sensitive: object, pairs: int, owner: str) -> tuple[Columns, ...]:
    """The sensitive attributes of each pair.

    Raises:
        InvalidData: it is no mapping of names to columns, or not one a pair.
    """
    if sensitive is None:
        return ({},) * pairs
    parts = (sensitive,) if pairs == 1 else tuple(sensitive) if isinstance(sensitive, tuple | list) else ()
    if len(parts) != pairs or not all(isinstance(part, Mapping | pd.DataFrame) for part in parts):
        allowed = (
            "a mapping of names to columns of shape (n,)"
            if pairs == 1
            else "two mappings of names to columns, one for train and one for test"
        )
        raise invalid("sensitive", owner, allowed, sensitive)
    return parts


def refuse_unused_split(test_share: float | None, seed: int | None, owner: str) -> None:
    """Refuse settings of a split where the split is given."""
    problems = [
        Problem.of(parameter, owner, "left out where train and test are given", value)
        for parameter, value in (("test_share", test_share), ("seed", seed))
        if value is not None
    ]
    if problems:
        raise InvalidData(problems)


def texts_of(given: object, parameter: str, owner: str) -> tuple[str, ...]:
    """Names as a tuple, whatever holds them; none for None.

    Raises:
        InvalidData: it is a single text, or nothing that holds names in an order.
    """
    if given is None:
        return ()
    if isinstance(given, str | bytes | Mapping | AbstractSet) or not isinstance(given, Iterable):
        raise invalid(parameter, owner, "a list of names", given)
    return tuple(given)


def two_numbers(given: object, owner: str) -> tuple[float, float]:
    """Bounds as a pair, whatever holds them.

    Raises:
        InvalidData: they are no two numbers.
    """
    listed = [] if isinstance(given, str | bytes) or not isinstance(given, Iterable) else list(given)
    numbers = [
        value.item() if isinstance(value, np.generic | Tensor) and value.ndim == 0 else value for value in listed
    ]
    if len(numbers) != 2 or not all(isinstance(value, Real) for value in numbers):
        raise invalid("bounds", owner, "two numbers, the least and the largest value of any input", given)
    return float(numbers[0]), float(numbers[1])


def _how(owner: str, shown: str) -> InvalidData:
    return InvalidData([Problem("x", f"The arrays of {owner} must be given as {HOW}. Got {shown}.")])


def _dimensions(value: Any) -> int:
    if isinstance(value, list | tuple):
        return 1 + max(map(_dimensions, value[:1]), default=0)
    return 0 if getattr(value, "is_nested", False) else int(getattr(value, "ndim", 0))


def _is_pair(value: Any) -> bool:
    return isinstance(value, tuple | list) and len(value) == 2 and all(_dimensions(part) for part in value)


def _is_no_array(value: Any) -> bool:
    if getattr(value, "is_nested", False):
        return True
    return isinstance(value, str | bytes) or not (hasattr(value, "__array__") or isinstance(value, Sequence))


def _shown(value: Any) -> str:
    if getattr(value, "is_nested", False):
        return "a nested tensor"
    shape = getattr(value, "shape", None)
    if shape is not None:
        return f"{type(value).__name__} of shape {tuple(shape)}"
    if isinstance(value, tuple) and len(value) <= 3:
        return f"({', '.join(map(_shown, value))})"
    return f"{type(value).__name__} of length {len(value)}" if hasattr(value, "__len__") else type(value).__name__
