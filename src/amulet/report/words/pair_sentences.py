"""The verdict on a pair as a sentence, and the figures behind it as terms and texts."""

from collections.abc import Iterator

from amulet.experiments.pair_results import PairCell
from amulet.report.words.formats import number
from amulet.report.words.names import metric_words, risk_name, within
from amulet.report.words.verdict_words import interval
from amulet.statistics import Word


def pair_told(cell: PairCell) -> str:
    """What the cell says of these two models, without a word of statistics that a reader would have to know."""
    title, verdict = within(metric_words(cell.column).title), cell.verdict
    match verdict.word:
        case Word.INCREASES | Word.DECREASES:
            course = f"{_direction(cell)}: {_course(cell, title)}"
            return f"In this pair {course}. The sign of the difference would surely be the same with other records."
        case Word.NO_CHANGE:
            below = number(verdict.margin)
            return f"In this pair {title} stays as it was: with other records, too, it differs by less than {below}."
        case Word.UNCHANGED:
            return "Both files hold one model, so nothing can differ."
        case Word.UNDEFINED:
            return f"There is no verdict: {verdict.reason}."
        case _:
            why = verdict.reason or "other records could show another sign"
            return f"It cannot be said whether {title} differs: {_course(cell, title)}, but {why}."


def pair_figures(cell: PairCell) -> Iterator[tuple[str, str]]:
    """Everything that a reader of statistics asks for, in the order they ask."""
    if text := interval(cell.verdict):
        together = "95% together with all primary metrics, " if cell.column.primary else ""
        yield "Interval", f"{text} ({together}{1 - cell.verdict.level:.2%} by itself)"
    yield "What matters", f"a difference of {number(cell.verdict.margin)} or more"
    yield "Records", f"{cell.records:,}"
    if cell.resamples:
        lost = f", {cell.lost:,} of them without a value" if cell.lost else ""
        yield "Resamples", f"{cell.resamples:,}{lost}"


def _direction(cell: PairCell) -> str:
    """Of the risk where the metric is one, else of the metric."""
    up = cell.verdict.word is Word.INCREASES
    if cell.column.riskier is None:
        return f"{within(metric_words(cell.column).title)} is {'higher' if up else 'lower'}"
    worse = up == (cell.column.riskier == "high")
    return f"the risk of {risk_name(cell.column.risk)} is {'higher' if worse else 'lower'}"


def _course(cell: PairCell, title: str) -> str:
    before, after = ("an undefined value" if value is None else number(value) for value in (cell.before, cell.after))
    return f"{title} goes from {before} before to {after} after"
