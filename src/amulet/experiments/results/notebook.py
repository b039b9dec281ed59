"""Results as notebooks show them: a table of the primary metrics, and the gates that have not passed."""

from collections.abc import Callable, Sequence
from html import escape

import pandas as pd

from amulet.core.text import visible
from amulet.experiments.results.gates import Checked
from amulet.experiments.results.numbers import Column, MatrixCell
from amulet.experiments.results.risk_changes import risk_word
from amulet.statistics import Gate, Word

CellOf = Callable[[str, Column], MatrixCell]
"""A function that maps a row and a column to the cell of the matrix."""


def as_frame(columns: Sequence[Column], rows: Sequence[str], cell_of: CellOf) -> pd.DataFrame:
    """A table with one line for each metric and one column for each row of the experiment.

    Each cell has mean, difference and verdict as text.

    Args:
        columns: the columns of the matrix. Only primary ones are shown, or all if there is no primary one.
        rows: the rows of the matrix.
        cell_of: gives a cell of the matrix.
    """
    columns = [column for column in columns if column.primary] or list(columns)
    index = pd.MultiIndex.from_tuples(
        [(column.risk, column.probe, column.metric, _riskier(column.riskier)) for column in columns],
        names=["risk", "attack or audit", "metric", "riskier"],
    )
    cells = [[_text(cell_of(row, column)) for row in rows] for column in columns]
    return pd.DataFrame(cells, index=index, columns=list(rows))


def as_html(
    columns: Sequence[Column], rows: Sequence[str], cell_of: CellOf, gates: Sequence[Checked], few: str = ""
) -> str:
    """The table of `as_frame` in HTML, followed by the gates that have not passed; all text is escaped.

    Args:
        columns: as for `as_frame`.
        rows: as for `as_frame`.
        cell_of: as for `as_frame`.
        gates: all gates.
        few: a sentence that there are too few seeds for verdicts, instead of all that is unproven for that reason.
    """
    with pd.option_context("display.max_colwidth", None):
        table: str = as_frame(columns, rows, cell_of).to_html(escape=True)
    doubts = [few, *_doubts([gate for gate in gates if gate.state is Gate.FAILED])] if few else _doubts(gates)
    return visible("\n".join([table, *(f"<p>{escape(text)}</p>" for text in doubts)]))


def _doubts(gates: Sequence[Checked]) -> list[str]:
    about = [(" of ".join(filter(None, [gate.about, gate.row])), gate) for gate in gates if gate.follows]
    return [f"{of}: {gate.name} check {gate.state}. {gate.follows}" for of, gate in about]


def _riskier(end: str | None) -> str:
    return {"high": "higher", "low": "lower"}.get(end or "", "")


def _text(cell: MatrixCell) -> str:
    if cell.summary is None:
        return "undefined"
    mean = f"{cell.summary.mean:.3f}"
    if cell.verdict is None or cell.difference is None:
        return mean
    needed = cell.verdict.seeds_needed
    more = f" (about {needed} seeds would settle it)" if cell.verdict.word is Word.INCONCLUSIVE and needed else ""
    return f"{mean}, {cell.difference.mean:+.3f}: {risk_word(cell.column, cell.verdict.word)}{more}"
