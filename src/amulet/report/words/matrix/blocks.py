"""What was measured in the order in which it is read: risk by risk, probe by probe, metric by metric.

A block is one risk, a part one of its attacks or audits, a line one metric with its cells. The cells are those of an
assessment, one for each row, or the single cell of a pair of models.
"""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeAlias, TypeVar

from amulet.experiments.model_audit.results import AuditCell, AuditResults
from amulet.experiments.pairs.results import PairCell, PairResults
from amulet.experiments.results.numbers import Column, MatrixCell
from amulet.experiments.results.results import Results
from amulet.report.words.vocabulary.formats import number
from amulet.report.words.vocabulary.names import Words, metric_words, risk_rank, risk_words
from amulet.report.words.vocabulary.spec_text import Named, Specified, brief, probes

Cell = TypeVar("Cell", MatrixCell, PairCell, AuditCell)


@dataclass(frozen=True)
class Line(Generic[Cell]):
    """One metric.

    Attributes:
        column: the metric with its probe.
        words: its title and meaning.
        cells: one for each row of an assessment, the baseline first; a single one for a pair of models or one model.
    """

    column: Column
    words: Words
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Part(Generic[Cell]):
    """All metrics of one probe, the primary ones first.

    Attributes:
        probe: the probe with all its settings.
        brief: the probe with the settings that distinguish it from the other probes of its class.
        lines: its metrics.
    """

    probe: Named
    brief: Named
    lines: tuple[Line[Cell], ...]

    @property
    def obvious(self) -> bool:
        """Whether the risk's name is also the probe's and nothing needs to be added, as for utility."""
        return not self.probe.settings and self.probe.name.lower() == self.lines[0].column.risk


@dataclass(frozen=True)
class Block(Generic[Cell]):
    """One risk.

    Attributes:
        risk: the name of its package.
        words: its title and meaning.
        parts: its attacks and audits.
    """

    risk: str
    words: Words
    parts: tuple[Part[Cell], ...]

    @property
    def lines(self) -> Iterator[tuple[Part[Cell], Line[Cell]]]:
        """Every metric with the part that it belongs to."""
        for part in self.parts:
            for line in part.lines:
                yield part, line


MatrixBlock: TypeAlias = Block[MatrixCell]
MatrixPart: TypeAlias = Part[MatrixCell]
MatrixLine: TypeAlias = Line[MatrixCell]
PairBlock: TypeAlias = Block[PairCell]
PairPart: TypeAlias = Part[PairCell]
PairLine: TypeAlias = Line[PairCell]
AuditBlock: TypeAlias = Block[AuditCell]
AuditPart: TypeAlias = Part[AuditCell]
AuditLine: TypeAlias = Line[AuditCell]


def matrix_blocks(results: Results) -> tuple[MatrixBlock, ...]:
    """The whole matrix of an assessment; every cell is computed once."""
    return _arranged(results, lambda column: tuple(results.cell(row, column) for row in results.rows))


def pair_blocks(results: PairResults) -> tuple[PairBlock, ...]:
    """All that was measured of a pair of models."""
    by_column = {cell.column: cell for cell in results.cells}
    return _arranged(results, lambda column: (by_column[column],))


def audit_blocks(results: AuditResults) -> tuple[AuditBlock, ...]:
    """All that was measured of one model."""
    by_column = {cell.column: cell for cell in results.cells}
    return _arranged(results, lambda column: (by_column[column],))


def primary_blocks(blocks: Sequence[Block[Cell]], *, with_groups: bool = False) -> tuple[Block[Cell], ...]:
    """The same blocks with primary metrics only; parts and blocks without one are left out.

    Args:
        blocks: risk by risk.
        with_groups: whether to keep primary metrics as measured on single groups, which are exploratory, as well.
    """
    found = []
    for block in blocks:
        kept = [(part, tuple(_primary(part, with_groups=with_groups))) for part in block.parts]
        parts = tuple(replace(part, lines=lines) for part, lines in kept if lines)
        found += [replace(block, parts=parts)] if parts else []
    return tuple(found)


def group_sentences(part: Part[Cell]) -> Iterator[str]:
    """The metrics of a part that are of single groups: "Attack AUC (sex = female): undefended 0.512, DP-SGD 0.503"."""
    for line in part.lines:
        if line.column.group is not None:
            yield f"{line.words.title}{'' if part.obvious else f' of {part.brief}'}: {', '.join(_values(line))}"


def _values(line: Line[Cell]) -> Iterator[str]:
    for cell in line.cells:
        match cell:
            case PairCell():
                found = {"before": cell.before, "after": cell.after}
            case AuditCell():
                found = {"": cell.value}
            case _:
                found = {cell.row: None if cell.summary is None else cell.summary.mean}
        lacking = cell.valueless if isinstance(cell, MatrixCell) else "undefined"
        for model, value in found.items():
            yield f"{model} {lacking if value is None else number(value)}".lstrip()


def _primary(part: Part[Cell], *, with_groups: bool) -> Iterator[Line[Cell]]:
    names = {line.column.metric for line in part.lines if line.column.primary}
    for line in part.lines:
        if line.column.primary or (with_groups and line.column.metric in names):
            yield line


def undefined_sentences(block: MatrixBlock) -> Iterator[str]:
    """A sentence for each metric and reason, with the rows in which it has no value."""
    for part, line in block.lines:
        rows: dict[str, list[str]] = defaultdict(list)
        for cell in line.cells:
            for reason in cell.undefined:
                rows[reason].append(cell.row)
        for reason, named in rows.items():
            yield f"{line.words.title} of {part.brief}, {', '.join(named)}: {reason}."


def pair_undefined_sentences(block: PairBlock) -> Iterator[str]:
    """A sentence for each metric that has no value."""
    for name, cell in _named_cells(block):
        yield from (f"{name}: {reason}." for reason in cell.reasons)


def pair_lost_sentences(block: PairBlock) -> Iterator[str]:
    """A sentence for each metric that has a value, but none on some resamples."""
    for name, cell in _named_cells(block):
        if cell.lost:
            lost = f"on {cell.lost:,} of {cell.resamples:,} resamples"
            yield f"{name} has no value {lost} of the records; they count as beyond both ends of its interval."


def _named_cells(block: PairBlock) -> Iterator[tuple[str, PairCell]]:
    for part, line in block.lines:
        yield from ((f"{line.words.title} of {part.brief}", cell) for cell in line.cells)


def _arranged(results: Specified, cells_of: Callable[[Column], tuple[Cell, ...]]) -> tuple[Block[Cell], ...]:
    """All columns as blocks; risks in the order of `risk_rank`, primary metrics before the others.

    Args:
        results: their columns and the spec that names the probes.
        cells_of: gives the cells of a column.
    """
    named = probes(results)
    columns: dict[str, dict[str, list[Column]]] = defaultdict(lambda: defaultdict(list))
    for column in sorted(results.columns, key=lambda column: risk_rank(column.risk)):
        columns[column.risk][column.probe].append(column)
    return tuple(
        Block(
            risk,
            risk_words(risk),
            tuple(Part(named[probe], brief(probe, named), _lines(of, cells_of)) for probe, of in by_probe.items()),
        )
        for risk, by_probe in columns.items()
    )


def _lines(columns: Sequence[Column], cells_of: Callable[[Column], tuple[Cell, ...]]) -> tuple[Line[Cell], ...]:
    ordered = sorted(columns, key=lambda column: not column.primary)
    return tuple(Line(column, metric_words(column), cells_of(column)) for column in ordered)
