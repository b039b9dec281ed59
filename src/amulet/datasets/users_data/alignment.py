"""Rows and columns that pandas names: whether records that are paired by their places belong together."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import pandas as pd

from amulet.datasets.users_data.arrays import Array, Columns, invalid

_REMEDY = "bring them into one order, or give arrays without an index, as .to_numpy() does, if they are in one already"


def check_alignment(
    pairs: Sequence[tuple[Array, Array]], sensitive: Sequence[Columns], features: object, owner: str
) -> None:
    """Refuse records, labels and attributes whose indices say that they do not belong together place by place.

    Two indices may be the same or have nothing in common, and one may just count the rows of records whose own names
    are other ones. The same names in another order are refused, as after shuffling one of two, and so are names that
    are partly the same.

    Raises:
        InvalidData: indices, or columns of train, test and `features`, that contradict each other.
    """
    for (x, y), columns in zip(pairs, sensitive, strict=True):
        require_one_order(_held(x, y, columns), owner)
    named_columns = [pair[0].columns for pair in pairs if isinstance(pair[0], pd.DataFrame)]
    if len(named_columns) == 2 and _contradict(*named_columns):
        first, second = (list(names[:10]) for names in named_columns)
        raise invalid("x", owner, f"of the columns {first} for test as for train, in that order", second)
    given = pd.Index(list(features)) if isinstance(features, list | tuple | pd.Index) else pd.Index([])
    if named_columns and _contradict(named_columns[0], given):
        raise invalid("features", owner, f"those of x, {list(named_columns[0][:10])}, in that order", list(given[:10]))


def require_one_order(held: Iterable[tuple[str, object]], owner: str) -> None:
    """Refuse values, paired by their places, whose pandas indices say that they do not belong together.

    Args:
        held: the values by the names of their parameters; those without an index are not looked at.
        owner: what the parameters belong to.

    Raises:
        InvalidData: two indices have the same names in another order, or are partly the same.
    """
    named = [(name, value.index) for name, value in held if isinstance(value, pd.DataFrame | pd.Series)]
    for parameter, index in named[1:]:
        if _contradict(named[0][1], index):
            allowed = f"in the order of '{named[0][0]}', whose index has the same names ({_REMEDY})"
            raise invalid(parameter, owner, allowed, index[:5].tolist())


def _held(x: Array, y: Array, columns: Any) -> Iterator[tuple[str, object]]:
    """The values that belong to records, by the names of their parameters."""
    yield from (("x", x), ("y", y))
    if isinstance(columns, pd.DataFrame):
        yield "sensitive", columns
    else:
        yield from ((f"sensitive[{key}]", column) for key, column in columns.items())


def _contradict(first: "pd.Index[Any]", second: "pd.Index[Any]") -> bool:
    if len(first) != len(second) or first.equals(second):
        return False  # other lengths are refused by their own sentence
    shared = first.isin(second)
    if shared.all() and second.isin(first).all():
        return True
    counted = any(
        isinstance(index, pd.RangeIndex) and index.start == 0 and index.step == 1 for index in (first, second)
    )
    return bool(shared.any()) and not counted
