"""One pair of models in a terminal: the primary metric of each attack and audit."""

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from amulet.experiments.pair_results import PairResults
from amulet.report.pages.matrix_terminal import STYLES
from amulet.report.words.formats import number, signed
from amulet.report.words.names import riskier_end
from amulet.report.words.pair_words import HOW_JUDGED, ONLY, WARNING, PairBlock, PairLine, pair_blocks
from amulet.report.words.verdict_words import interval


def pair_table(results: PairResults) -> Group:
    """Per risk a heading; per primary metric both values, their difference with its interval, and the verdict."""
    title = Text(f"{results.name} on {results.dataset}, after compared with before", style="bold")
    only = Text.assemble((f"{ONLY}. ", "bold yellow"), (WARNING, "yellow"))
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for name in ("", "before", "after", "difference", "verdict"):
        table.add_column(name, justify="left" if name in {"", "verdict"} else "right")
    for block in pair_blocks(results):
        for row in _rows(block):
            table.add_row(*row)
    reasons = (Text(f"undefined: {sentence}", style="yellow") for b in pair_blocks(results) for sentence in b.undefined)
    return Group(title, only, Text(), table, *reasons, _legend())


def _rows(block: PairBlock) -> Iterator[tuple[Text, ...]]:
    for part in block.parts:
        for line in part.primary:
            under = "" if part.obvious else f"\n{part.brief}"
            name = Text.assemble(
                (block.words.title, "bold cyan"),
                f"\n{line.words.title}{under}",
                (f"\n{riskier_end(line.cell.column)}", "dim"),
            )
            yield (name, *_numbers(line), Text(line.said.words, STYLES[line.said.tone]))


def _numbers(line: PairLine) -> tuple[Text, Text, Text]:
    cell = line.cell
    before, after = (Text("undefined" if value is None else number(value)) for value in (cell.before, cell.after))
    difference = "" if cell.difference is None else f"{signed(cell.difference)}\n{interval(cell.verdict)}"
    return before, after, Text(difference)


def _legend() -> Text:
    return Text(
        f"\nUnder each difference its interval over other records. {HOW_JUDGED} Shown are the metrics that stand for "
        "their risk; the report has all.",
        style="dim",
    )
