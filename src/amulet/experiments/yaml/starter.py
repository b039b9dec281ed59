"""A first experiment on a CSV file, as commented YAML: what `amulet init` writes."""

import json
import math
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd
import yaml

from amulet.core.errors import InvalidData, InvalidParameter, Problem
from amulet.core.storage.files import open_regular
from amulet.core.text import visible
from amulet.datasets.own import from_frame
from amulet.datasets.users_data.columns import check_features, is_headerless
from amulet.datasets.users_data.tables import SEPARATORS, read_table

_TARGETS: Final = {
    "target", "label", "class", "y", "outcome", "decision", "approved", "income", "default", "risk", "churn", "result",
}  # fmt: skip
"""Names that a column to predict usually has."""
_SENSITIVE: Final = {
    "sex", "gender", "race", "ethnicity", "ethnic", "religion", "nationality", "citizenship", "disability", "disabled",
    "orientation", "pregnant", "caste", "skin", "hispanic", "minority", "veteran",
}  # fmt: skip
_FAVOURABLE: Final = (
    "yes", "true", "1", "approved", "granted", "accepted", "good", "paid", "positive", "hired",
    "admitted", ">50k", "pass",
)  # fmt: skip
_IDENTIFIER: Final = {"id", "uuid", "guid", "key", "index", "number", "name", "email", "phone", "ssn"}
_MOST_CLASSES: Final = 20
_MOST_GROUPS: Final = 20
_MOST_TEXTS: Final = 100
_MOST_SHOWN: Final = 20
"""The most classes that a comment lists."""
_LONGEST: Final = 200
"""The most characters of a value or a reason in a comment."""
_UNBALANCED: Final = 0.35
"""A smaller share of the rarest of two classes than this asks for logit adjustment."""


@dataclass(frozen=True)
class Columns:
    """What the columns of a table are taken for.

    Attributes:
        target: the column to predict.
        sensitive: columns with sensitive attributes.
        drop: columns to leave out, each with the reason.
        positive: the favourable value of the target; None if none is known as such.
    """

    target: str
    sensitive: tuple[str, ...]
    drop: tuple[tuple[str, str], ...]
    positive: Any


def read_columns(path: Path) -> tuple[pd.DataFrame, str]:
    """The table in a CSV file, and what separates its cells.

    Raises:
        InvalidData: it is no table, or one without names or records.
    """
    with open_regular(path) as file:
        first = file.readline(100_000).decode("utf-8", errors="replace")
    sep = max(SEPARATORS, key=first.count)
    table = read_table(path, (), (), _stem(path), sep)
    if table.empty:
        sentence = f"{path.name} must hold records below the line of names. Got none."
        raise InvalidData([Problem("data", sentence)])
    if is_headerless(table):
        given = ", ".join(map(str, table))
        sentence = f"{path.name} must begin with a line of names (add one). Got a line of values: {_cut(given)}."
        raise InvalidData([Problem("data", sentence)])
    return table, sep


def guessed(table: pd.DataFrame, target: str | None = None, sensitive: Sequence[str] | None = None) -> Columns:
    """What each column is for, by its name and its values.

    Args:
        table: all records.
        target: the column to predict, if it is known.
        sensitive: the sensitive columns, if they are known.

    Raises:
        InvalidParameter: a named column is not there, or no column or several could be the target.
        InvalidData: no data set can be made of the records, for instance since the target has one value only.
    """
    names = [str(name) for name in table]
    for option, given in (("--target", [] if target is None else [target]), ("--sensitive", sensitive or ())):
        if unknown := [name for name in given if name not in names]:
            sentence = f"{option} must be among {', '.join(names)}. Got {', '.join(map(repr, unknown))}."
            raise InvalidParameter([Problem(option, sentence)])
    chosen = _target(table) if target is None else target
    if (known := table[chosen].nunique()) < 2:
        sentence = f"The column to predict, '{chosen}', must have at least two different values. Got {known}."
        raise InvalidData([Problem("target", sentence)])
    private = tuple(sensitive) if sensitive is not None else tuple(_sensitive(table, chosen))
    drop = tuple(
        (name, why) for name in names if name not in {chosen, *private} and (why := _unusable(table[name], name))
    )
    columns = Columns(chosen, private, drop, _positive(table[chosen]))
    unused = [name for name, _ in drop]
    from_frame(table, target=chosen, sensitive=private, positive=columns.positive, drop=unused, name="the table")
    return columns


def starter(path: Path, table: pd.DataFrame, sep: str, columns: Columns) -> str:
    """The experiment as YAML, with a comment for everything that was guessed."""
    classes = table[columns.target].dropna().value_counts(normalize=True).sort_index()
    positive = columns.positive if columns.positive is not None else classes.index[-1]
    known = columns.positive is not None
    lines = [
        f"# A first experiment on {_cut(path.name)}, written by `amulet init`. Check what was guessed, then run:",
        f"#   amulet plan {_stem(path)}.yaml      # what is to be computed, and how long it takes",
        f"#   amulet assess {_stem(path)}.yaml",
        f"name: {_text(_stem(path))}",
        "",
        "dataset:",
        "  FromCSV:",
        f"    path: {_text(path.name)} # counts from the folder of this file",
        *([f"    sep: {_text(sep)}"] if sep != "," else []),
        f"    target: {_text(columns.target)} # its classes: {_shown(list(classes.index))}",
        f"    positive: {_text(_plain(positive))} # the favourable class{'' if known else ': a guess, please check'}",
    ]
    if columns.sensitive:
        lines += [f"    sensitive: [{', '.join(map(_text, columns.sensitive))}] # kept out of the model's inputs"]
    else:
        lines += ["    # sensitive: [sex] # none was found by name; attributes for which fairness is measured"]
    if columns.drop:
        lines += ["    drop: # left out"]
        lines += [f"      - {_text(name)} # {why}" for name, why in columns.drop]
    lines += ["", *_recipe(classes), "", *_questions(columns, len(table)), ""]
    return "\n".join(lines)


def _recipe(classes: "pd.Series[float]") -> Iterator[str]:
    yield "recipe:"
    yield "  Recipe:"
    yield "    model:"
    yield "      LinearNet: {hidden: [64, 64], norm: group} # group norm, since DP-SGD refuses batch norm"
    yield "    epochs: 30"
    yield "    optimizer:"
    yield "      Adam: {lr: 3e-3}"
    if len(classes) == 2 and classes.min() < _UNBALANCED:
        places = max(3, 2 - math.floor(math.log10(classes.min())))  # three digits of the smallest one
        shares = ", ".join(f"{share:.{places}f}" for share in classes)
        yield "    objective: # the classes are unbalanced: without this a model may always name the larger one"
        yield f"      LogitAdjustment: {{class_shares: [{shares}]}}"


def _questions(columns: Columns, records: int) -> Iterator[str]:
    delta = 10.0 ** -len(str(records))
    yield "defenses: # each row is compared with the same training without a defense"
    yield "  adversarial training:"
    yield "    AdversarialTraining: {epsilon: 0.05, steps: 5} # inputs are scaled to 0..1"
    yield "  DP-SGD:"
    yield f"    DPSGD: {{epsilon: 8, delta: {delta:.0e}}}"
    yield ""
    yield "attacks:"
    yield "  - PGD: {epsilon: 0.05} # evasion"
    yield "  - LossThreshold # membership inference; LiRA is stronger, and trains 16 models more for each row and seed"
    yield "audits:"
    yield "  - Utility"
    yield from (f"  - Discrimination: {{attribute: {_text(attribute)}}}" for attribute in columns.sensitive)
    yield ""
    yield "seeds: 5 # repetitions; fewer than 5 rarely give a verdict. Where it is inconclusive, go on with"
    yield "# --until-decided --max-seeds 20"


def _target(table: pd.DataFrame) -> str:
    """The column to predict: one of a usual name, else the last one if it has two values."""
    names = [str(name) for name in table]
    fit = [name for name in names if 2 <= table[name].nunique() <= _MOST_CLASSES and not table[name].isna().any()]
    usual = [name for name in fit if _words(name) & _TARGETS]
    if len(usual) == 1:
        return usual[0]
    if not usual and names[-1] in fit and table[names[-1]].nunique() == 2:
        return names[-1]
    could = ", ".join(usual or fit) or "none"
    sentence = f"The column to predict is not plain from the names; give it with --target. It could be: {could}."
    raise InvalidParameter([Problem("target", sentence)])


def _sensitive(table: pd.DataFrame, target: str) -> Iterator[str]:
    for name in map(str, table):
        if name != target and _words(name) & _SENSITIVE and 2 <= table[name].nunique() <= _MOST_GROUPS:
            yield name


def _unusable(column: "pd.Series[Any]", name: str) -> str | None:
    """Why a column cannot be an input, if so."""
    known, values = column.dropna(), column.nunique()
    if values <= 1:
        return "has one value only"
    if name.startswith("Unnamed: "):
        return "a saved row index"
    is_text = column.dtype == object
    if (is_text or pd.api.types.is_integer_dtype(column)) and values == len(known) and _words(name) & _IDENTIFIER:
        return "an identifier"
    if is_text and values > _MOST_TEXTS:
        return f"text of {values:,} different values"
    try:
        check_features(column.to_frame(), "the table")
    except InvalidData as error:
        return _cut(str(error))
    return None


def _positive(target: "pd.Series[Any]") -> Any:
    """The value of the target that is favourable by its name; None if there is no such one, or several."""
    favourable = [value for value in target.dropna().unique() if str(value).strip().rstrip(".").lower() in _FAVOURABLE]
    return favourable[0] if len(favourable) == 1 else None


def _words(name: str) -> set[str]:
    """The words of a column's name: "customer_id" and "customerId" both have "id"."""
    return {word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+|[a-z]+", name)}


def _stem(path: Path) -> str:
    """The name of the experiment: that of the file, in the letters that a name may have."""
    return re.sub(r"[^\w.-]", "-", path.stem).strip(".-") or "first"


def _plain(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _text(value: Any) -> str:
    """A value as YAML on one line: in quotes unless it is a plain word or a number."""
    if not isinstance(value, str):
        return json.dumps(value) if isinstance(value, bool) else str(value)
    word = re.fullmatch(r"[A-Za-z_][\w-]*", value, re.ASCII)
    if word and value.lower() not in {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}:
        return value
    plain = visible(value) == value
    return str(yaml.safe_dump(value, default_style='"', width=math.inf, allow_unicode=plain)).strip()


def _shown(classes: Sequence[Any]) -> str:
    """Classes in a comment, of very many only the first."""
    more = f" and {len(classes) - _MOST_SHOWN:,} more" if len(classes) > _MOST_SHOWN else ""
    return _cut(", ".join(map(str, classes[:_MOST_SHOWN]))) + more


def _cut(text: str) -> str:
    """Text as a comment of one line has it."""
    line = visible(" ".join(text.split()))
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 3]}..."


def file_of(path: Path) -> Path:
    """Where the experiment on a CSV file is written: beside it."""
    return path.with_name(f"{_stem(path)}.yaml")
