"""The small axis inside a table cell on which differences lie: those of the seeds, or that of a pair of models."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from amulet.experiments.pairs.results import PairCell
from amulet.experiments.results.results import Results
from amulet.report.words.blocks import MatrixLine, PairLine

CENTRE: Final = 50.0
REACH: Final = 46.0
"""From the centre to the largest difference of the scale."""
LEAST_SHARE: Final = 0.05
"""Half an axis shows at least this difference between two shares, so that noise does not fill the strip."""


@dataclass(frozen=True)
class Strip:
    """Positions on an axis from 0 to 100, no difference at 50.

    Attributes:
        dots: one for each difference.
        mean: of several dots; None for the one of a pair.
        interval: where the true difference lies; None where it is not drawn.
        margin: half the width of the band in which no difference matters; None where it is not drawn.
        riskier: the half in which the metric means more risk, "left" or "right", or None.
        on_riskier_side: whether the mean lies in that half.
    """

    dots: tuple[float, ...]
    mean: float | None = None
    interval: tuple[float, float] | None = None
    margin: float | None = None
    riskier: str | None = None
    on_riskier_side: bool = False


SAMPLE: Final = Strip((58.0, 70.0, 75.0, 86.0), mean=72.3, riskier="right")
"""For the key under the first table."""


def strips_of_rows(results: Results, line: MatrixLine) -> dict[str, Strip]:
    """The strip of each defended row; all of a line share one scale. A row without any difference has none."""
    found = {cell.row: results.differences(cell.row, line.column) for cell in line.cells if cell.difference}
    scale = max([abs(number) for numbers in found.values() for number in numbers], default=0.0)
    values = [item.value for cell in line.cells for item in results.of(cell.row, line.column)]
    if all(0 <= value <= 1 for value in values if value is not None):
        scale = max(scale, LEAST_SHARE)
    scale, side = scale or 1.0, _riskier_side(line)
    scaled = {row: [number / scale for number in numbers] for row, numbers in found.items() if numbers}
    return {row: _seed_strip(numbers, side) for row, numbers in scaled.items()}


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
    return Strip((at,), interval=(low, high), margin=margin, riskier=_riskier_side(line))


def _seed_strip(numbers: Sequence[float], side: str | None) -> Strip:
    """The strip of differences that were divided by the scale."""
    places = [CENTRE + REACH * number for number in numbers]
    mean = sum(places) / len(places)
    worse = side is not None and (mean > CENTRE if side == "right" else mean < CENTRE)
    dots = tuple(round(place, 1) for place in places)
    return Strip(dots, mean=round(mean, 1), riskier=side, on_riskier_side=worse)


def _riskier_side(line: MatrixLine | PairLine) -> str | None:
    return {"high": "right", "low": "left"}.get(line.column.riskier or "")


def _value_range(cell: PairCell) -> tuple[float, float]:
    return cell.column.low, cell.column.high
