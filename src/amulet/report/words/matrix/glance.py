"""The matrix at a glance: a line for each row, a column for each risk, and one for each metric that the user listed."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from amulet.experiments.planning.experiment import BASELINE
from amulet.experiments.results.results import Results
from amulet.report.words.matrix.blocks import MatrixBlock, MatrixLine
from amulet.report.words.matrix.risk_cells import Judged, RiskCell, counted_lines, risk_cells
from amulet.report.words.verdicts.readings import Reading
from amulet.report.words.vocabulary.listed_metrics import is_listed
from amulet.report.words.vocabulary.names import risk_code, risk_head
from amulet.report.words.vocabulary.short_numbers import short_difference, short_value
from amulet.statistics.power import MOST_SEEDS

EN_DASH: Final = "\N{EN DASH}"
EXPLORATORY: Final = "*"
"""Behind the title of a metric that is judged by itself."""
_SIGNS: Final = {Reading.LEANS_WORSE: "?↗"}
"""Where they differ from those of the page, which has a colour for "leans worse"."""


@dataclass(frozen=True)
class GlanceCell:
    """The worst news of one row on one risk: "+.05", "✗"."""

    difference: str
    sign: str
    reading: Reading


@dataclass(frozen=True)
class GlanceColumn:
    """One column of the table.

    Attributes:
        head: the risk, or the metric that the user listed.
        code: the code of the risk in the taxonomy, "P1"; else the head.
        measured: the titles of its metrics, for a column of a risk: "robust accuracy". Of several with their values
            without a defense: "claim accuracy .61, fidelity .95".
        baseline: the value without a defense; from the least to the most where several attacks or audits have the
            metric. Of several metrics one after the other, in the order of `measured`.
        cells: one for each defended row.
        seeds: how many seeds would settle all its undecided cells; empty where all are settled or nobody can say.
    """

    head: str
    code: str
    measured: str
    baseline: str
    cells: tuple[GlanceCell, ...]
    seeds: str


def glance_columns(results: Results, found: Sequence[MatrixBlock]) -> tuple[GlanceColumn, ...]:
    """All columns in the order of the matrix; that of a listed metric stands behind its risk."""
    by_row = risk_cells(results, found)
    columns: list[GlanceColumn] = []
    for at, block in enumerate(found):
        cells = [row[at] for row in by_row]
        counted = counted_lines(block)
        columns.append(_column((risk_head(block.risk), risk_code(block.risk)), counted, cells))
        for name in dict.fromkeys(line.column.metric for _, line in block.lines if line.column.group is None):
            lines = [line for _, line in block.lines if line.column.metric == name and line.column.group is None]
            if not any(line in counted for line in lines) and is_listed(results, lines[0].column):
                starred = f"{lines[0].words.title}{EXPLORATORY}"
                columns.append(_column((starred, ""), lines, cells))
    return tuple(columns)


def _column(heads: tuple[str, str], lines: Sequence[MatrixLine], cells: Sequence[RiskCell]) -> GlanceColumn:
    columns = [line.column for line in lines]
    mine = [[each for each in (*cell.counted, *cell.others) if each.line.column in columns] for cell in cells]
    head, code = heads
    baselines = _baselines(lines)
    several = len(baselines) > 1
    measured = (f"{title} {value}" if several else title for title, value in baselines.items())
    return GlanceColumn(
        head,
        code or head,
        "" if head.endswith(EXPLORATORY) else ", ".join(measured),
        ", ".join(baselines.values()) or EN_DASH,
        tuple(_cell(judged) for judged in mine),
        _seeds([each for judged in mine for each in judged]),
    )


def _baselines(lines: Sequence[MatrixLine]) -> dict[str, str]:
    """By the title of each metric that has a value in some row, the value or the range of values without a defense."""
    found: dict[str, list[float]] = {}
    for line in lines:
        known = [cell for cell in line.cells if cell.summary is not None]
        if known:
            values = found.setdefault(line.words.in_sentence, [])
            values += [cell.summary.mean for cell in known if cell.row == BASELINE and cell.summary is not None]
    return {title: _range(values) for title, values in found.items()}


def _range(values: Sequence[float]) -> str:
    least, most = (short_value(end) for end in (min(values, default=0), max(values, default=0)))
    if not values:
        return EN_DASH
    return least if least == most else f"{least}{EN_DASH}{most}"


def _cell(judged: Sequence[Judged]) -> GlanceCell:
    first = min(judged, key=lambda each: each.read.order, default=None)
    if first is None:
        return GlanceCell("", Reading.NONE.sign, Reading.NONE)
    word, difference = first.read.word, first.cell.difference
    shown = "" if difference is None or word is Reading.NONE else short_difference(difference.mean)
    return GlanceCell(shown, _SIGNS.get(word, word.sign), word)


def _seeds(judged: Sequence[Judged]) -> str:
    """The most of the numbers that would settle its cells, for those that seeds could settle."""
    verdicts = [each.cell.verdict for each in judged if each.cell.verdict is not None]
    needed = [each.seeds_needed for each in verdicts if each.seeds_may_settle]
    if not needed:
        return ""
    return f">{MOST_SEEDS}" if None in needed else str(max(number for number in needed if number))
