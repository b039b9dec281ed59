"""A verdict as sentences for a reader without statistics, and the statistics behind it as terms and texts."""

from collections.abc import Iterator
from statistics import fmean

from amulet.experiments.pairs.results import PairCell
from amulet.experiments.planning.experiment import BASELINE
from amulet.experiments.results.numbers import Column, MatrixCell
from amulet.experiments.results.results import Results
from amulet.report.words.matrix.risk_cells import Judged
from amulet.report.words.verdicts.no_skill import to_compare_with
from amulet.report.words.verdicts.one_class import beside_one_class
from amulet.report.words.verdicts.paired_levels import paired_levels
from amulet.report.words.verdicts.readings import Reading
from amulet.report.words.verdicts.releases import what_it_reads
from amulet.report.words.verdicts.verdict_words import NOT_SHOWN, change_direction, interval_text, leak_or_success
from amulet.report.words.vocabulary.formats import MINUS, number, p_value, percent, signed, spread
from amulet.report.words.vocabulary.names import capitalised, metric_words, mid_sentence, risk_name, riskier_end
from amulet.report.words.vocabulary.points import in_points, levels, points
from amulet.report.words.vocabulary.seed_counts import plural_seeds, seeds_note, settling
from amulet.statistics import ALPHA, Verdict, Word
from amulet.statistics.rare import share_not_excluded
from amulet.statistics.turned import BELOW_CHANCE


def judged_sentence(results: Results, judged: Judged) -> str:
    """What one metric of one defended row says, for a reader without statistics."""
    cell, read = judged.cell, judged.read
    name = capitalised(judged.name)
    unjudged = results.unjudged(cell.row, cell.column)
    if cell.difference is None and unjudged:
        return f"{name} is not judged by this attack here: {unjudged}."
    if cell.difference is None:
        return f"{name} has no value to compare{f': {read.reason}' if read.reason else ''}."
    if cell.verdict and cell.verdict.word is Word.UNCHANGED:
        return f"{name} cannot change: the defense leaves the model as it is."
    change = f"{name} goes from {_change(results, judged)}"
    if unjudged:
        return f"{change}. This is not judged: {unjudged}."
    beside = beside_one_class(results, cell) if read.word in {Reading.WORSE, Reading.BETTER} else ""
    return f"{change}{_what_it_means(judged)}{_net(results, judged)} {beside}".rstrip()


def _net(results: Results, judged: Judged) -> str:
    """The difference where it is not that of the two levels, since what chance adds to either is left out."""
    before, after = paired_levels(results, judged.cell)
    assert judged.cell.difference is not None  # noqa: S101 - checked by the only caller
    mean = judged.cell.difference.mean
    if abs(after - before - mean) < 1e-9:
        return ""
    return f" Net of what chance adds to either, the difference is {points(judged.line.column, mean)}."


def _what_it_means(judged: Judged) -> str:
    """The rest of the sentence behind the change, and what else is to be said."""
    cell, read = judged.cell, judged.read
    reason = f" {capitalised(read.reason)}." if read.reason else ""
    match read.word:
        case Reading.WORSE | Reading.BETTER:
            return f": {_direction(judged)}. This is proven."
        case Reading.LEANS_WORSE:
            return f": probably {_direction(judged)}, but not proven.{reason}{_needed(cell)}"
        case Reading.FAILED:
            return f", but nothing good can be concluded from it.{reason}"
        case Reading.NOT_SHOWN:
            return f", but {NOT_SHOWN}: no {leak_or_success(cell.column)} is shown in either."
        case Reading.SAME:
            return f". Any true difference is below {_margin(judged)}, too small to matter.{_not_excluded(cell)}"
        case _:
            return f", but it is unclear whether that is chance.{reason}{_needed(cell)}"


def _not_excluded(cell: MatrixCell) -> str:
    """What so many seeds cannot exclude, with a space before; empty for a model that is the same by construction."""
    if cell.verdict is None or cell.verdict.paired is None:
        return ""
    share = share_not_excluded(cell.verdict.paired.n)
    return f" Something that happens in fewer than {share:.0%} of trainings cannot be excluded."


def pair_sentences(cell: PairCell) -> str:
    """What a cell says of two models, without statistical terms."""
    title, verdict = mid_sentence(metric_words(cell.column).title), cell.verdict
    match verdict.word:
        case Word.INCREASES | Word.DECREASES:
            change = f"{change_direction(cell.column, verdict.word)}: {_pair_change(cell, title)}"
            sentence = f"In this pair {change}. The interval over other records does not contain zero."
        case Word.NO_CHANGE:
            below = number(verdict.margin)
            stays = f"In this pair {title} stays as it was"
            sentence = f"{stays}: with other records, too, it differs by less than {below}."
        case Word.NO_LEAK:
            what = leak_or_success(cell.column)
            sentence = f"No {what} is shown in either model: {_pair_change(cell, title)}, but {NOT_SHOWN}."
        case Word.UNCHANGED:
            sentence = "Both files hold one model, so nothing can differ."
        case Word.UNDEFINED:
            sentence = f"There is no verdict: {verdict.reason}."
        case Word.NOT_INTERPRETABLE:
            sentence = f"There is no verdict, although {_pair_change(cell, title)}: {verdict.reason}."
        case _:
            why = verdict.reason or "other records could show another sign"
            what = f"the risk of {risk_name(cell.column.risk)}" if verdict.reason == BELOW_CHANCE else title
            sentence = f"It cannot be said whether {what} differs: {_pair_change(cell, title)}, but {why}."
    return sentence


def verdict_figures(results: Results, cell: MatrixCell) -> Iterator[tuple[str, str]]:
    """The statistics of a cell of the matrix, as terms and texts, without those of `metric_figures`."""
    if cell.summary is not None:
        yield "Mean", f"{number(cell.summary.mean)} {spread(cell.summary)}".strip()
    if cell.difference is not None:
        yield "Difference", f"{signed(cell.difference.mean)} {spread(cell.difference)}".strip()
    yield from _chance_figures(results, cell)
    if cell.verdict is not None:
        yield from _test_figures(results, cell, cell.verdict)
        yield _margin_figure(cell.verdict)
    looks = f" (analyses at {', '.join(map(str, results.looks))})" if len(results.looks) > 1 else ""
    yield "Seeds", (seeds_note(results, cell) or plural_seeds(len(results.of(cell.row, cell.column)))) + looks


def metric_figures(results: Results, column: Column) -> Iterator[tuple[str, str]]:
    """What holds of a metric in all rows, as terms and texts."""
    yield "Which end is riskier", riskier_end(column)
    if base := to_compare_with(results, column):
        yield "To compare with", base
    if read := what_it_reads(column):
        yield "What it reads", read


def pair_figures(cell: PairCell) -> Iterator[tuple[str, str]]:
    """The statistics of a cell on two models, as terms and texts."""
    yield from _interval_figure(cell.verdict, "all primary metrics" if cell.column.primary else "")
    if cell.by_chance is not None:
        before, after = (signed(chance.added) for chance in cell.by_chance)
        yield "Net of chance", f"chance gives {before} before and {after} after; the difference is without it"
    yield _margin_figure(cell.verdict)
    yield "Records", f"{cell.records:,}"
    if cell.resamples:
        lost = f", {cell.lost:,} of them without a value" if cell.lost else ""
        yield "Resamples", f"{cell.resamples:,}{lost}"


def _chance_figures(results: Results, cell: MatrixCell) -> Iterator[tuple[str, str]]:
    """What chance gives to the row, and to the row that it is compared with."""
    rows = dict.fromkeys((cell.row, results.reference(cell.row)))
    found = {row: [it.by_chance.added for it in results.of(row, cell.column) if it.by_chance] for row in rows}
    given = [f"{signed(fmean(added))} to {row}" for row, added in found.items() if added]
    if given:
        yield "Net of chance", f"chance gives {' and '.join(given)}; differences are without it"


def _change(results: Results, judged: Judged) -> str:
    """Both means: "22 to 27 points with DP-SGD"."""
    reference = results.reference(judged.cell.row)
    before, after = paired_levels(results, judged.cell)
    change = levels(judged.line.column, before, after).replace(" → ", " to ")
    against = "" if reference == BASELINE else f", compared with {reference}"
    return f"{change} with {judged.cell.row}{against}"


def _direction(judged: Judged) -> str:
    worse = judged.read.harm > 0
    if judged.line.column.riskier is None:
        return "worse" if worse else "better"
    return "more risk" if worse else "less risk"


def _margin(judged: Judged) -> str:
    assert judged.cell.verdict is not None  # noqa: S101 - a reading has a verdict
    margin = judged.cell.verdict.margin
    if in_points(judged.line.column):
        return f"{points(judged.line.column, margin).removeprefix('+')} points"
    return number(margin)


def _needed(cell: MatrixCell) -> str:
    """How many seeds would settle an undecided cell, with a space before; empty where that is not known."""
    told = settling(cell.verdict) if cell.verdict else ""
    return f" {capitalised(told)}." if told else ""


def _pair_change(cell: PairCell, title: str) -> str:
    before, after = ("an undefined value" if value is None else number(value) for value in (cell.before, cell.after))
    return f"{title} goes from {before} before to {after} after"


def _test_figures(results: Results, cell: MatrixCell, verdict: Verdict) -> Iterator[tuple[str, str]]:
    if verdict.paired is not None and verdict.paired.effect is not None:
        effect = f"{verdict.paired.effect:+.1f}".replace("-", MINUS)
        yield "In standard deviations", f"{effect} (of the differences, corrected for few seeds)"
    together, adjusted = _EXPLORATORY
    if cell.column.primary:
        together, adjusted = _SCREENED if cell.row in results.screened else _ONE_FAMILY
    yield from _interval_figure(verdict, together)
    if verdict.p is not None:
        yield "p-value", f"{p_value(verdict.p)}, {adjusted}; a change if at most {ALPHA:g}"


_EXPLORATORY = ("", "not adjusted")
_ONE_FAMILY = ("all primary cells", "adjusted by Holm")
_SCREENED = ("", "adjusted by Holm within the row, and for the number of rows that are screened")
"""What the interval of a cell holds together with, and how its p-value is adjusted."""


def _interval_figure(verdict: Verdict, family: str) -> Iterator[tuple[str, str]]:
    """The interval with its levels.

    Args:
        verdict: may have no interval.
        family: the intervals with which it holds together; empty for one that holds by itself.
    """
    if text := interval_text(verdict):
        together = f"95% together with {family}, " if family else ""
        yield "Interval", f"{text} ({together}{percent(1 - verdict.level, 2)} by itself)"


def _margin_figure(verdict: Verdict) -> tuple[str, str]:
    return "What matters", f"a difference of {number(verdict.margin)} or more"
