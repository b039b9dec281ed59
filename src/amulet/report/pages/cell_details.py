"""The data of the panel beside the map: sentences on each cell, every seed with its task, charts."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np

from amulet.core.measurements.curve import Curve
from amulet.experiments.results.numbers import Column, MatrixCell, Traced
from amulet.experiments.results.results import Results
from amulet.report.charts import vega_lite
from amulet.report.pages.heat_maps import COMBINED
from amulet.report.words.group_rates import attribute_of
from amulet.report.words.group_sizes import group_sizes
from amulet.report.words.literature import literature_sentences
from amulet.report.words.matrix.blocks import MatrixBlock
from amulet.report.words.matrix.compositions import Combination
from amulet.report.words.matrix.risk_cells import Judged, RiskCell
from amulet.report.words.matrix.verdict_sentences import judged_sentence, metric_figures, verdict_figures
from amulet.report.words.verdicts.gates import gate_asked, gate_found, gates_of
from amulet.report.words.verdicts.paired_levels import paired_levels
from amulet.report.words.verdicts.readings import can_be_news, failed_checks
from amulet.report.words.vocabulary.formats import number, signed
from amulet.report.words.vocabulary.names import capitalised, metric_words
from amulet.report.words.vocabulary.points import plain_name
from amulet.report.words.vocabulary.row_text import row_heading
from amulet.report.words.vocabulary.spec_text import Named, brief, probes
from amulet.report.words.vocabulary.terms import TERMS

Plain = dict[str, Any]
DIGEST: Final = 12
"""Digits of a task's digest that are shown."""
FEW: Final = 60
"""The points of a mean curve, evenly among those of its seeds, where these are not shown."""


def panel_details(
    results: Results,
    cells: Sequence[Sequence[RiskCell]],
    combined: Sequence[Combination],
    anchors: Mapping[tuple[str, str], str],
    *,
    single_seeds: bool = True,
) -> Plain:
    """What the panel beside the map shows of each cell, by the cell's address.

    Args:
        results: of an assessment.
        cells: of all defended rows.
        combined: the combinations of two rows.
        anchors: the addresses, by risk and row.
        single_seeds: whether to include the curve of every seed; otherwise only their means, at fewer points.

    Returns:
        Plain values, which the page embeds as JSON and its script reads. A cell names its metrics by their position in
        "lines", rows by their position in "rows", and checks by their position in "gates".
    """
    named = probes(results)
    keys = _keys(results)
    places = {column: at for at, column in enumerate(results.columns)}
    blocks = [cell.block for cell in cells[0]] if cells else []
    return {
        "gates": [
            [gate.state, capitalised(gate_found(gate)), gate_asked(gate), gate.follows] for gate in results.gates
        ],
        "terms": TERMS,
        "charts": {"difference": vega_lite.difference()},
        "rows": [row_heading(results, row) for row in results.rows],
        "labels": list(results.rows),
        "references": _references(results),
        "risks": [
            [block.words.plain or block.words.title, block.words.title, block.words.sentence] for block in blocks
        ],
        "lines": [_line(results, column, named, keys.index((column.risk, column.probe))) for column in results.columns],
        "curves": [_curves(results, key, single=single_seeds) for key in keys],
        "cells": {
            anchors[cell.block.risk, cell.row]: _cell(results, cell, at, places)
            for row in cells
            for at, cell in enumerate(row)
        },
        "combinations": {
            anchors[COMBINED, each.row]: _combination(results, each, blocks, anchors) for each in combined
        },
    }


def probe_place(results: Results, column: Column) -> int:
    """The position of a column's attack or audit, by which fragments of the page are told apart."""
    return _keys(results).index((column.risk, column.probe))


def _keys(results: Results) -> list[tuple[str, str]]:
    return list(dict.fromkeys((column.risk, column.probe) for column in results.columns))


def _references(results: Results) -> list[int]:
    """The position of the row that each row is compared with."""
    positions = {row: at for at, row in enumerate(results.rows)}
    return [positions.get(results.reference(row), 0) for row in results.rows]


def _line(results: Results, column: Column, named: dict[str, Named], curve: int) -> Plain:
    words = metric_words(column)
    return {
        "title": words.title,
        "meaning": words.sentence,
        "name": capitalised(plain_name(column, attribute_of(results, column))),
        "probe": str(brief(column.probe, named)),
        "facts": [*metric_figures(results, column), ("Attack or audit", str(named[column.probe].given))],
        "curve": curve,
        "groups": _groups(results, column),
        "values": [
            [[item.seed, _short(item.value), item.task[:DIGEST]] for item in results.of(row, column)]
            for row in results.rows
        ],
    }


def _groups(results: Results, column: Column) -> Plain | None:
    groups = group_sizes(results, column)
    if groups is None:
        return None
    return {"caption": groups.caption, "said": groups.sentence, "head": groups.head, "rows": groups.rows}


def _cell(results: Results, cell: RiskCell, risk: int, places: Mapping[Column, int]) -> Plain:
    others = [judged for judged in cell.others if _is_judged(results, judged)]
    metrics = [judged for judged in (*cell.counted, *others) if _is_judged(results, judged)]
    gates = dict.fromkeys(
        gate for judged in metrics for of in (failed_checks, gates_of) for gate in of(results, judged.cell)
    )
    return {
        "risk": risk,
        "row": results.rows.index(cell.row),
        "read": [cell.read.word, cell.read.word.sign, cell.difference],
        "counted": [_counted(results, judged, places) for judged in cell.counted],
        "others": [_other(results, judged, places) for judged in others],
        "gates": [results.gates.index(gate) for gate in gates],
        "published": _published(results, cell),
    }


def _is_judged(results: Results, judged: Judged) -> bool:
    return not results.unjudged(judged.cell.row, judged.cell.column)


def _published(results: Results, cell: RiskCell) -> str:
    """What is published of the row's defense and the risk, told once however many attacks there are."""
    sentences = (literature_sentences(results, judged.cell) for judged in cell.counted)
    return next(filter(None, sentences), "")


def _counted(results: Results, judged: Judged, places: Mapping[Column, int]) -> Plain:
    """A metric with all that is known of it."""
    return {
        "line": places[judged.line.column],
        "read": [judged.read.word, judged.read.word.sign],
        "said": judged_sentence(results, judged),
        "facts": list(verdict_figures(results, judged.cell)),
        "judged": _judged(judged.cell),
        "differences": [_short(value) for value in results.differences(judged.cell.row, judged.line.column)],
    }


def _other(results: Results, judged: Judged, places: Mapping[Column, int]) -> list[Any]:
    """An exploratory metric as a line of a table: its levels, its difference, and how it reads."""
    before, after = ("", "")
    if judged.cell.difference is not None:
        first, second = paired_levels(results, judged.cell)
        before, after = number(first), number(second)
    difference = signed(judged.cell.difference.mean) if judged.cell.difference else ""
    read = [judged.read.word.sign, judged.read.word] if can_be_news(judged.line.column) else ["", ""]
    return [places[judged.line.column], before, after, difference, *read]


def _combination(
    results: Results, found: Combination, blocks: Sequence[MatrixBlock], anchors: Mapping[tuple[str, str], str]
) -> Plain:
    return {
        "row": results.rows.index(found.row),
        "words": found.words,
        "sign": f"{found.first.still.sign} {found.second.still.sign}",
        "verdict": found.verdict,
        "said": [found.first.sentence, found.second.sentence],
        "cells": [anchors[block.risk, found.row] for block in blocks],
    }


def _judged(cell: MatrixCell) -> Plain | None:
    """What the chart of differences draws beside the seeds; None where there is no interval."""
    if cell.verdict is None or cell.verdict.interval is None or cell.difference is None:
        return None
    (low, high), margin = cell.verdict.interval, cell.verdict.margin
    judged = cell.verdict.paired.n if cell.verdict.paired else cell.difference.n
    return {
        "first": judged if judged < cell.difference.n else 0,
        "mean": _short(cell.difference.mean),
        "low": _short(low),
        "high": _short(high),
        "minus": -margin,
        "margin": margin,
    }


def _curves(results: Results, key: tuple[str, str], *, single: bool) -> Plain | None:
    """The curves of one probe, every x written once; None where none has points."""
    column = next(column for column in results.columns if (column.risk, column.probe) == key)
    traced = [results.curves_of(row, column) for row in results.rows]
    drawn = [item.curve for row in traced for item in row if item.curve.x]
    if not drawn:
        return None
    xs = list(dict.fromkeys(curve.x for curve in drawn)) if single else []
    first = drawn[0]
    return {
        "title": first.title,
        "scale": first.scale,
        "x_title": first.x_title,
        "words": _words(first),
        "chart": vega_lite.curve(first.x_title, first.y_title, first.scale),
        "xs": [[_short(x, 4) for x in each] for each in xs],
        "seeds": [[_seed(item, xs, single=single) for item in row if item.curve.x] for row in traced],
        "means": [_mean([item.curve for item in row if item.curve.x], None if single else FEW) for row in traced],
    }


def _words(curve: Curve) -> str:
    scales = ", both on log scales; the dotted line is guessing" if curve.scale == "log" else ""
    return f"{curve.title}: {curve.y_title} over {curve.x_title}{scales}. Thin lines are seeds, thick ones their mean."


def _seed(item: Traced, xs: Sequence[tuple[float, ...]], *, single: bool) -> list[Any]:
    if not single:
        return [item.seed, 0, [], item.task[:DIGEST]]
    return [item.seed, xs.index(item.curve.x), [_short(y, 4) for y in item.curve.y], item.task[:DIGEST]]


def _mean(curves: Sequence[Curve], most: int | None) -> Plain:
    """Over seeds at every x that all of them reach, or at so many of them; straight lines between a seed's points."""
    if not curves:
        return {"x": [], "y": []}
    low, high = max(curve.x[0] for curve in curves), min(curve.x[-1] for curve in curves)
    xs = sorted({x for curve in curves for x in curve.x if low <= x <= high})
    if most is not None and len(xs) > most:
        xs = [xs[place] for place in np.linspace(0, len(xs) - 1, most).round().astype(int).tolist()]
    ys = np.mean([np.interp(xs, curve.x, curve.y) for curve in curves], axis=0) if xs else np.array([])
    return {"x": [_short(x, 4) for x in xs], "y": [_short(y, 4) for y in ys.tolist()]}


def _short(value: float | None, digits: int = 6) -> float | None:
    """So many significant digits; nothing for what JSON has no number for."""
    return float(f"{value:.{digits}g}") if value is not None and np.isfinite(value) else None
