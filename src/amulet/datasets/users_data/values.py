"""What the values of one column are: known or missing, of which kind, under which name.

The container does not count: lists, tuples, NumPy arrays of any type, tensors, pandas columns and masked arrays with
the same values give the same result. Missing is what Python, NumPy and pandas have for it (None, NaN, NaT, NA, a
masked entry); text is text.
"""

import math
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from numbers import Real
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from torch import Tensor

from amulet.core.errors import InvalidData, Problem
from amulet.core.text import look_of

MOST_VALUES: Final = 100
"""Values of a text column, which become as many columns, or as many groups of a sensitive attribute."""

MOST_NUMBERS: Final = 20
"""Different numbers in a target or a sensitive attribute; more of them are taken for a quantity, not for groups."""

MOST_FRACTIONS: Final = 10
"""The same where some of the numbers are not whole."""

_WRITTEN_MISSING: Final = ("nan", "NaN", "NaT", "<NA>")
"""What NumPy and pandas write for a missing value when they make text of a column."""

_WIDTH_OF_FLOATS: Final = np.dtype("<U32")
"""The type that NumPy gives to text and floats together, however short the text: there, 'nan' was a missing value."""


@dataclass(frozen=True, eq=False)
class Coded:
    """A column as codes.

    Attributes:
        codes: (n,) int64 places in `distinct`, -1 where missing.
        distinct: the different known values in ascending order.
    """

    codes: NDArray[np.int64]
    distinct: tuple[Any, ...]

    @property
    def numbers(self) -> bool:
        """Whether all known values are numbers."""
        return bool(self.distinct) and all(_kind(value) == "numbers" for value in self.distinct)

    @property
    def names(self) -> tuple[str, ...]:
        """Each value as text; a whole number alike whether it was held as 1 or as 1.0."""
        return tuple(name_of(value) for value in self.distinct)


def name_of(value: object) -> str:
    """A value as text, a whole number alike whether it is held as 1 or as 1.0."""
    whole = isinstance(value, float) and math.isfinite(value) and value.is_integer()
    return str(int(value)) if whole else str(value)  # type: ignore[call-overload]


def objects_of(values: object, what: str) -> NDArray[Any]:
    """The values as Python objects, None where missing; `what` names the column in messages.

    Raises:
        InvalidData: it is no column, holds bytes, or holds text that stands for a missing value.
    """
    column = _objects(values, what)
    column[pd.isna(column)] = None
    if not all(isinstance(value, Hashable) for value in column.ravel()):
        raise refused_values(what, "hold texts, numbers, dates or truth values", "lists or arrays")
    if nameless := [kind for kind in set(map(type, column.ravel())) if not _has_text(kind)]:
        given = f"objects of {nameless[0].__name__}, which have no text of their own"
        raise refused_values(what, "hold texts, numbers, dates or truth values", given)
    written = sorted({value for value in column.ravel() if isinstance(value, str) and value in _WRITTEN_MISSING})
    if written:
        allowed = "hold None where a value is missing (missing=[...] of from_csv), or another name where it is one"
        raise refused_values(what, allowed, f"the text {written[0]!r}, which is how a missing value is written")
    return column


def coded(column: NDArray[Any], what: str, *, shortest: int = 1) -> Coded:
    """Codes of (n,) objects in which None is missing.

    Args:
        column: the objects.
        what: names the column in messages.
        shortest: letters from which on texts that differ by upper and lower case alone are taken for one word.

    Raises:
        InvalidData: values that could be taken for each other: truth values beside numbers, a number beside the same
            number as text, texts that differ by blanks, case, invisible characters or Unicode form alone.
    """
    codes, found = pd.factorize(column, use_na_sentinel=True)
    _check_kinds(column, what)
    values = _ascending(found)
    _refuse_alike(values, str, "not hold a number beside the same number as text", what)
    _refuse_alike(values, str.strip, "hold values that differ by more than the blanks around them", what)
    _refuse_alike(values, look_of, "hold values that look different", what)
    words = [value for value in values if isinstance(value, str) and len(value) >= shortest]
    _refuse_alike(words, _folded, "hold values that differ by more than upper and lower case", what)
    place = {value: code for code, value in enumerate(values)}
    order = np.array([*(place[value] for value in found), -1], dtype=np.int64)
    return Coded(order[codes], tuple(values))


def check_groups(column: Coded, what: str, role: str, remedy: str) -> None:
    """Refuse numbers that look like a quantity where groups are needed, and more values than there can be groups.

    Args:
        column: the values.
        what: names the column.
        role: what the column is to be: "classes" or "groups".
        remedy: what to do about too many texts.
    """
    count = len(column.distinct)
    if column.numbers:
        fractions = any(not isinstance(value, int) and not float(value).is_integer() for value in column.distinct)
        most = MOST_FRACTIONS if fractions else MOST_NUMBERS
        if count > most:
            held = "numbers that are not whole" if fractions else "numbers"
            allowed = (
                f"hold at most {most} different {held}, as {role} do (make ranges of them, with pandas.cut for "
                "instance, or text of codes)"
            )
            raise refused_values(what, allowed, f"{count} different numbers: it looks continuous")
    elif count > MOST_VALUES and role == "groups":
        raise refused_values(what, f"hold at most {MOST_VALUES} different values ({remedy})", f"{count}")


def refused_values(what: str, allowed: str, given: str) -> InvalidData:
    """A sentence about a column: `what` begins it, as in "The 'sensitive[sex]' of loans"."""
    shown = given if len(given) <= 120 else f"{given[:117]}..."
    parameter = what.split("'")[1] if what.count("'") >= 2 else what
    return InvalidData([Problem(parameter, f"{what} must {allowed}. Got {shown}.")])


def _objects(values: object, what: str) -> NDArray[Any]:
    if isinstance(values, Tensor):
        try:
            there = values.detach().cpu().resolve_conj().resolve_neg()
            return _from_numpy((there if there.dtype.itemsize != 2 else there.float()).numpy(), what)
        except (TypeError, RuntimeError) as error:
            raise refused_values(what, "be a dense tensor of numbers", str(error).partition("\n")[0]) from None
    if isinstance(values, np.ma.MaskedArray):
        column = _from_numpy(np.asarray(values.data), what)
        column[np.ma.getmaskarray(values)] = None
        return column
    if isinstance(values, np.ndarray):
        return _from_numpy(values, what)
    if isinstance(values, pd.Series | pd.Index | pd.api.extensions.ExtensionArray):
        plain = values.dtype if isinstance(values.dtype, np.dtype) else None
        held = np.asarray(values) if plain is not None and plain.kind in "fO" else np.asarray(values, dtype=object)
        return _from_numpy(held, what)
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise refused_values(what, "be a list, an array or a column", type(values).__name__)
    listed = [_unboxed(value) for value in values]
    column = np.empty(len(listed), dtype=object)
    for place, value in enumerate(listed):
        column[place] = value
    if any(isinstance(value, bytes) for value in listed):
        raise _bytes_refused(what)
    return column


def _from_numpy(array: NDArray[Any], what: str) -> NDArray[Any]:
    if array.dtype.kind == "S":
        raise _bytes_refused(what)
    if array.dtype.kind == "f" and array.dtype.itemsize != 8:  # 0.1 of 32 bits is 0.1, not 0.10000000149
        return np.array([float(str(value)) for value in array.ravel()], dtype=object).reshape(array.shape)
    if array.dtype.kind in "mM" and array.ndim == 1 and np.datetime_data(array.dtype)[0] == "ns":
        return np.array(list(pd.Series(array)), dtype=object)  # NumPy itself would make whole numbers of them
    column = array.astype(object)
    if array.dtype == _WIDTH_OF_FLOATS and max((len(value) for value in column.ravel()), default=0) < 32:
        column[column == "nan"] = None
    if array.dtype.kind == "O" and column.ndim == 1:
        column[:] = [_unboxed(value) for value in column]
        if any(isinstance(value, bytes) for value in column):
            raise _bytes_refused(what)
    return column


def _has_text(kind: Any) -> bool:
    """Whether objects of a type say what they are; others give their place in memory."""
    plain: Any = object
    return kind.__repr__ is not plain.__repr__ or kind.__str__ is not plain.__str__


def _bytes_refused(what: str) -> InvalidData:
    return refused_values(what, "hold text, not bytes (decode them, with .astype(str) for instance)", "bytes")


def _unboxed(value: Any) -> Any:
    """NumPy and torch scalars as Python's; dates stay, since NumPy makes numbers of some."""
    if isinstance(value, np.floating) and value.dtype.itemsize != 8:
        return float(str(value))
    if isinstance(value, np.generic) and not isinstance(value, np.datetime64 | np.timedelta64):
        return value.item()
    return value.item() if isinstance(value, Tensor) and value.dim() == 0 else value


def _kind(value: object) -> str:
    if isinstance(value, bool):
        return "truth values"
    if isinstance(value, Real | Decimal):
        return "numbers"
    if isinstance(value, str):
        return "text"
    return "dates" if isinstance(value, date | datetime | np.datetime64) else type(value).__name__


def _check_kinds(column: NDArray[Any], what: str) -> None:
    """Python holds True and 1 for one value."""
    kinds = {_kind(value) for value in column if value is not None}
    if {"truth values", "numbers"} <= kinds:
        raise refused_values(what, "hold truth values or numbers", "both, of which True and 1 cannot be told apart")


def _ascending(values: Iterable[Any]) -> list[Any]:
    listed = list(values)
    try:
        return sorted(listed)
    except TypeError:
        return sorted(listed, key=lambda value: (_kind(value) != "numbers", _kind(value), name_of(value)))


def _refuse_alike(values: Iterable[Any], key: Callable[[str], str], allowed: str, what: str) -> None:
    """Refuse two values of one name."""
    seen: dict[str, Any] = {}
    for value in values:
        name = key(name_of(value))
        if name in seen:
            shown = repr if key is not look_of else ascii
            raise refused_values(what, allowed, f"{shown(seen[name])} and {shown(value)}")
        seen[name] = value


def _folded(text: str) -> str:
    return look_of(text).casefold()
