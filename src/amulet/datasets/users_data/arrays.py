"""Arrays of the user's own as tensors, every problem as one sentence."""

import math
from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import Any, Final, TypeAlias

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor

from amulet.core.data import Attribute
from amulet.core.errors import InvalidData, Problem
from amulet.datasets.users_data.numerals import check_no_lost_numbers
from amulet.datasets.users_data.values import MOST_NUMBERS, check_groups, coded, objects_of, refused_values

Array: TypeAlias = ArrayLike | Tensor
Columns = Mapping[str, Array]

_FEWEST_STEPS: Final = 256
"""Steps of single precision within the range of a column, below which it is checked whether values become the same."""

_LARGEST_LABEL: Final = 2**31
"""Far beyond the number of classes of any data set, and within int64."""


def invalid(parameter: str, owner: str, allowed: str, given: object) -> InvalidData:
    """The house's sentence as an error."""
    return InvalidData([Problem.of(parameter, owner, allowed, given)])


def inputs(values: Array, owner: str) -> Tensor:
    """A copy as float32, so that changing the array later changes no data set; uint8 stays bytes, uncopied."""
    array = _numbers(_array(values, "x", owner))
    if array.dtype.kind not in "fiub":
        raise invalid("x", owner, "numbers", array.dtype)
    if array.shape[:1] in {(), (0,)}:
        raise invalid("x", owner, "at least one record", f"shape {array.shape}")
    if array.ndim not in {2, 4} or _channels_last(array.shape):
        raise invalid("x", owner, "(n, features) or (n, channels, height, width)", array.shape)
    if array.dtype == np.uint8:
        if array.max() == 1 or (array.ndim == 2 and array.max() == 0):
            raise invalid("x", owner, "floating where rows hold zeros and ones, since bytes count as 0..255", "uint8")
        return torch.from_numpy(np.require(array, requirements=["C", "W"]))
    with np.errstate(over="ignore"):  # infinity is refused later, like any other
        rounded = np.array(array, dtype=np.float32, order="C")
    _check_resolution(array, rounded, owner)
    return torch.from_numpy(rounded)


def _check_resolution(given: NDArray[Any], rounded: NDArray[np.float32], owner: str) -> None:
    """Raise InvalidData for a column of whole numbers or float64 whose values become the same in single precision."""
    if given.ndim != 2 or given.dtype.itemsize < 4 or given.dtype == np.float32 or not np.isfinite(rounded).all():
        return
    spread = given.max(0).astype(np.float64) - given.min(0).astype(np.float64)
    steps = spread / np.spacing(np.abs(rounded).max(0)).astype(np.float64)
    beyond_rounding = spread > np.abs(rounded).max(0) * 2.0**-44  # of the last digits of float64
    for column in np.flatnonzero(beyond_rounding & (steps < _FEWEST_STEPS)):
        if 2 * len(np.unique(rounded[:, column])) <= (count := len(np.unique(given[:, column]))):
            allowed = (
                "of values that differ in single precision (subtract an offset, rescale, or leave out identifiers)"
            )
            shown = f"{count} different ones in column {column}, most of which become the same"
            raise InvalidData([Problem("x", f"The 'x' of {owner} must be {allowed}. Got {shown}.")])


def _channels_last(shape: tuple[int, ...]) -> bool:
    """Whether these can hardly be other than images (n, height, width, channels)."""
    if len(shape) != 4 or min(shape[1:3]) < 8:
        return False
    return shape[3] in {3, 4} or (shape[3] == 1 and shape[1] == shape[2])


def labels(values: Array, owner: str) -> Tensor:
    """A copy as int64."""
    array = _numbers(_array(values, "y", owner))
    if array.ndim != 1:
        raise invalid("y", owner, "of shape (n,)", array.shape)
    whole = array.dtype.kind in "iub" or (
        array.dtype.kind == "f" and np.isfinite(array).all() and np.array_equal(array, np.round(array))
    )
    if not whole:
        allowed = "whole numbers 0..k-1, none missing (name the classes with 'classes')"
        given = pd.unique(array.ravel())[:10].tolist()
        continuous = array.dtype.kind == "f" and np.isfinite(array).all()
        raise invalid(
            "y", owner, allowed, f"{np.round(given[:3], 4).tolist()}: it looks continuous" if continuous else given
        )
    if array.size and (array.max() > _LARGEST_LABEL or array.min() < -_LARGEST_LABEL):
        raise invalid("y", owner, "labels 0..k-1, at least two and without a gap", pd.unique(array)[:10].tolist())
    return torch.from_numpy(array.astype(np.int64))


def _array(values: Array, parameter: str, owner: str) -> NDArray[Any]:
    """The values as NumPy has them.

    Raises:
        InvalidData: they make no array, or some of them are masked.
    """
    if isinstance(values, str | bytes | Mapping):
        raise invalid(parameter, owner, "an array", type(values).__name__)
    if np.ma.is_masked(values):
        raise invalid(parameter, owner, "without masked values (fill them in or drop the records)", "a masked array")
    try:
        if isinstance(values, Tensor):
            there = values.detach().cpu().resolve_conj().resolve_neg()
            return (there.float() if there.dtype == torch.bfloat16 else there).numpy()
        return np.asarray(values)
    except (ValueError, TypeError, RuntimeError, OverflowError) as error:
        raise invalid(parameter, owner, "a dense array", str(error).partition("\n")[0]) from None


def _numbers(array: NDArray[Any]) -> NDArray[Any]:
    """Python objects, as nullable columns of pandas give them, as numbers where they are numbers or missing."""
    if array.dtype.kind != "O":
        return array
    missing = pd.isna(array)
    if not all(isinstance(value, Real) for value in array[~missing]):
        return array
    if not missing.any() and all(isinstance(value, Integral) and abs(int(value)) < 2**63 for value in array.ravel()):
        return array.astype(np.int64)
    known = [float_of(value) for value in np.where(missing, np.nan, array).ravel()]
    return np.array(known, dtype=np.float64).reshape(array.shape)


def float_of(value: Any) -> float:
    """A number as float, infinite where none is that large."""
    try:
        return float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf


def class_count(ys: Sequence[Tensor], owner: str) -> int:
    """K of labels 0..k-1, each of which must be there."""
    present = torch.cat([y.flatten() for y in ys]).unique()
    if len(present) < 2 or not torch.equal(present, torch.arange(len(present))):
        raise invalid("y", owner, "labels 0..k-1, at least two and without a gap", present.tolist()[:10])
    if len(present) > max(MOST_NUMBERS, sum(map(len, ys)) / 2):
        shown = f"{len(present)} different ones in {sum(map(len, ys))} records: it looks continuous"
        raise invalid("y", owner, "labels that several records share", shown)
    return len(present)


def bounds_of(xs: Sequence[Tensor], owner: str) -> tuple[float, float]:
    """Least and largest value of all records; bytes count as 0..1."""
    if xs[0].dtype == torch.uint8:
        return 0.0, 1.0
    if not all(x.numel() for x in xs):
        raise invalid("x", owner, "of at least one feature", tuple(xs[0].shape))
    finite = torch.cat([x[torch.isfinite(x)] for x in xs])
    if finite.numel() == 0:
        raise invalid("x", owner, "finite (fill in or drop missing values)", "NaN or infinity only")
    if finite.min() == finite.max():
        raise invalid("x", owner, "varying, or given with 'bounds'", "one value everywhere")
    return finite.min().item(), finite.max().item()


def encode(
    sensitive: Sequence[Columns], lengths: tuple[int, int], owner: str
) -> tuple[tuple[Attribute, ...], list[Tensor]]:
    """Codes of the sensitive attributes over train and test together; missing values are -1."""
    if set(sensitive[0]) != set(sensitive[1]):
        raise invalid("sensitive", owner, f"{list(sensitive[0])} for test as for train", list(sensitive[1]))
    attributes, codes = [], []
    for key in sensitive[0]:
        what = f"The {f'sensitive[{key}]'!r} of {owner}"
        parts = [objects_of(part[key], what) for part in sensitive]
        given = tuple(len(part) if part.ndim == 1 else part.shape for part in parts)
        if given != lengths:
            raise invalid(f"sensitive[{key}]", owner, f"of lengths {lengths}", given)
        column = coded(np.concatenate(parts), what)
        if not column.distinct:
            raise refused_values(what, "hold at least one known value", "missing values only")
        check_no_lost_numbers(column.distinct, what)
        check_groups(column, what, "groups", "join rare ones, or leave the attribute out")
        attributes.append(Attribute(key, column.names))
        codes.append(torch.from_numpy(column.codes))
    stacked = torch.stack(codes, 1) if codes else torch.empty(sum(lengths), 0, dtype=torch.int64)
    return tuple(attributes), list(stacked.split(list(lengths)))
