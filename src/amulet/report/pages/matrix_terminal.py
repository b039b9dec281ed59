"""The details of the matrix in a terminal: a sentence for each defense; metrics as rows, defenses as columns."""

from collections.abc import Iterator, Sequence
from typing import Final

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from amulet.experiments.planning.experiment import BASELINE
from amulet.experiments.results.checks.few_seeds import few_seeds
from amulet.experiments.results.numbers import MatrixCell
from amulet.experiments.results.results import Results
from amulet.report.pages.group_rates_terminal import rates_shown
from amulet.report.words.factors_in_short import factors_sentence
from amulet.report.words.failed_tasks import failures_sentence
from amulet.report.words.matrix.blocks import (
    MatrixBlock,
    MatrixLine,
    MatrixPart,
    group_sentences,
    matrix_blocks,
    primary_blocks,
    undefined_sentences,
)
from amulet.report.words.matrix.headlines import headlines, undefended_news
from amulet.report.words.verdicts.explanations import how_verdicts
from amulet.report.words.verdicts.gates import gate_sentences
from amulet.report.words.verdicts.releases import release_sentences
from amulet.report.words.verdicts.verdict_words import Tone, verdict_words
from amulet.report.words.vocabulary.formats import number, signed, spread
from amulet.report.words.vocabulary.names import riskier_end
from amulet.report.words.vocabulary.row_text import left_out_sentences, other_references, row_heading
from amulet.report.words.vocabulary.seed_counts import looks_sentence, seed_names, seeds_note
from amulet.statistics import Gate
from amulet.statistics.power import MOST_SEEDS

CELL: Final = 15
COLUMN: Final = CELL + 2
NARROWEST: Final = 24
WIDEST: Final = 36
STYLES: Final = {Tone.WORSE: "bold red", Tone.BETTER: "bold green", Tone.SAME: "dim", Tone.OPEN: "yellow"}


def matrix_table(results: Results, width: int | None = 80) -> Group:
    """Per risk a block; per primary metric its mean, the paired difference to the baseline and the verdict.

    The other metrics are in the report. What does not fit `width` goes on in further tables, each with the
    baseline as its first column; without a width nothing is cut or broken.
    """
    found = matrix_blocks(results)
    tables = (_block(block, results, width) for block in primary_blocks(found, with_groups=True))
    return Group(
        _title(results), *_short(results, found), *tables, *_warnings(results), *_factors(results), _legend(results)
    )


def _title(results: Results) -> Text:
    return Text(f"{results.experiment} on {results.dataset}, {seed_names(results)}", style="bold")


def _short(results: Results, found: tuple[MatrixBlock, ...]) -> Iterator[Text]:
    """Where the undefended model stands between groups; then a sentence for each defense, the worst news first."""
    if stands := " ".join(undefended_news(results, found)):
        yield Text.assemble((f"\n{BASELINE}: ", "bold"), stands)
    for headline in headlines(results, found):
        yield Text.assemble((f"\n{headline.row}: ", "bold"), headline.text)


def _warnings(results: Results) -> Iterator[Text]:
    """What stands in the way of the verdicts; nothing where every gate has passed."""
    if failures := failures_sentence(results):
        yield Text(f"\n{failures}", style="bold yellow")
    few = few_seeds(results)
    if few:
        yield Text(f"\n{few}", style="bold yellow")
    for gate in results.gates:
        if gate.state is Gate.FAILED or (gate.follows and not few):
            yield Text(f"\n{gate_sentences(gate)}", style="yellow")
    yield from (Text(f"\n{sentence}") for sentence in release_sentences(results))


def _factors(results: Results) -> Iterator[Text]:
    if sentence := factors_sentence(results):
        yield Text(f"\n{sentence}")


def _legend(results: Results) -> Text:
    return Text(
        "\nMean ± standard deviation over seeds; under it the difference to the undefended baseline, "
        "paired by seed, and the number of seeds that would settle what is inconclusive.\n"
        "Only primary metrics are shown; the report has all. "
        f"{how_verdicts(results)} {looks_sentence(results)}".rstrip()
        + f" {other_references(results)}".rstrip()
        + f"\n{left_out_sentences(results)}".rstrip(),
        style="dim",
    )


def _block(block: MatrixBlock, results: Results, width: int | None) -> Group:
    """Heading, explanation, tables, and why cells are undefined."""
    heading = Text.assemble(("\n" + block.words.title, "bold cyan"), "  ", (block.words.sentence, "dim"))
    tables = (
        _table(part, rows, results, width)
        for rows in _slices(len(results.rows), len(results.rows) if width is None else (width - NARROWEST) // COLUMN)
        for part in block.parts
    )
    reasons = (Text(f"undefined: {sentence}", style="yellow") for sentence in undefined_sentences(block))
    rates = (shown for part in block.parts for shown in rates_shown(results, part.lines[0].column))
    groups = (Text(sentence) for part in block.parts for sentence in group_sentences(part))
    return Group(heading, *tables, *reasons, *rates, *groups)


def _slices(rows: int, fitting: int) -> Iterator[tuple[int, ...]]:
    """Positions of the rows in each table: the baseline and as many defended ones as fit beside it."""
    step = max(fitting - 1, 1)
    for start in range(1, max(rows, 2), step):
        yield (0, *range(start, min(start + step, rows)))


def _table(part: MatrixPart, rows: Sequence[int], results: Results, width: int | None) -> Group:
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    table.add_column(width=None if width is None else min(WIDEST, max(width - len(rows) * COLUMN - 1, NARROWEST)))
    for row in rows:
        cell = None if width is None else CELL
        table.add_column(Text(row_heading(results, results.rows[row])), justify="right", width=cell, overflow="fold")
    for line in (line for line in part.lines if line.column.group is None):
        table.add_row(_name(line), *(_cell(line.cells[row], results) for row in rows))
    return Group(Text("" if part.obvious else f"\n{part.brief}", style="italic"), table)


def _name(line: MatrixLine) -> Text:
    return Text.assemble((line.words.title, "bold"), (f"\n{riskier_end(line.column)}", "dim"))


def _cell(cell: MatrixCell, results: Results) -> Text:
    if cell.summary is None:
        return Text(cell.valueless, style="yellow")
    lines = [f"{number(cell.summary.mean)} {spread(cell.summary)}".strip()]
    if cell.difference:
        lines.append(f"{signed(cell.difference.mean)} {spread(cell.difference)}".strip())
    lines += filter(None, [seeds_note(results, cell)])
    text = Text("\n".join(lines))
    verdict = verdict_words(cell)
    if verdict is None:
        return text
    return text.append(f"\n{verdict.words}", STYLES[verdict.tone]).append(_seeds(cell), "dim")


def _seeds(cell: MatrixCell) -> str:
    """On a line of its own, how many seeds would settle the cell; empty where it is settled or nobody can say."""
    verdict = cell.verdict
    if verdict is None or not verdict.seeds_may_settle:
        return ""
    return f"\nabout {verdict.seeds_needed} seeds" if verdict.seeds_needed else f"\n>{MOST_SEEDS} seeds"
