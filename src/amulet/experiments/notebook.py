"""Results as a notebook shows them: the primary metrics, a line each, and what stands in the way of their verdicts."""

from html import escape
from typing import TYPE_CHECKING

import pandas as pd

from amulet.core.text import visible
from amulet.statistics import Word

if TYPE_CHECKING:
    from amulet.experiments.results import MatrixCell, Results


def as_frame(results: "Results") -> pd.DataFrame:
    """Rows of the experiment as columns; in each cell mean, difference and verdict, as text."""
    columns = [column for column in results.columns if column.primary] or list(results.columns)
    index = pd.MultiIndex.from_tuples(
        [(column.risk, column.probe, column.metric, _riskier(column.riskier)) for column in columns],
        names=["risk", "attack or audit", "metric", "riskier"],
    )
    cells = [[_text(results.cell(row, column)) for row in results.rows] for column in columns]
    return pd.DataFrame(cells, index=index, columns=list(results.rows))


def as_html(results: "Results") -> str:
    """The frame as a table, under it the gates that are not shown; labels are escaped."""
    with pd.option_context("display.max_colwidth", None):
        table: str = as_frame(results).to_html(escape=True)
    return visible("\n".join([table, *(f"<p>{escape(text)}</p>" for text in _doubts(results))]))


def _doubts(results: "Results") -> list[str]:
    about = [(" of ".join(filter(None, [gate.about, gate.row])), gate) for gate in results.gates if gate.follows]
    return [f"{of}: {gate.state}. {gate.follows}" for of, gate in about]


def _riskier(end: str | None) -> str:
    return {"high": "higher", "low": "lower"}.get(end or "", "")


def _text(cell: "MatrixCell") -> str:
    if cell.summary is None:
        return "undefined"
    mean = f"{cell.summary.mean:.3f}"
    if cell.verdict is None or cell.difference is None:
        return mean
    needed = cell.verdict.seeds_needed
    more = f" (about {needed} seeds would settle it)" if cell.verdict.word is Word.INCONCLUSIVE and needed else ""
    return f"{mean}, {cell.difference.mean:+.3f}: {cell.verdict.word}{more}"
