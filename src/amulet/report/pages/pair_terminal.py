"""One pair of models in a terminal: the primary metric of each attack and audit."""

from collections.abc import Iterator, Sequence

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from amulet.experiments.pairs.results import PairResults
from amulet.report.pages.group_rates_terminal import rates_shown
from amulet.report.pages.matrix_terminal import STYLES
from amulet.report.words.blocks import (
    PairBlock,
    PairLine,
    PairPart,
    group_sentences,
    pair_blocks,
    pair_lost_sentences,
    pair_undefined_sentences,
    primary_blocks,
)
from amulet.report.words.explanations import HOW_PAIR_VERDICTS, NOT_INTERPRETABLE, PAIR_ONLY, PAIR_WARNING
from amulet.report.words.formats import number, signed
from amulet.report.words.gates import gate_sentences
from amulet.report.words.names import riskier_end
from amulet.report.words.verdict_words import interval_text, pair_verdict_words
from amulet.statistics import Gate


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


def _legend() -> Text:
    return Text(
        f"\nUnder each difference its interval over other records. {HOW_PAIR_VERDICTS} Only primary metrics "
        "are shown; the report has all.",
        style="dim",
    )
