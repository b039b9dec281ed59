"""Converts results of older formats to the current format, before they are checked."""

from collections.abc import Mapping
from typing import Any, Final

_SHOWS: Final = {
    ("utility", "balanced_accuracy"): "trained",
    ("evasion", "noise_accuracy"): "noise",
    ("evasion", "one_class_share"): "one class",
}
"""What gates use Amulet's own metrics for; in format 3 they recognised these metrics by name."""
_ACCESS: Final = {1: 0b1, 2: 0b11, 3: 0b111, 4: 0b1111}
"""The levels of access of format 3 as the sets of outputs that they have become."""


def upgrade(body: dict[str, Any]) -> None:
    """Change the results of an assessment from format 3 to 4 in place; leave all other formats alone.

    Format 4 compares rows with stated rows, and its columns state what gates read off them instead of being
    recognised by name; levels of access have become sets. What is of another type than format 3 has is left as it is.
    """
    if body.get("format") == 3 and not isinstance(body["format"], bool | float):
        body["format"] = 4
        body.setdefault("against", {})
        if isinstance(columns := body.get("columns"), list):
            _upgrade_columns([column for column in columns if isinstance(column, dict)])


def upgrade_pair(body: dict[str, Any]) -> None:
    """Change the columns of a pair's results, whose format has kept its number, as `upgrade` does.

    The word on the metric has become `metric_word`; `word` is now what happens to the risk.
    """
    if isinstance(cells := body.get("cells"), list):
        for cell in cells:
            if isinstance(cell, dict) and isinstance(verdict := cell.get("verdict"), dict) and "word" in verdict:
                verdict.setdefault("metric_word", verdict["word"])
        columns = [cell.get("column") for cell in cells if isinstance(cell, dict)]
        _upgrade_columns([column for column in columns if isinstance(column, dict) and "control" in column])


def _upgrade_columns(columns: list[dict[str, Any]]) -> None:
    """Change columns of format 3 in place."""
    controls = {_probe(column): column.get("metric") for column in columns if column.pop("control", False) is True}
    for column in columns:
        column["shows"] = _SHOWS.get((str(column.get("risk")), str(column.get("metric"))))
        if column.get("primary") is True and column.get("metric") != controls.get(_probe(column)):
            column["must_exceed"] = controls.get(_probe(column))
        access = column.get("access")
        if isinstance(access, int):
            column["access"] = _ACCESS.get(access, access)


def _probe(column: Mapping[str, Any]) -> tuple[str, str]:
    return str(column.get("risk")), str(column.get("probe"))
