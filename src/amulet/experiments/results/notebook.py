"""Results as notebooks show them: a table of the primary metrics, and the gates that have not passed."""

from collections.abc import Callable, Sequence
from html import escape
from typing import Final

import pandas as pd

from amulet.core.text import visible
from amulet.experiments.results.checks.gates import Checked
from amulet.experiments.results.numbers import Column, MatrixCell
from amulet.statistics import Gate

NO_RATES: Final = pd.DataFrame()
"""Of results without audits that compare groups."""

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
    columns: Sequence[Column],
    rows: Sequence[str],
    cell_of: CellOf,
    gates: Sequence[Checked],
    few: str = "",
    rates: pd.DataFrame = NO_RATES,
) -> str:
    """The table of `as_frame` in HTML, the gates that have not passed, and the rates of groups; all text is escaped.

    Args:
        columns: as for `as_frame`.
        rows: as for `as_frame`.
        cell_of: as for `as_frame`.
        gates: all gates.
        few: a sentence that there are too few seeds for verdicts, instead of all that is unproven for that reason.
        rates: as `Numbers.rates_frame` has them.
    """
    with pd.option_context("display.max_colwidth", None):
        tables = [as_frame(columns, rows, cell_of).to_html(escape=True)]
        tables += [] if rates.empty else [rates_by_group(rates).to_html(escape=True)]
    doubts = [few, *_doubts([gate for gate in gates if gate.state is Gate.FAILED])] if few else _doubts(gates)
    return visible("\n".join([tables[0], *(f"<p>{escape(text)}</p>" for text in doubts), *tables[1:]]))


def rates_by_group(rates: pd.DataFrame) -> pd.DataFrame:
    """A line for each audit, row and group, and a column for each rate: its mean over seeds with mean counts, as text.

    Args:
        rates: as `Numbers.rates_frame` has them.
    """
    means = rates.groupby(["probe", "row", "group", "rate"], sort=False).agg({"count": "mean", "of": "first"})
    texts = [f"{count / of:.3f} ({count:.1f} of {of})" if of else "" for count, of in means.itertuples(index=False)]
    lines = means.assign(text=texts).reset_index()
    shown = lines.pivot_table("text", ["probe", "row", "group"], "rate", aggfunc="first", sort=False)
    return shown[list(dict.fromkeys(rates["rate"]))]


def _doubts(gates: Sequence[Checked]) -> list[str]:
    about = [(" of ".join(filter(None, [gate.about, gate.row])), gate) for gate in gates if gate.follows]
    return [f"{of}: {gate.name} check {gate.state}. {gate.follows}" for of, gate in about]


def _riskier(end: str | None) -> str:
    return {"high": "higher", "low": "lower"}.get(end or "", "")


def _text(cell: MatrixCell) -> str:
    if cell.summary is None:
        return cell.valueless
    mean = f"{cell.summary.mean:.3f}"
    if cell.verdict is None or cell.difference is None:
        return mean
    needed = cell.verdict.seeds_needed
    more = f" (about {needed} seeds would settle it)" if needed else ""
    return f"{mean}, {cell.difference.mean:+.3f}: {cell.column.said(cell.verdict.word)}{more}"
