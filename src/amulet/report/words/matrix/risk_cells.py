"""The matrix with one cell for each risk and defended row, as it is seen at a glance."""

from collections.abc import Sequence
from dataclasses import dataclass

from amulet.experiments.planning.experiment import BASELINE
from amulet.experiments.results.numbers import MatrixCell
from amulet.experiments.results.results import Results
from amulet.report.words.group_rates import attribute_text
from amulet.report.words.matrix.blocks import MatrixBlock, MatrixLine, MatrixPart
from amulet.report.words.verdicts.readings import Read, cell_reading, worst
from amulet.report.words.vocabulary.points import plain_name, points


@dataclass(frozen=True)
class Judged:
    """One metric of one defended row, with its reading."""

    part: MatrixPart
    line: MatrixLine
    cell: MatrixCell
    read: Read

    @property
    def attribute(self) -> str:
        """The sensitive attribute that it is about, or several, "sex and race"; empty for none."""
        return attribute_text(dict(self.part.probe.settings).get("attribute", ""))

    @property
    def name(self) -> str:
        """What is measured, in plain words within a sentence."""
        return plain_name(self.line.column, self.attribute)


@dataclass(frozen=True)
class RiskCell:
    """All metrics of one risk for one defended row.

    Attributes:
        block: the risk.
        row: the label of the row.
        counted: the metrics that the cell's reading is made of, the worst news first: the primary ones, or all where
            the risk has no primary one.
        others: the other metrics, which are exploratory, in the order of the matrix.
    """

    block: MatrixBlock
    row: str
    counted: tuple[Judged, ...]
    others: tuple[Judged, ...]

    @property
    def read(self) -> Read:
        """The worst news of those that count."""
        return worst(judged.read for judged in self.counted)

    @property
    def difference(self) -> str:
        """The difference of the worst news in points, with its sign; empty where there is none."""
        first = next(iter(self.counted), None)
        if first is None or first.cell.difference is None:
            return ""
        return points(first.line.column, first.cell.difference.mean)


def risk_cells(results: Results, found: Sequence[MatrixBlock]) -> tuple[tuple[RiskCell, ...], ...]:
    """For each defended row the cells of all risks, in the order of `found`."""
    rows = [row for row in results.rows if row != BASELINE]
    judged = [_judged(results, block) for block in found]
    return tuple(
        tuple(_cell(block, row, by_row.get(row, ())) for block, by_row in zip(found, judged, strict=True))
        for row in rows
    )


def counted_lines(block: MatrixBlock) -> list[MatrixLine]:
    """The metrics that the reading of a risk is made of: the primary ones, or all where the risk has none."""
    lines = [line for _, line in block.lines]
    return [line for line in lines if line.column.primary] or lines


def _judged(results: Results, block: MatrixBlock) -> dict[str, list[Judged]]:
    """The metrics of a risk, by row."""
    found: dict[str, list[Judged]] = {}
    for part, line in block.lines:
        for cell in line.cells:
            if read := cell_reading(results, cell):
                found.setdefault(cell.row, []).append(Judged(part, line, cell, read))
    return found


def _cell(block: MatrixBlock, row: str, judged: Sequence[Judged]) -> RiskCell:
    columns = {line.column for line in counted_lines(block)}
    counted = [each for each in judged if each.line.column in columns]
    return RiskCell(
        block,
        row,
        tuple(sorted(counted, key=lambda each: each.read.order)),
        tuple(each for each in judged if each.line.column not in columns),
    )
