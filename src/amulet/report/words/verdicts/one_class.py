"""Changes that go along with how often a model names one class: what the same models show where that does not count."""

from collections.abc import Iterator
from typing import Final

from amulet.experiments.results.numbers import MatrixCell
from amulet.experiments.results.results import Results
from amulet.report.words.verdicts.paired_levels import paired_levels
from amulet.report.words.vocabulary.points import levels, plain_name

_BY_CLASS: Final = {"robust_accuracy": "balanced_robust_accuracy"}
"""The same metric with each class counting alike."""
_BY_NAMING_ONE: Final = {"fidelity": "majority_agreement"}
"""What always naming one class gives of the metric."""


def beside_one_class(results: Results, cell: MatrixCell) -> str:
    """A sentence if a change may be due to one class being named more, or less, often; else empty.

    Robust accuracy that rises, while it does not where each class counts alike; fidelity that changes no more than the
    agreement that a copy has which always names one class.

    Args:
        results: with the other metrics of the same attack.
        cell: one whose metric changes.
    """
    return " ".join([*_counted_alike(results, cell), *_naming_one(results, cell)])


def _counted_alike(results: Results, cell: MatrixCell) -> Iterator[str]:
    other = _difference(results, cell, _BY_CLASS.get(cell.column.metric, ""))
    if other is not None and cell.difference is not None and cell.difference.mean > 0 >= other[1]:
        shown = levels(other[0].column, *paired_levels(results, other[0]))
        yield f"But with each class counting alike {plain_name(cell.column)} falls, {shown}."


def _naming_one(results: Results, cell: MatrixCell) -> Iterator[str]:
    other = _difference(results, cell, _BY_NAMING_ONE.get(cell.column.metric, ""))
    if other is None or cell.difference is None:
        return
    mean, chance = cell.difference.mean, other[1]
    if mean * chance > 0 and abs(chance) >= abs(mean):
        verb = "rises" if mean > 0 else "falls"
        shown = levels(other[0].column, *paired_levels(results, other[0]))
        yield f"But the agreement of a copy that always names one class {verb} as well, {shown}."


def _difference(results: Results, cell: MatrixCell, metric: str) -> tuple[MatrixCell, float] | None:
    """The cell of another metric of the same attack, on all records, and its mean difference."""
    mine = cell.column
    for column in results.columns:
        if (column.probe, column.group, column.metric) == (mine.probe, mine.group, metric):
            other = results.cell(cell.row, column)
            return None if other.difference is None else (other, other.difference.mean)
    return None
