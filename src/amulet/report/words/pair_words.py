"""What is said of one pair of models, in the order people read it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from amulet.experiments.pair_results import PairCell, PairResults
from amulet.report.words.formats import number
from amulet.report.words.names import Words, metric_words, risk_rank, risk_words
from amulet.report.words.spec_text import Named, brief, probes
from amulet.report.words.verdict_words import SIGNS, Said, in_words
from amulet.statistics import ALPHA, Word

ONLY: Final = "This pair of models only"
WARNING: Final = (
    "The intervals say how the measured difference would vary with other records. They do not say how it would vary "
    "with other trainings: train the same two recipes again, and it may come out otherwise. To learn what the defense "
    "does, and not what these two models do, use the command amulet assess, which trains both several times."
)
HOW_JUDGED: Final = (
    f"The intervals of the primary metrics hold together with probability {1 - ALPHA:.0%}; those of the other metrics "
    "are exploratory, each by itself."
)
CENTRE: Final = 50.0
REACH: Final = 46.0


@dataclass(frozen=True)
class Span:
    """An interval drawn on an axis from 0 to 100, no difference at 50.

    Attributes:
        low, high: its ends.
        at: the difference as measured.
        margin: half the width of what does not matter.
        riskier: the half where the metric means more risk, "left" or "right", or None.
    """

    low: float
    high: float
    at: float
    margin: float
    riskier: str | None


@dataclass(frozen=True)
class PairLine:
    """One metric of both models."""

    cell: PairCell
    words: Words
    said: Said
    span: Span | None


@dataclass(frozen=True)
class PairPart:
    """All metrics of one probe, the primary ones first; `brief` tells it from the other probes."""

    probe: Named
    brief: Named
    lines: tuple[PairLine, ...]

    @property
    def obvious(self) -> bool:
        """Whether the risk's name says it all, as for utility."""
        return not self.probe.settings and self.probe.name.lower() == self.lines[0].cell.column.risk

    @property
    def primary(self) -> tuple[PairLine, ...]:
        """The metrics that stand for their risk."""
        return tuple(line for line in self.lines if line.cell.column.primary)


@dataclass(frozen=True)
class PairBlock:
    """One risk."""

    risk: str
    words: Words
    parts: tuple[PairPart, ...]

    @property
    def undefined(self) -> Iterator[str]:
        """A sentence for each metric that has no value, or none on some resamples."""
        for part in self.parts:
            for line in part.lines:
                cell = line.cell
                name = f"{line.words.title} of {part.brief}"
                yield from (f"{name}: {reason}." for reason in cell.reasons)
                if cell.lost:
                    yield f"{name}: no value on {cell.lost} of {cell.resamples} resamples, counted beyond both ends."


def pair_blocks(results: PairResults) -> tuple[PairBlock, ...]:
    """Risk by risk, probe by probe, the primary metrics first."""
    named = probes(results)
    risks = sorted(dict.fromkeys(cell.column.risk for cell in results.cells), key=risk_rank)
    return tuple(PairBlock(risk, risk_words(risk), tuple(_parts(results, risk, named))) for risk in risks)


def said_of(cell: PairCell) -> Said:
    """The verdict in words, of this pair alone."""
    words, tone = in_words(cell.verdict.word, cell.column.riskier)
    if cell.verdict.word in {Word.INCREASES, Word.DECREASES}:
        words = f"{words} in this pair"
    return Said(words, SIGNS[tone], tone, _because(cell))


def _because(cell: PairCell) -> str:
    if cell.verdict.reason:
        return cell.verdict.reason
    if cell.verdict.word is Word.NO_CHANGE:
        return f"less than {number(cell.verdict.margin)} with other records, too"
    return "other records could show another sign" if cell.verdict.word is Word.INCONCLUSIVE else ""


def _parts(results: PairResults, risk: str, named: dict[str, Named]) -> Iterator[PairPart]:
    for probe in dict.fromkeys(cell.column.probe for cell in results.cells if cell.column.risk == risk):
        cells = [cell for cell in results.cells if (cell.column.risk, cell.column.probe) == (risk, probe)]
        ordered = sorted(cells, key=lambda cell: not cell.column.primary)
        lines = (
            PairLine(cell, metric_words(cell.column), said_of(cell), _span(cell, results.cells)) for cell in ordered
        )
        yield PairPart(named[probe], brief(probe, named), tuple(lines))


def _span(cell: PairCell, among: Sequence[PairCell]) -> Span | None:
    """Metrics of one range share one scale, so that their intervals can be compared."""
    if cell.verdict.interval is None or cell.difference is None:
        return None
    alike = [other for other in among if _range(other) == _range(cell) and other.verdict.interval is not None]
    ends = [abs(end) for other in alike for end in other.verdict.interval or ()]
    scale = max([*ends, *(2 * other.verdict.margin for other in alike)]) or 1.0
    low, high, at = (round(CENTRE + REACH * value / scale, 1) for value in (*cell.verdict.interval, cell.difference))
    side = {"high": "right", "low": "left"}.get(cell.column.riskier or "")
    return Span(low, high, at, round(REACH * cell.verdict.margin / scale, 1), side)


def _range(cell: PairCell) -> tuple[float, float]:
    return cell.column.low, cell.column.high
