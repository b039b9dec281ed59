"""The matrix in the order people read it: risk by risk, probe by probe, metric by metric."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace

from amulet.experiments.numbers import Column, MatrixCell
from amulet.experiments.results import Results
from amulet.report.words.names import Words, metric_words, risk_rank, risk_words
from amulet.report.words.spec_text import Named, brief, probes


@dataclass(frozen=True)
class Line:
    """One metric over all rows of the experiment, the baseline first."""

    column: Column
    words: Words
    cells: tuple[MatrixCell, ...]


@dataclass(frozen=True)
class Part:
    """All metrics of one probe, the primary ones first; `brief` tells it from the other probes."""

    probe: Named
    brief: Named
    lines: tuple[Line, ...]

    @property
    def obvious(self) -> bool:
        """Whether the risk's name says it all, as for utility."""
        return not self.probe.settings and self.probe.name.lower() == self.lines[0].column.risk


@dataclass(frozen=True)
class Block:
    """One risk."""

    risk: str
    words: Words
    parts: tuple[Part, ...]

    @property
    def undefined(self) -> Iterator[str]:
        """A sentence for each metric and reason, naming the rows where it has no value."""
        for part in self.parts:
            for line in part.lines:
                for reason, rows in _rows_by_reason(line).items():
                    yield f"{line.words.title} of {part.brief}, {', '.join(rows)}: {reason}."


def blocks(results: Results) -> tuple[Block, ...]:
    """The whole matrix; every cell is worked out once."""
    risks = sorted(dict.fromkeys(column.risk for column in results.columns), key=risk_rank)
    named = probes(results)
    return tuple(Block(risk, risk_words(risk), _parts(results, risk, named)) for risk in risks)


def primaries(found: tuple[Block, ...]) -> tuple[Block, ...]:
    """The same, with the metrics alone that stand for their risk."""
    return tuple(
        Block(
            block.risk,
            block.words,
            tuple(replace(part, lines=lines) for part in block.parts if (lines := _primary(part))),
        )
        for block in found
        if any(_primary(part) for part in block.parts)
    )


def _primary(part: Part) -> tuple[Line, ...]:
    return tuple(line for line in part.lines if line.column.primary)


def _parts(results: Results, risk: str, named: dict[str, Named]) -> tuple[Part, ...]:
    columns = defaultdict(list)
    for column in results.columns:
        if column.risk == risk:
            columns[column.probe].append(column)
    return tuple(Part(named[probe], brief(probe, named), _lines(results, listed)) for probe, listed in columns.items())


def _lines(results: Results, columns: list[Column]) -> tuple[Line, ...]:
    ordered = sorted(columns, key=lambda column: not column.primary)
    return tuple(
        Line(column, metric_words(column), tuple(results.cell(row, column) for row in results.rows))
        for column in ordered
    )


def _rows_by_reason(line: Line) -> dict[str, list[str]]:
    rows: dict[str, list[str]] = defaultdict(list)
    for cell in line.cells:
        for reason in cell.undefined:
            rows[reason].append(cell.row)
    return rows
