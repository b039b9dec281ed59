"""A verdict as sentences for a reader without statistics, and the statistics behind it as terms and texts."""

from collections.abc import Iterator
from statistics import fmean

from amulet.experiments.pairs.results import PairCell
from amulet.experiments.planning.experiment import BASELINE
from amulet.experiments.results.numbers import MatrixCell
from amulet.experiments.results.results import Results
from amulet.report.words.formats import MINUS, number, p_value, percent, signed, spread
from amulet.report.words.names import metric_words, mid_sentence, riskier_end
from amulet.report.words.no_skill import to_compare_with
from amulet.report.words.seed_counts import plural_seeds, seeds_note
from amulet.report.words.verdict_words import NOT_SHOWN, change_direction, interval_text, leak_or_success
from amulet.statistics import ALPHA, Verdict, Word
from amulet.statistics.rare import share_not_excluded


def verdict_sentences(results: Results, cell: MatrixCell) -> str:
    """What a cell of the matrix says, without statistical terms."""
    title = metric_words(cell.column).title
    if cell.summary is None:
        return f"{title} has no value here: {'; '.join(cell.undefined) or 'it was not measured'}."
    if cell.verdict is None:
        mean = f"Without a defense, {mid_sentence(title)} is {number(cell.summary.mean)} on average."
        return f"{mean} Defenses are compared with this."
    return " ".join(_sentences(results, cell, cell.verdict, mid_sentence(title)))


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
            sentence = f"It cannot be said whether {title} differs: {_pair_change(cell, title)}, but {why}."
    return sentence


def verdict_figures(results: Results, cell: MatrixCell) -> Iterator[tuple[str, str]]:
    """The statistics of a cell of the matrix, as terms and texts."""
    if cell.summary is not None:
        yield "Mean", f"{number(cell.summary.mean)} {spread(cell.summary)}".strip()
    if cell.difference is not None:
        yield "Difference", f"{signed(cell.difference.mean)} {spread(cell.difference)}".strip()
    yield from _chance_figures(results, cell)
    if cell.verdict is not None:
        yield from _test_figures(cell.verdict, primary=cell.column.primary)
        yield _margin_figure(cell.verdict)
    looks = f" (analyses at {', '.join(map(str, results.looks))})" if len(results.looks) > 1 else ""
    yield "Seeds", (seeds_note(results, cell) or plural_seeds(len(results.of(cell.row, cell.column)))) + looks
    yield "Which end is riskier", riskier_end(cell.column)
    if base := to_compare_with(results, cell.column):
        yield "To compare with", base


def pair_figures(cell: PairCell) -> Iterator[tuple[str, str]]:
    """The statistics of a cell on two models, as terms and texts."""
    yield from _interval_figure(cell.verdict, "metrics" if cell.column.primary else "")
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


def _sentences(results: Results, cell: MatrixCell, verdict: Verdict, title: str) -> Iterator[str]:
    match verdict.word:
        case Word.INCREASES | Word.DECREASES:
            direction = change_direction(cell.column, verdict.word)
            yield f"With {cell.row}, {direction}: {title} goes {_change(results, cell)}."
            yield "The difference is too consistent over the seeds to be due to chance."
        case Word.NO_CHANGE:
            yield f"With {cell.row}, {title} stays as it was: any true difference is below {number(verdict.margin)},"
            yield "too small to matter."
            if verdict.paired is not None:
                yield f"Something that happens in fewer than {share_not_excluded(verdict.paired.n):.0%} of trainings"
                yield "cannot be excluded."
        case Word.NO_LEAK:
            what = leak_or_success(cell.column)
            yield f"No {what} is shown, with {cell.row} or without: {title} goes {_change(results, cell)},"
            yield f"but {NOT_SHOWN}. Such a difference is no change of the risk."
        case Word.UNCHANGED:
            yield f"{cell.row} leaves the model as it is, so nothing can change."
        case Word.INCONCLUSIVE:
            yield f"It cannot be said yet whether {cell.row} changes {title}: it goes {_change(results, cell)}."
            yield _needed_seeds(verdict)
        case _:
            yield f"There is no verdict: {verdict.reason}."


def _change(results: Results, cell: MatrixCell) -> str:
    """Both means, over the seeds that the row and its reference have in common."""
    reference = results.reference(cell.row)
    values = [
        {item.seed: item.value for item in results.of(row, cell.column) if item.value is not None}
        for row in (reference, cell.row)
    ]
    both = values[0].keys() & values[1].keys()
    means = [fmean(known[seed] for seed in both or known) if known else None for known in values]
    before, after = ("an undefined value" if mean is None else number(mean) for mean in means)
    if reference == BASELINE:
        return f"from {before} without a defense to {after} with it"
    return f"from {before} with {reference} to {after} with {cell.row}"


def _pair_change(cell: PairCell, title: str) -> str:
    before, after = ("an undefined value" if value is None else number(value) for value in (cell.before, cell.after))
    return f"{title} goes from {before} before to {after} after"


def _needed_seeds(verdict: Verdict) -> str:
    needed = verdict.seeds_needed
    if verdict.reason:
        return f"The reason: {verdict.reason}." + (f" About {needed} seeds would settle it." if needed else "")
    return f"About {needed} seeds would settle it." if needed else "Not even 1000 seeds would settle it."


def _test_figures(verdict: Verdict, *, primary: bool) -> Iterator[tuple[str, str]]:
    if verdict.paired is not None and verdict.paired.effect is not None:
        effect = f"{verdict.paired.effect:+.1f}".replace("-", MINUS)
        yield "In standard deviations", f"{effect} (of the differences, corrected for few seeds)"
    yield from _interval_figure(verdict, "cells" if primary else "")
    if verdict.p is not None:
        p = p_value(verdict.p)
        yield "p-value", f"{p}{', adjusted by Holm' if primary else ', not adjusted'}; a change if at most {ALPHA:g}"


def _interval_figure(verdict: Verdict, family: str) -> Iterator[tuple[str, str]]:
    """The interval with its levels.

    Args:
        verdict: may have no interval.
        family: what the intervals of the primary metrics hold together for; empty for an exploratory metric.
    """
    if text := interval_text(verdict):
        together = f"95% together with all primary {family}, " if family else ""
        yield "Interval", f"{text} ({together}{percent(1 - verdict.level, 2)} by itself)"


def _margin_figure(verdict: Verdict) -> tuple[str, str]:
    return "What matters", f"a difference of {number(verdict.margin)} or more"
