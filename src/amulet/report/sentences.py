"""A verdict as sentences for someone who decides, and the figures behind it as terms and texts."""

from collections.abc import Iterator

from amulet.experiments.results import BASELINE, MatrixCell, Results
from amulet.report.counts import seeds_of
from amulet.report.formats import number, signed, spread
from amulet.report.said import interval
from amulet.report.wording import metric_words, risk_words, riskier_end
from amulet.statistics import Verdict, Word


def told(results: Results, cell: MatrixCell) -> str:
    """What the cell says, without a word of statistics that a reader would have to know."""
    title = metric_words(cell.column).title
    if cell.summary is None:
        return f"{title} has no value here: {'; '.join(cell.undefined) or 'it was not measured'}."
    if cell.verdict is None:
        return f"Without any defense, {title} is {number(cell.summary.mean)} on average. It is what the defenses are compared with."
    return " ".join(_told(results, cell, cell.verdict, title))


def figures(results: Results, cell: MatrixCell) -> Iterator[tuple[str, str]]:
    """Everything that a reader of statistics asks for, in the order they ask."""
    if cell.summary is not None:
        yield "Mean", f"{number(cell.summary.mean)} {spread(cell.summary)}".strip()
    if cell.difference is not None:
        yield "Difference", f"{signed(cell.difference.mean)} {spread(cell.difference)}".strip()
    if cell.verdict is not None:
        yield from _tested(cell.verdict, primary=cell.column.primary)
        yield "What matters", f"a difference of at least {number(cell.verdict.margin)}"
    yield "Seeds", seeds_of(results, cell) or f"{len(results.of(cell.row, cell.column))} seeds"
    yield "Riskier end", riskier_end(cell.column)


def _told(results: Results, cell: MatrixCell, verdict: Verdict, title: str) -> Iterator[str]:
    match verdict.word:
        case Word.INCREASES | Word.DECREASES:
            yield f"{_direction(cell, verdict)}: {title} goes {_course(results, cell)}."
            yield "The difference is too regular over the seeds to be chance."
        case Word.NO_CHANGE:
            yield f"With {cell.row}, {title} stays as it was, within what matters: any true difference is below {number(verdict.margin)}."
        case Word.UNCHANGED:
            yield f"{cell.row} leaves the model as it is for this attack or audit, so nothing can change."
        case Word.INCONCLUSIVE:
            yield f"It cannot be said yet whether {cell.row} changes {title}: it goes {_course(results, cell)}."
            yield _needed(verdict)
        case _:
            yield f"There is no verdict: {verdict.reason}."


def _direction(cell: MatrixCell, verdict: Verdict) -> str:
    """Of the risk where the metric is one, else of the metric."""
    up = verdict.word is Word.INCREASES
    if cell.column.riskier is None:
        return f"With {cell.row}, {metric_words(cell.column).title} is {'higher' if up else 'lower'}"
    worse = up == (cell.column.riskier == "high")
    return f"With {cell.row}, the risk of {risk_words(cell.column.risk).title} is {'higher' if worse else 'lower'}"


def _course(results: Results, cell: MatrixCell) -> str:
    values = [item.value for item in results.of(BASELINE, cell.column) if item.value is not None]
    before = number(sum(values) / len(values)) if values else "an undefined value"
    after = number(cell.summary.mean) if cell.summary else "an undefined one"
    return f"from {before} without a defense to {after} with it"


def _needed(verdict: Verdict) -> str:
    if verdict.reason:
        return f"The reason: {verdict.reason}."
    if verdict.seeds_needed is None:
        return "Not even 1000 seeds would settle it."
    return f"About {verdict.seeds_needed} seeds would settle it."


def _tested(verdict: Verdict, *, primary: bool) -> Iterator[tuple[str, str]]:
    if verdict.paired is not None and verdict.paired.effect is not None:
        yield "Standardised difference", f"{signed(verdict.paired.effect)} (Hedges' g of paired seeds)"
    if text := interval(verdict):
        alone = f"{1 - verdict.level:.4g}".rstrip("0")
        held = f"with all primary cells together 95%; alone {alone}" if primary else f"alone {alone}; exploratory"
        yield "Interval", f"{text} ({held})"
    if verdict.p is not None:
        yield "p-value", f"{_p(verdict.p)} ({'adjusted by Holm over the primary cells' if primary else 'not adjusted'})"
    if verdict.paired is not None:
        yield "Judged", f"at {verdict.paired.n} seeds, at level 0.05"


def _p(p: float) -> str:
    return "below 0.0001" if p < 0.0001 else f"{p:.2g}"
