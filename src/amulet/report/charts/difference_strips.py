"""The small axis inside a table cell on which the difference of a pair of models lies."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from amulet.experiments.pairs.results import PairCell
from amulet.report.words.matrix.blocks import PairLine

CENTRE: Final = 50.0
REACH: Final = 46.0
"""From the centre to the largest difference of the scale."""


@dataclass(frozen=True)
class Strip:
    """Positions on an axis from 0 to 100, no difference at 50.

    Attributes:
        dot: the difference.
        interval: where the true difference lies.
        margin: half the width of the band in which no difference matters.
        riskier: the half in which the metric means more risk, "left" or "right", or None.
    """

    dot: float
    interval: tuple[float, float]
    margin: float
    riskier: str | None


def strip_of_pair(cells: Sequence[PairCell], line: PairLine) -> Strip | None:
    """The difference of a pair with its interval; None where there is none.

    Metrics of one range share one scale, so that their intervals can be compared.
    """
    (cell,) = line.cells
    if cell.verdict.interval is None or cell.difference is None:
        return None
    alike = [other.verdict for other in cells if _value_range(other) == _value_range(cell) and other.verdict.interval]
    ends = [abs(end) for verdict in alike for end in verdict.interval or ()]
    scale = max([*ends, *(2 * verdict.margin for verdict in alike)]) or 1.0
    low, high, at = (round(CENTRE + REACH * value / scale, 1) for value in (*cell.verdict.interval, cell.difference))
    margin = round(REACH * cell.verdict.margin / scale, 1)
    return Strip(at, (low, high), margin, _riskier_side(line))


def _riskier_side(line: PairLine) -> str | None:
    return {"high": "right", "low": "left"}.get(line.column.riskier or "")


def _value_range(cell: PairCell) -> tuple[float, float]:
    return cell.column.low, cell.column.high
