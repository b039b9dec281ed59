"""The matrix as CSV: one line for each metric of each row, for a spreadsheet."""

import csv
import io

from amulet.core.text import visible
from amulet.experiments.results.numbers import MatrixCell
from amulet.experiments.results.results import Results
from amulet.report.words.verdicts.readings import cell_reading
from amulet.report.words.vocabulary.names import metric_words, risk_words

HEAD = (
    "row",
    "compared with",
    "risk",
    "attack or audit",
    "metric",
    "group",
    "primary",
    "riskier end",
    "mean",
    "difference",
    "interval low",
    "interval high",
    "p",
    "verdict",
    "reading",
    "reason",
    "seeds",
)
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")


def matrix_csv(results: Results) -> str:
    """The whole text; an apostrophe stands before what a spreadsheet would take for a formula."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(HEAD)
    writer.writerows(_line(results, cell) for cell in results.cells())
    return text.getvalue()


def _line(results: Results, cell: MatrixCell) -> list[str | int]:
    read, column, verdict = cell_reading(results, cell), cell.column, cell.verdict
    low, high = verdict.interval if verdict and verdict.interval else (None, None)
    reason = read.reason if read else "; ".join(cell.undefined)
    words = (cell.row, results.reference(cell.row) if verdict else "", risk_words(column.risk).title, column.probe)
    return [
        *map(_text, words),
        _text(metric_words(column).title),
        _text(column.group or ""),
        "yes" if column.primary else "no",
        column.riskier or "",
        _number(cell.summary.mean if cell.summary else None),
        _number(cell.difference.mean if cell.difference else None),
        _number(low),
        _number(high),
        _number(verdict.p if verdict else None),
        str(verdict.word) if verdict else "",
        str(read.word) if read else "",
        _text(reason),
        cell.summary.n if cell.summary else 0,
    ]


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.6g}"


def _text(text: str) -> str:
    return f"'{visible(text)}" if text.startswith(_FORMULAS) else visible(text)
