"""One pair of models in a terminal: the primary metric of each attack and audit, at a glance or in detail."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from amulet.core.text import visible
from amulet.experiments.pairs.results import PairResults
from amulet.report.pages.group_rates_terminal import rates_shown
from amulet.report.pages.matrix_terminal import STYLES
from amulet.report.words.matrix.blocks import (
    PairBlock,
    PairLine,
    PairPart,
    group_sentences,
    pair_blocks,
    pair_lost_sentences,
    pair_undefined_sentences,
    primary_blocks,
)
from amulet.report.words.verdicts.explanations import (
    HOW_PAIR_VERDICTS,
    NET_SHORT,
    NOT_INTERPRETABLE,
    PAIR_ONLY,
    PAIR_SHORT,
    PAIR_WARNING,
)
from amulet.report.words.verdicts.gates import gate_sentences
from amulet.report.words.verdicts.verdict_words import interval_text, pair_verdict_words
from amulet.report.words.vocabulary.cut_text import cut
from amulet.report.words.vocabulary.formats import number, signed
from amulet.report.words.vocabulary.listed_metrics import is_listed
from amulet.report.words.vocabulary.names import risk_head, riskier_end
from amulet.report.words.vocabulary.short_numbers import short_difference, short_value
from amulet.statistics import Gate

GAP: Final = 2
"""Blanks between columns."""


def pair_glance(results: PairResults, width: int | None = 80) -> Group:
    """One line for each primary metric, and for each that the user listed; without a width nothing is cut."""
    title = Text(f"{results.name} on {results.dataset}, after compared with before", style="bold")
    heads = tuple(Text(name, "bold cyan") for name in ("", "before", "after", "change", "interval", ""))
    shown = [(part, line) for block in pair_blocks(results) for part, line in block.lines]
    shown = [(part, line) for part, line in shown if _is_shown(results, line)]
    named = Counter(_short_name(line) for _, line in shown)
    rows = [_short_row(part, line, alone=named[_short_name(line)] == 1) for part, line in shown]
    widths = [max(text.cell_len for text in column) for column in zip(heads, *rows, strict=True)]
    if width is not None:
        widths[0] = max(1, min(widths[0], width - sum(widths[1:]) - GAP * len(widths[1:])))
    table = Table(box=None, pad_edge=False, padding=(0, GAP, 0, 0))
    for head, wide in zip(heads, widths, strict=True):
        right = str(head) in {"before", "after", "change"}
        table.add_column(head, justify="right" if right else "left", width=wide, no_wrap=True)
    for name, *texts in rows:
        table.add_row(Text(cut(visible(name.plain), widths[0])), *texts)
    return Group(
        title, Text(f"{PAIR_ONLY}. {PAIR_SHORT}", style="yellow"), *_checks(results), Text(), table, *_remarks(shown)
    )


def pair_table(results: PairResults) -> Group:
    """Per risk a heading; per primary metric both values, their difference with its interval, and the verdict."""
    title = Text(f"{results.name} on {results.dataset}, after compared with before", style="bold")
    only = Text.assemble((f"{PAIR_ONLY}. ", "bold yellow"), (PAIR_WARNING, "yellow"))
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for name in ("", "before", "after", "difference", "verdict"):
        table.add_column(name, justify="left" if name in {"", "verdict"} else "right")
    blocks = pair_blocks(results)
    for block in primary_blocks(blocks):
        for part, line in block.lines:
            table.add_row(*_row(block, part, line))
    parts = [part for block in blocks for part in block.parts]
    rates = [shown for part in parts for shown in rates_shown(results, part.lines[0].column)]
    with_groups = [part for block in primary_blocks(blocks, with_groups=True) for part in block.parts]
    groups = [Text(sentence) for part in with_groups for sentence in group_sentences(part)]
    return Group(title, only, *_checks(results), Text(), table, *_notes(blocks), *rates, *groups, _legend())


def _checks(results: PairResults) -> Iterator[Text]:
    """The validity checks that have not passed, and what follows if one has failed."""
    for gate in results.gates:
        if gate.follows:
            yield Text(f"\n{gate_sentences(gate)}", style="bold red" if gate.state is Gate.FAILED else "yellow")
    if any(gate.state is Gate.FAILED for gate in results.gates):
        yield Text(NOT_INTERPRETABLE, style="bold red")


def _notes(blocks: Sequence[PairBlock]) -> Iterator[Text]:
    """Why metrics are undefined, and which have no value on some resamples."""
    for block in blocks:
        yield from (Text(f"undefined: {sentence}", style="yellow") for sentence in pair_undefined_sentences(block))
        yield from (Text(f"note: {sentence}", style="yellow") for sentence in pair_lost_sentences(block))


def _row(block: PairBlock, part: PairPart, line: PairLine) -> tuple[Text, ...]:
    (cell,) = line.cells
    name = Text.assemble(
        (block.words.title, "bold cyan"),
        f"\n{line.words.title}" + ("" if part.obvious else f"\n{part.brief}"),
        (f"\n{riskier_end(line.column)}", "dim"),
    )
    before, after = (Text("undefined" if value is None else number(value)) for value in (cell.before, cell.after))
    difference = "" if cell.difference is None else f"{signed(cell.difference)}\n{interval_text(cell.verdict)}"
    verdict = pair_verdict_words(cell)
    return name, before, after, Text(difference), Text(verdict.words, STYLES[verdict.tone])


def _is_shown(results: PairResults, line: PairLine) -> bool:
    """Whether it is a primary metric, or one that the user listed."""
    return line.column.primary or is_listed(results, line.column)


def _remarks(shown: Sequence[tuple[PairPart, PairLine]]) -> Iterator[Text]:
    """What could be missed: differences that are net of chance, and metrics without a value for one of the models."""
    if any(cell.by_chance is not None for _, line in shown for cell in line.cells):
        yield Text(NET_SHORT, style="dim")
    if missing := sum(cell.difference is None for _, line in shown for cell in line.cells):
        have = "1 metric has" if missing == 1 else f"{missing} metrics have"
        yield Text(f"{have} no value; --details says why.", style="yellow")


def _short_name(line: PairLine) -> str:
    return f"{risk_head(line.column.risk)}: {line.words.in_sentence}"


def _short_row(part: PairPart, line: PairLine, *, alone: bool) -> tuple[Text, ...]:
    """The attack or audit is named only where several have the metric."""
    (cell,) = line.cells
    name = _short_name(line) if alone else f"{_short_name(line)}, {part.brief}"
    values = ("" if value is None else short_value(value) for value in (cell.before, cell.after))
    difference = "" if cell.difference is None else short_difference(cell.difference)
    ends = () if cell.verdict.interval is None else map(short_difference, cell.verdict.interval)
    verdict = pair_verdict_words(cell)
    said = Text(f"{verdict.sign} {line.column.said(cell.verdict.word)}", STYLES[verdict.tone])
    return Text(name), *map(Text, values), Text(difference), Text(" to ".join(ends)), said


def _legend() -> Text:
    return Text(
        f"\nUnder each difference its interval over other records. {HOW_PAIR_VERDICTS} Only primary metrics "
        "are shown; the report has all.",
        style="dim",
    )
