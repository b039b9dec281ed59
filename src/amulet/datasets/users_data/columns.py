"""Columns of a user's frame: which there are, what each is to be, and whether it is what it seems to be."""

import math
import re
from collections.abc import Collection, Hashable, Iterable, Iterator, Mapping, Sequence
from functools import partial
from numbers import Real
from typing import Any, Final

import numpy as np
import pandas as pd

from amulet.core.errors import InvalidData, Problem
from amulet.core.text import alike, look_of
from amulet.datasets.users_data.arrays import float_of, invalid
from amulet.datasets.users_data.numerals import check_no_lost_numbers, is_number
from amulet.datasets.users_data.together import together
from amulet.datasets.users_data.values import MOST_VALUES, Coded, check_groups, coded, objects_of, refused_values

_ROW_NUMBERS: Final = re.compile(r"Unnamed: \d+(\.\d+)*|\s*|index|level_0|rownames", re.IGNORECASE)
"""Names under which a saved row index comes back."""

_CERTAIN: Final = re.compile(r"Unnamed: \d+(\.\d+)*|\s*")
"""Those of them that nobody gives to a column of his own."""

_AGAIN: Final = re.compile(r"(.+)\.\d+")
"""The name that pandas gives to a second column of one name."""

_LEAST_WORD: Final = 3
"""Letters of a word whose case tells nothing; shorter ones can be codes, such as the genotypes AA, Aa and aa."""

_TEXT: Final = ("string", "boolean", "mixed", "mixed-integer")
"""What a column of Python objects may hold, as pandas calls it; numbers among them are a column of numbers already."""


def names_of(given: object, parameter: str, name: str) -> list[Any]:
    """Names of columns as a list; a single text is one name.

    Raises:
        InvalidData: it is no list of names.
    """
    listed = [given] if isinstance(given, str) else given
    if isinstance(listed, Mapping | bytes) or not isinstance(listed, Iterable):
        raise invalid(parameter, name, "a list of names of columns", given)
    names = list(listed)
    if not all(isinstance(each, Hashable) for each in names):
        raise invalid(parameter, name, "a list of names of columns", given)
    return names


def kept_columns(
    frame: object, target: object, sensitive: Sequence[Any], drop: Sequence[Any], name: str
) -> pd.DataFrame:
    """The frame without the columns to drop.

    Raises:
        InvalidData: columns that are not there or have one name or two uses, a saved row index, a second column of a
            sensitive one, a first record in place of names.
    """
    if not isinstance(target, Hashable):
        raise invalid("target", name, "the name of one column", target)
    named = _named(frame, name)
    secret = [target, *sensitive]
    missing = [column for column in (*secret, *drop) if column not in named]
    if missing:
        there = list(named.columns)
        if {look_of(str(column)) for column in missing} & {look_of(str(column)) for column in there}:
            shown = f"The 'columns' of {name} must be among {there!a}. Got {missing!a}."
            raise InvalidData([Problem("columns", shown)])
        raise invalid("columns", name, f"among {there}", missing)
    problems = []
    if len(set(secret)) < len(secret):
        allowed = f"all different and other than the target '{target}'"
        problems.append(Problem.of("sensitive", name, allowed, list(sensitive)))
    if used := [column for column in drop if column in secret]:
        problems.append(Problem.of("drop", name, "other than the target and the sensitive columns", used))
    kept = named.drop(columns=list(drop))
    features = [column for column in kept if column not in secret]
    if again := [column for column in features if _is_copy(str(column), {str(each) for each in secret})]:
        allowed = f"without copies of the target and the sensitive columns (leave them out with drop={again!r})"
        problems.append(Problem.of("columns", name, allowed, again))
    if numbered := [column for column in features if _is_row_index(kept, column)]:
        allowed = f"data, not a saved row index (leave it out with drop={numbered!r}, or rename it if it is one)"
        problems.append(Problem.of("columns", name, allowed, numbered))
    if problems:
        raise InvalidData(problems)
    return kept.infer_objects()


def _is_copy(column: str, secret: Collection[str]) -> bool:
    """The name of a secret column but for the case, or for the number that pandas adds to a second one."""
    found = _AGAIN.fullmatch(column)
    names = {column} | ({found[1]} if found else set())
    same_word = len(column) >= _LEAST_WORD and column.casefold() in {name.casefold() for name in secret}
    return same_word or not names.isdisjoint(secret)


def with_numbers(features: pd.DataFrame) -> pd.DataFrame:
    """The features, where columns of Python objects that are numbers or missing are columns of floats."""
    held = features.copy(deep=False)
    for column in features:
        held[column] = _as_numbers(features[column])
    return held


def _as_numbers(column: "pd.Series[Any]") -> "pd.Series[Any]":
    """Python objects as floats, where all are numbers or what Python, NumPy and pandas have for missing."""
    if column.dtype != object or column.isna().all():
        return column
    if not all(isinstance(value, Real) and not isinstance(value, bool) for value in column.dropna()):
        return column
    known = column.notna()
    return pd.Series(
        [float_of(value) if there else math.nan for value, there in zip(column, known, strict=True)], index=column.index
    )


def _named(frame: object, name: str) -> pd.DataFrame:
    """The frame, if each column has a name of its own that is none of the data."""
    if not isinstance(frame, pd.DataFrame):
        raise invalid("frame", name, "a pandas DataFrame (from_arrays takes arrays, from_csv a path)", type(frame))
    if frame.columns.nlevels > 1:
        raise invalid("columns", name, "names of one level", frame.columns.tolist()[:3])
    repeated = pd.Index([str(column) for column in frame.columns]).duplicated()
    if repeated.any():
        raise invalid("columns", name, "all of different names", frame.columns[repeated].unique().tolist())
    if pair := alike(map(str, frame.columns)):
        allowed = "of names that look different (not in invisible characters, blanks or Unicode form alone)"
        raise InvalidData([Problem("columns", f"The 'columns' of {name} must be {allowed}. Got {pair!a}.")])
    if is_headerless(frame):
        allowed = "names, as a table's first line holds (add them where there are none, so that no record is lost)"
        raise invalid("columns", name, allowed, frame.columns.tolist())
    return frame


def is_headerless(frame: pd.DataFrame) -> bool:
    """Whether the names look like one more record: a number over every column of numbers, known values over text."""
    named = [column for column in frame if not (isinstance(column, str) and _CERTAIN.fullmatch(column))]
    names = [column for column in named if isinstance(column, str)]
    if not names or len(names) < len(named) or frame.empty:
        return False
    truths = [column for column in names if pd.api.types.is_bool_dtype(frame[column])]
    numeric = [column for column in names if pd.api.types.is_numeric_dtype(frame[column]) and column not in truths]
    texts = [column for column in names if column not in numeric]
    if not all(is_number(column.strip()) for column in numeric) or _counts_up(numeric):
        return False
    recurring = sum(column.lower() in {"true", "false"} for column in truths)
    recurring += sum(bool((frame[column].astype(object) == column).any()) for column in texts if column not in truths)
    return recurring > 0 and 2 * recurring >= len(texts) if texts else True


def check_features(features: pd.DataFrame, name: str) -> None:
    """Raise InvalidData unless each column is numbers or text that can be made numbers without loss."""
    if features.empty:
        allowed = "records with columns beside target and sensitive ones"
        raise invalid("frame", name, allowed, f"shape {features.shape}")
    others = list(_neither_numbers_nor_text(features))
    if others:
        raise invalid("columns", name, "numbers, text or categories (make numbers of dates first)", others)
    numbers = features.select_dtypes("number")
    endless = [str(column) for column in numbers if np.isinf(numbers[column].astype(float)).any()]
    empty = [str(column) for column in features if features[column].isna().all()]
    if endless or empty:
        raise invalid("columns", name, "finite, with at least one known value", endless + empty)
    texts = [column for column in features if not pd.api.types.is_numeric_dtype(features[column])]
    together(*(partial(_check_text, features[column], f"The column {str(column)!r} of {name}") for column in texts))


def coded_target(column: "pd.Series[Any]", name: str) -> Coded:
    """The target as codes of its sorted values.

    Raises:
        InvalidData: missing values, values that cannot be sorted, numbers that look continuous.
    """
    if column.isna().any():
        raise InvalidData(
            [Problem("target", f"The target {str(column.name)!r} of {name} must be known. Got missing values.")]
        )
    what = f"The target {str(column.name)!r} of {name}"
    held = objects_of(column, what)
    kinds = sorted({type(value).__name__ for value in held})
    try:
        sorted(set(held))
    except TypeError:
        raise invalid("target", name, "of values of one kind, which can be sorted", kinds) from None
    values = coded(held, what)
    check_no_lost_numbers(values.distinct, what)
    check_groups(values, what, "classes", "join rare ones")
    if len(values.distinct) > max(len(held) / 2, 2):
        allowed = "hold each of its values in several records"
        raise refused_values(what, allowed, f"{len(values.distinct)} different values in {len(held)} records")
    return values


def _check_text(column: "pd.Series[Any]", what: str) -> None:
    values = coded(objects_of(column, what), what, shortest=_LEAST_WORD).distinct
    listed = len(column.dtype.categories) if isinstance(column.dtype, pd.CategoricalDtype) else 0
    if (count := max(len(values), listed)) > MOST_VALUES:
        numbers = sum(is_number(str(value)) for value in values)
        other = next((str(value) for value in values if not is_number(str(value))), None)
        shown = f"{count}" + (f", of which {numbers} are numbers and {other!r} is none" if numbers and other else "")
        remedy = "leave the column out with 'drop', join rare values, or make numbers of it"
        raise refused_values(what, f"have at most {MOST_VALUES} values, each an input of its own ({remedy})", shown)
    check_no_lost_numbers(values, what)


def _is_row_index(frame: pd.DataFrame, column: Hashable) -> bool:
    if not isinstance(column, str) or not _ROW_NUMBERS.fullmatch(column):
        return False
    if _CERTAIN.fullmatch(column):
        return True
    values = frame[column]
    if not pd.api.types.is_integer_dtype(values) or values.isna().any():
        return False
    return any(np.array_equal(values.to_numpy(), np.arange(start, start + len(values))) for start in (0, 1))


def _counts_up(names: Sequence[str]) -> bool:
    """Whether they are whole numbers in a row: places of columns, as pandas names them, or years."""
    if not names or not all(name.isdigit() for name in names):
        return False
    first = int(names[0])
    return [int(name) for name in names] == list(range(first, first + len(names))) and (len(names) > 1 or first == 0)


def _neither_numbers_nor_text(frame: pd.DataFrame) -> Iterator[str]:
    for column in frame:
        values = frame[column]
        if pd.api.types.is_numeric_dtype(values):
            known = values.dtype.kind != "c"
        elif values.dtype == object:
            known = pd.api.types.infer_dtype(values) in _TEXT and all(isinstance(value, Hashable) for value in values)
        else:
            known = isinstance(values.dtype, pd.CategoricalDtype | pd.StringDtype)
        if not known and not values.isna().all():
            yield str(column)
