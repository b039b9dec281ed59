"""A file of comma-separated values as a frame: text as it is written, numbers only where nothing is lost by that."""

import csv
import gzip
import io
import zlib
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import IO, Any, Final

import pandas as pd

from amulet.core.errors import InvalidData
from amulet.datasets.official.reading import check_regular, refuse_web_page, refused
from amulet.datasets.users_data.numerals import is_number
from amulet.datasets.users_data.values import refused_values

SEPARATORS: Final = (",", ";", "\t", "|")
_GZIP: Final = b"\x1f\x8b"
_TABLE: Final = "be a table of comma-separated values, in UTF-8 (save it in that encoding)"
_PACKED: Final = (".zip", ".bz2", ".xz", ".zst", ".tar", ".tgz")
_MOST_UNPACKED: Final = 100
"""How many times its packed size a table may have; real ones stay below 30."""

_BLOCK: Final = 10_000
"""Lines that are held as they are."""

_LEAST_BOUND: Final = 2**24
_TRUTH: Final = {"True": True, "TRUE": True, "true": True, "False": False, "FALSE": False, "false": False}


class _QuotedAfterBlankError(Exception):
    """A separator is followed by a blank and a quoted cell, so that blanks belong to the separators."""


def read_table(
    place: Path, missing: Collection[str], unused: Collection[str], owner: str, sep: str = ","
) -> pd.DataFrame:
    """The records of a CSV file with a line of names, whose cells `sep` separates.

    Blanks around a cell are dropped. An empty cell, or one that says what `missing` lists, is missing. A column is
    numbers if every known cell is a plain one (no leading zeros, at most 15 digits of a whole number), truth values if
    every known cell is true or false; all others are text as written: "NA", "None" and "007" are what they say. Cells
    of `unused` columns, which are to be dropped, are not checked. In a column of numbers, a number that `missing` lists
    is missing however it is written.

    Raises:
        InvalidData: it is no such file, names or lines of cells are not sound, or cells differ by blanks alone.
    """
    check_regular(place, place.name, owner)
    try:
        names, columns = _columns(place, owner, sep, blanks_separate=False)
    except _QuotedAfterBlankError:
        names, columns = _columns(place, owner, sep, blanks_separate=True)
    absent = frozenset(text.strip() for text in missing)
    typed = {
        name: pd.Series(column, dtype=object)
        if name in unused
        else _typed(column, absent, f"The column {name!r} of {owner}")
        for name, column in zip(names, columns, strict=True)
    }
    return pd.DataFrame(typed, columns=names)


def _columns(place: Path, owner: str, sep: str, *, blanks_separate: bool) -> tuple[list[str], list[list[str]]]:
    """The names, and the cells of each column as they are written."""
    rows = _rows(place, owner, sep, blanks_separate)
    names = _names(next(rows, []), place, owner, sep)
    columns: list[list[str]] = [[] for _ in names]
    known: dict[str, str] = {}  # one object for equal texts
    while block := list(islice(rows, _BLOCK)):
        cells = {cell for row in block for cell in row}
        if not blanks_separate and any(cell[:1].isspace() and cell.lstrip()[:1] == '"' for cell in cells):
            raise _QuotedAfterBlankError
        _check_lengths(block, len(names), len(columns[0]), place, owner)
        for column, added in zip(columns, zip(*block, strict=True), strict=True):
            column.extend(known.setdefault(cell, cell) for cell in added)
    return names, columns


def _check_lengths(rows: Sequence[Sequence[str]], expected: int, before: int, place: Path, owner: str) -> None:
    """Raise InvalidData for a record of another number of cells than there are names."""
    for number, row in enumerate(rows, start=before + 1):
        if len(row) != expected and number == 1:
            allowed = "have as many names in its first line as values in the others"
            raise refused(place.name, owner, allowed, "fewer names" if len(row) > expected else "more names")
        if len(row) != expected:
            allowed = f"be a table of comma-separated values, {expected} a line"
            raise refused(place.name, owner, allowed, f"{len(row)} in record {number}")


def _rows(place: Path, owner: str, sep: str, blanks_separate: bool) -> Iterator[list[str]]:
    """Cells of each line that is not blank."""
    try:
        with _opened(place, owner) as file:
            refuse_web_page(file.read(512), place.name, owner)
            file.seek(0)
            text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
            for row in csv.reader(text, delimiter=sep, skipinitialspace=blanks_separate, strict=True):
                if any("\0" in cell for cell in row):
                    raise refused(place.name, owner, _TABLE, "characters of value zero")
                if row and (len(row) > 1 or row[0].strip()):
                    yield row
    except InvalidData:
        raise
    except UnicodeDecodeError as error:
        raise refused(place.name, owner, _TABLE, f"'{error}'") from None
    except (ValueError, csv.Error, OSError, EOFError, zlib.error) as error:  # wrong encodings among them
        if isinstance(error, OSError) and error.strerror:  # not so gzip's
            raise refused(place.name, owner, "be a file that can be read", f"'{error.strerror}'") from None
        reason = str(error).partition("\n")[0]
        raise refused(place.name, owner, "be a table of comma-separated values", f"'{reason}'") from None


def _opened(place: Path, owner: str) -> IO[bytes]:
    with place.open("rb") as file:
        start = file.read(len(_GZIP))
    if place.suffix.lower() in _PACKED:
        raise refused(place.name, owner, "be plain text, or packed with gzip (unpack it first)", f"'{place.suffix}'")
    if start != _GZIP:
        return place.open("rb")
    most = max(_MOST_UNPACKED * place.stat().st_size, _LEAST_BOUND)
    with gzip.open(place, "rb") as packed:
        content = packed.read(most + 1)
    if len(content) > most:
        raise refused(place.name, owner, f"hold at most {most} bytes, unpacked", "more")
    return io.BytesIO(content)


def _names(cells: Sequence[str], place: Path, owner: str, sep: str) -> list[str]:
    """Names as pandas gives them: a column without one, as a saved row index has none, is 'Unnamed: 0'."""
    if not cells:
        raise refused(place.name, owner, "be a table of comma-separated values", "an empty file")
    names = [cell.strip().strip("\ufeff") or f"Unnamed: {number}" for number, cell in enumerate(cells)]
    if len(names) == 1:
        between = next((sign for sign in SEPARATORS if sign in names[0] and sign != sep), None)
        given = f"one, with {between!r} in it: give sep={between!r}" if between else "one"
        by = "commas" if sep == "," else repr(sep)
        raise refused(place.name, owner, f"have several names in its first line, separated by {by}", given)
    twice = sorted(name for name, count in Counter(names).items() if count > 1)
    if twice:
        allowed = "begin with a line of names, all different (add one if it has none, so that no record is lost)"
        raise refused(place.name, owner, allowed, twice)
    return names


def _typed(cells: list[str], absent: frozenset[str], what: str) -> "pd.Series[Any]":
    """Numbers, truth values or text."""
    stripped = {cell: cell.strip() for cell in set(cells)}
    known = {text for text in stripped.values() if text and text not in absent}
    texts = [text if (text := stripped[cell]) in known else None for cell in cells]
    if known and known <= set(_TRUTH):
        return pd.Series([None if text is None else _TRUTH[text] for text in texts]).infer_objects()
    if known and all(map(is_number, known)):
        marks = {float(mark) for mark in absent if is_number(mark)}
        known = {text for text in known if float(text) not in marks}
        texts = [text if text in known else None for text in texts]
        whole = len(known) == len(set(stripped.values())) and all(text.lstrip("+-").isdigit() for text in known)
        read = int if whole else float
        return pd.Series([read(text or "nan") for text in texts])
    spelt = sorted(cell for cell in stripped if stripped[cell] in known)
    seen = {stripped[cell]: cell for cell in spelt}
    if other := next((cell for cell in spelt if seen[stripped[cell]] != cell), None):
        allowed = "hold values that differ by more than the blanks around them"
        raise refused_values(what, allowed, f"{other!r} and {seen[other.strip()]!r}")
    return pd.Series(texts, dtype=object)
