"""Trade-offs between a risk and utility: one small chart for each attack and audit."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any, Final

import numpy as np
import vl_convert
from markupsafe import Markup
from numpy.typing import NDArray

from amulet.experiments.results.numbers import Column, MatrixCell
from amulet.experiments.results.results import Results
from amulet.report.charts import vega_lite
from amulet.report.words.matrix.blocks import MatrixBlock, MatrixLine, MatrixPart, primary_blocks
from amulet.report.words.vocabulary.names import metric_words
from amulet.utility import RISK as UTILITY

ENOUGH: Final = 18.0
"""Pixels between a letter and anything else beyond which more room does not read better."""

Place = tuple[float, float]


@dataclass(frozen=True)
class Point:
    """One row by its letter, with its cells of utility and of the risk."""

    letter: str
    utility: MatrixCell
    risk: MatrixCell


@dataclass(frozen=True)
class TradeOff:
    """One probe's primary metric against the primary metric of utility; the chart holds no script."""

    block: MatrixBlock
    part: MatrixPart
    line: MatrixLine
    utility: Column
    points: tuple[Point, ...]
    svg: Markup


def row_letters(results: Results) -> dict[str, str]:
    """What each row is called in the charts: A, B, C ..., and numbers where the alphabet ends."""
    return {
        row: ascii_uppercase[at] if at < len(ascii_uppercase) else str(at + 1) for at, row in enumerate(results.rows)
    }


def trade_offs(results: Results, found: Sequence[MatrixBlock], *, single_seeds: bool = True) -> Iterator[TradeOff]:
    """In the order of the matrix; none where no metric stands for utility.

    Args:
        results: of an assessment.
        found: all that was measured.
        single_seeds: whether each row's seeds are drawn, beside their mean.
    """
    utility = next((column for column in results.columns if column.risk == UTILITY.name and column.primary), None)
    if utility is None:
        return
    for block in primary_blocks(tuple(found)):
        for part in block.parts if block.risk != UTILITY.name else ():
            for line in part.lines:
                points = tuple(_points(results, utility, line))
                if points:
                    drawn = _drawn(results, utility, line.column, points, single_seeds=single_seeds)
                    yield TradeOff(block, part, line, utility, points, drawn)


def letter_sides(places: Sequence[Place], corners: Sequence[Place]) -> list[str]:
    """The side on which each place's letter stands: as far as can be from other places and from letters before it.

    Args:
        places: of the marks.
        corners: other points that the axes reach to.
    """
    seen = np.array([*places, *corners])
    span = np.ptp(seen, axis=0)
    pixels = (np.array(places) - seen.min(axis=0)) / np.where(span > 0, span, 1) * vega_lite.TRADE_OFF * (1, -1)
    taken, sides = list(pixels), []
    for at, mark in enumerate(pixels):
        others = [place for other, place in enumerate(taken) if other != at]
        room = {side: _nearest(mark + shift, others) for side, shift in vega_lite.SIDES.items()}
        sides.append(max(room, key=lambda side: min(room[side], ENOUGH)))
        taken.append(mark + vega_lite.SIDES[sides[-1]])
    return sides


def _nearest(place: NDArray[np.float64], others: Sequence[NDArray[np.float64]]) -> float:
    return float(np.hypot(*(place - np.array(others)).T).min()) if others else ENOUGH


def _points(results: Results, utility: Column, line: MatrixLine) -> Iterator[Point]:
    for row, letter in row_letters(results).items():
        point = Point(letter, results.cell(row, utility), results.cell(row, line.column))
        if point.utility.summary and point.risk.summary:
            yield point


def _drawn(results: Results, utility: Column, risk: Column, points: Sequence[Point], *, single_seeds: bool) -> Markup:
    means = [_mean(results, point) for point in points]
    tied = list(zip(points, means, strict=True)) if single_seeds else []
    seeds = [{**mean, **seed} for point, mean in tied for seed in _seeds(results, point)]
    corners = [(each["seed_x"], each["seed_y"]) for each in seeds] or [(mean["x"], mean["y"]) for mean in means]
    sides = letter_sides([(mean["x"], mean["y"]) for mean in means], corners)
    means = [{**mean, "side": side} for mean, side in zip(means, sides, strict=True)]
    before = [mean for mean in means if mean["kind"] == vega_lite.KINDS[0]]
    titles = f"{metric_words(utility).title}, higher is better →", f"{_arrow(risk)} {metric_words(risk).title}".strip()
    data = {"before": before, "means": means, "seeds": seeds}
    ends = (axis_ends(column, [corner[at] for corner in corners]) for at, column in enumerate((utility, risk)))
    svg: str = vl_convert.vegalite_to_svg({**vega_lite.trade_off(*titles, *ends), "datasets": data})
    drawn = re.sub(r"<[^>]+>", _slim, svg).replace("<svg", '<svg aria-hidden="true"', 1)
    return Markup(drawn)  # noqa: S704 - Vega escapes text


def axis_ends(column: Column, values: Sequence[float]) -> Place | None:
    """The ends of an axis on which all values are the same, within the metric's range; None where they differ."""
    if max(values) > min(values):
        return None
    around = max(0.05, 0.05 * abs(values[0]))
    return max(column.low, values[0] - around), min(column.high, values[0] + around)


def _slim(tag: re.Match[str]) -> str:
    """A tag without what a page does not need: attributes that say nothing there, fractions of a tenth of a pixel."""
    shorter = re.sub(r' (?:xmlns(?::xlink)?|version|class|pointer-events|aria-hidden)="[^"]*"', "", tag.group())
    return re.sub(r"(\d\.\d)\d+", r"\1", shorter)


def _mean(results: Results, point: Point) -> dict[str, Any]:
    kind = vega_lite.KINDS[point.risk.verdict is not None]
    x, y = (comparable_mean(results, cell) for cell in (point.utility, point.risk))
    return {"letter": point.letter, "kind": kind, "x": _exact(x), "y": _exact(y)}


def _exact(value: float) -> float:
    """Without the rounding errors of sums, which an axis of equal values would be stretched over."""
    return round(value, 9)


def comparable_mean(results: Results, cell: MatrixCell) -> float:
    """The mean of the reference row plus the paired difference: the two rows can have different numbers of seeds."""
    assert cell.summary  # noqa: S101 - only such points are made
    reference = results.cell(results.reference(cell.row), cell.column).summary
    if cell.difference is None or reference is None:
        return cell.summary.mean
    return reference.mean + cell.difference.mean


def _seeds(results: Results, point: Point) -> Iterator[dict[str, float]]:
    uses = {item.seed: item.value for item in results.of(point.utility.row, point.utility.column)}
    for item in results.of(point.risk.row, point.risk.column):
        use = uses.get(item.seed)
        if use is not None and item.value is not None:
            yield {"seed_x": _exact(use), "seed_y": _exact(item.value)}


def _arrow(column: Column) -> str:
    return {"high": "↓ safer:", "low": "↑ safer:"}.get(column.riskier or "", "")
