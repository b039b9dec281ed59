"""A verdict as sentences for someone who decides, and the figures behind it as terms and texts."""

from collections.abc import Iterator
from statistics import fmean
from typing import Final

from amulet.experiments.experiment import BASELINE
from amulet.experiments.numbers import MatrixCell
from amulet.experiments.results import Results
from amulet.report.words.formats import MINUS, number, signed, spread
from amulet.report.words.names import metric_words, risk_name, riskier_end, within
from amulet.report.words.no_skill import baseline
from amulet.report.words.seed_counts import plural_seeds, seeds_of
from amulet.report.words.verdict_words import interval
from amulet.statistics import ALPHA, Verdict, Word

SMALLEST_P: Final = 0.0001


def told(results: Results, cell: MatrixCell) -> str:
    """What the cell says, without a word of statistics that a reader would have to know."""
    title = metric_words(cell.column).title
    if cell.summary is None:
        return f"{title} has no value here: {'; '.join(cell.undefined) or 'it was not measured'}."
    if cell.verdict is None:
        mean = f"Without a defense, {within(title)} is {number(cell.summary.mean)} on average."
        return f"{mean} Defenses are compared with this."
    return " ".join(_told(results, cell, cell.verdict, within(title)))


def figures(results: Results, cell: MatrixCell) -> Iterator[tuple[str, str]]:
    """Everything that a reader of statistics asks for, in the order they ask."""
    if cell.summary is not None:
        yield "Mean", f"{number(cell.summary.mean)} {spread(cell.summary)}".strip()
    if cell.difference is not None:
        yield "Difference", f"{signed(cell.difference.mean)} {spread(cell.difference)}".strip()
    if cell.verdict is not None:
        yield from _tested(cell.verdict, primary=cell.column.primary)
        yield "What matters", f"a difference of {number(cell.verdict.margin)} or more"
    looks = f" (looks at {', '.join(map(str, results.looks))})" if len(results.looks) > 1 else ""
    yield "Seeds", (seeds_of(results, cell) or plural_seeds(len(results.of(cell.row, cell.column)))) + looks
    yield "Which end is riskier", riskier_end(cell.column)
    if base := baseline(results.tested, cell.column):
        yield "To compare with", base


def _told(results: Results, cell: MatrixCell, verdict: Verdict, title: str) -> Iterator[str]:
    match verdict.word:
        case Word.INCREASES | Word.DECREASES:
            yield f"{_direction(cell, verdict)}: {title} goes {_course(results, cell)}."
            yield "The difference is too regular over the seeds to be chance."
        case Word.NO_CHANGE:
            yield f"With {cell.row}, {title} stays as it was: any true difference is below {number(verdict.margin)},"
            yield "too small to matter."
        case Word.UNCHANGED:
            yield f"{cell.row} leaves the model as it is, so nothing can change."
        case Word.INCONCLUSIVE:
            yield f"It cannot be said yet whether {cell.row} changes {title}: it goes {_course(results, cell)}."
            yield _needed(verdict)
        case _:
            yield f"There is no verdict: {verdict.reason}."


def _direction(cell: MatrixCell, verdict: Verdict) -> str:
    """Of the risk where the metric is one, else of the metric."""
    up = verdict.word is Word.INCREASES
    if cell.column.riskier is None:
        return f"With {cell.row}, {within(metric_words(cell.column).title)} is {'higher' if up else 'lower'}"
    worse = up == (cell.column.riskier == "high")
    return f"With {cell.row}, the risk of {risk_name(cell.column.risk)} is {'higher' if worse else 'lower'}"


def _course(results: Results, cell: MatrixCell) -> str:
    """Both means over the seeds that both have: the baseline can have more, where another row needed them."""
    values = [
        {item.seed: item.value for item in results.of(row, cell.column) if item.value is not None}
        for row in (BASELINE, cell.row)
    ]
    both = values[0].keys() & values[1].keys()
    means = [fmean(known[seed] for seed in both or known) if known else None for known in values]
    told = ["an undefined value" if mean is None else number(mean) for mean in means]
    return f"from {told[0]} without a defense to {told[1]} with it"


def _needed(verdict: Verdict) -> str:
    if verdict.reason:
        return f"The reason: {verdict.reason}."
    if verdict.seeds_needed is None:
        return "Not even 1000 seeds would settle it."
    return f"About {verdict.seeds_needed} seeds would settle it."


def _tested(verdict: Verdict, *, primary: bool) -> Iterator[tuple[str, str]]:
    if verdict.paired is not None and verdict.paired.effect is not None:
        yield "In standard deviations", f"{_sized(verdict.paired.effect)} (Hedges' g of paired seeds)"
    if text := interval(verdict):
        together = "95% together with all primary cells, " if primary else ""
        yield "Interval", f"{text} ({together}{1 - verdict.level:.2%} by itself)"
    if verdict.p is not None:
        p = "below 0.0001" if verdict.p < SMALLEST_P else f"{verdict.p:.2g}"
        yield "p-value", f"{p}{', adjusted by Holm' if primary else ', not adjusted'}; a change if at most {ALPHA:g}"


def _sized(effect: float) -> str:
    return f"{effect:+.1f}".replace("-", MINUS)
