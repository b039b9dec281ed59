"""Where the dots of a cell's strip lie: the seeds' differences to the baseline on one small axis."""

from dataclasses import dataclass
from typing import Final

from amulet.experiments.results import Results
from amulet.report.words.blocks import Line

CENTRE: Final = 50.0
REACH: Final = 46.0
LEAST_SHARE: Final = 0.05
"""Half an axis shows at least this difference between two shares, so that noise does not fill the strip."""


@dataclass(frozen=True)
class Strip:
    """Places on an axis from 0 to 100, the baseline at 50.

    Attributes:
        dots: one per seed.
        mean: of the dots.
        riskier: the half where the metric means more risk, "left" or "right", or None.
        there: whether the mean lies in that half.
    """

    dots: tuple[float, ...]
    mean: float
    riskier: str | None
    there: bool


SAMPLE: Final = Strip((58.0, 70.0, 75.0, 86.0), 72.3, "right", there=False)
"""For the key under the first table."""


def strips(results: Results, line: Line) -> dict[str, Strip]:
    """By defended row; all strips of a line share one scale. A row without any difference has none."""
    found = {cell.row: results.differences(cell.row, line.column) for cell in line.cells if cell.difference}
    scale = max([abs(number) for numbers in found.values() for number in numbers], default=0.0)
    scale = max(scale, LEAST_SHARE) if _shares(results, line) else scale or 1.0
    side = {"high": "right", "low": "left"}.get(line.column.riskier or "")
    return {row: _strip([number / scale for number in numbers], side) for row, numbers in found.items() if numbers}


def _strip(numbers: list[float], side: str | None) -> Strip:
    places = [CENTRE + REACH * number for number in numbers]
    mean = sum(places) / len(places)
    there = side is not None and (mean > CENTRE if side == "right" else mean < CENTRE)
    return Strip(tuple(round(place, 1) for place in places), round(mean, 1), side, there)


def _shares(results: Results, line: Line) -> bool:
    values = [item.value for cell in line.cells for item in results.of(cell.row, line.column)]
    return all(0 <= value <= 1 for value in values if value is not None)
