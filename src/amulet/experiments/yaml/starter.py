"""A first experiment on a CSV file, as commented YAML: what `amulet init` writes."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pandas as pd

from amulet.core.errors import InvalidParameter, Problem
from amulet.datasets.tables import SEPARATORS, read_table

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
        InvalidData: it is no table.
    """
    with path.open("rb") as file:
        first = file.readline(100_000).decode("utf-8", errors="replace")
    sep = max(SEPARATORS, key=first.count)
    return read_table(path, (), (), path.name, sep), sep


def guessed(table: pd.DataFrame, target: str | None = None, sensitive: Sequence[str] | None = None) -> Columns:
    """What each column is for, by its name and its values.

    Args:
        table: all records.
        target: the column to predict, if it is known.
        sensitive: the sensitive columns, if they are known.

    Raises:
        InvalidParameter: a named column is not there, or no column or several could be the target.
    """
    names = [str(name) for name in table]
    unknown = [name for name in ([target] if target else []) + list(sensitive or ()) if name not in names]
    if unknown:
        raise InvalidParameter([Problem.of("columns", "init", f"among {', '.join(names)}", ", ".join(unknown))])
    chosen = target or _target(table)
    private = tuple(sensitive) if sensitive is not None else tuple(_sensitive(table, chosen))
    drop = tuple(
        (name, why) for name in names if name not in {chosen, *private} and (why := _unusable(table[name], name))
    )
    return Columns(chosen, private, drop, _positive(table[chosen]))


def starter(path: Path, table: pd.DataFrame, sep: str, columns: Columns) -> str:
    """The experiment as YAML, with a comment for everything that was guessed."""
    classes = table[columns.target].dropna().value_counts(normalize=True).sort_index()
    positive = columns.positive if columns.positive is not None else classes.index[-1]
    known = columns.positive is not None
    lines = [
        f"# A first experiment on {path.name}, written by `amulet init`. Check what was guessed, then run:",
        f"#   amulet plan {_stem(path)}.yaml      # what is to be computed, and how long it takes",
        f"#   amulet assess {_stem(path)}.yaml",
        f"name: {_stem(path)}",
        "",
        "dataset:",
        "  from_csv:",
        f"    path: {_text(path.name)} # counts from the folder of this file",
        *([f"    sep: {_text(sep)}"] if sep != "," else []),
        f"    target: {_text(columns.target)} # its classes: {_list(map(str, classes.index))}",
        f"    positive: {_text(_plain(positive))} # the favourable class{'' if known else ': a guess, please check'}",
    ]
    if columns.sensitive:
        lines += [
            f"    sensitive: {_list(map(_text, columns.sensitive), bracket=True)} # kept out of the model's inputs"
        ]
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
        shares = ", ".join(f"{share:.3f}" for share in classes)
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
    """A value as YAML: in quotes unless it is a plain word or a number."""
    if isinstance(value, str) and not re.fullmatch(r"[A-Za-z_][\w-]*", value):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value.lower() in {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}:
        return json.dumps(value)
    return json.dumps(value) if isinstance(value, bool) else str(value)


def _list(values: Any, *, bracket: bool = False) -> str:
    joined = ", ".join(values)
    return f"[{joined}]" if bracket else joined


def file_of(path: Path) -> Path:
    """Where the experiment on a CSV file is written: beside it."""
    return path.with_name(f"{_stem(path)}.yaml")
