"""A fulfilled condition as a sentence."""

from collections.abc import Sequence

from amulet.experiments.results.conditions import Condition
from amulet.experiments.results.numbers import MatrixCell
from amulet.report.words.verdicts.verdict_words import verdict_words
from amulet.report.words.vocabulary.formats import signed
from amulet.report.words.vocabulary.names import metric_words, mid_sentence


def condition_sentence(condition: Condition, cells: Sequence[MatrixCell]) -> str:
    """That a condition holds, with the verdicts by which it does."""
    return f"The condition '{condition.text}' holds: {'; '.join(map(_cell, cells))}."


def _cell(cell: MatrixCell) -> str:
    words = verdict_words(cell)
    shift = f" {signed(cell.difference.mean)}" if cell.difference else ""
    metric = mid_sentence(metric_words(cell.column).title)
    return f"{cell.row}, {cell.column.probe}, {metric}{shift} ({words.words if words else 'no verdict'})"
