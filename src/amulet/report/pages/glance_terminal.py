"""The matrix at a glance in a terminal: one line a defense, one column a risk; it fits one screen."""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Final

from rich.cells import cell_len
from rich.console import Group
from rich.table import Table
from rich.text import Text

from amulet.core.text import visible
from amulet.experiments.planning.experiment import BASELINE
from amulet.experiments.results.checks.few_seeds import few_seeds
from amulet.experiments.results.results import Results
from amulet.report.words.factors_in_short import factors_sentence
from amulet.report.words.failed_tasks import failures_sentence
from amulet.report.words.group_rates import already_below
from amulet.report.words.matrix.blocks import matrix_blocks
from amulet.report.words.matrix.glance import EXPLORATORY, GlanceCell, GlanceColumn, glance_columns
from amulet.report.words.matrix.headlines import Headline, News, headlines
from amulet.report.words.verdicts.explanations import NET_SHORT
from amulet.report.words.verdicts.failed_checks import failed_checks, unproven_checks
from amulet.report.words.verdicts.readings import Reading
from amulet.report.words.vocabulary.cut_text import cut
from amulet.report.words.vocabulary.formats import listed
from amulet.report.words.vocabulary.row_text import other_references, row_heading
from amulet.report.words.vocabulary.seed_counts import seed_names

LABELS: Final = 15
"""The fewest characters of the rows' labels; what is left of a label is cut."""
CHECKS: Final = 4
"""The most failed checks that are shown; --details has all."""
STYLES: Final = {
    Reading.WORSE: "bold red",
    Reading.LEANS_WORSE: "bold yellow",
    Reading.FAILED: "bold yellow",
    Reading.BETTER: "bold green",
    Reading.SAME: "dim",
    Reading.NOT_SHOWN: "dim",
}
LEGEND: Final = {
    Reading.BETTER: "better",
    Reading.WORSE: "worse",
    Reading.LEANS_WORSE: "leans worse, unproven",
    Reading.OPEN: "unclear",
    Reading.SAME: "no change that matters",
    Reading.NOT_SHOWN: "attack not shown to work",
    Reading.FAILED: "check failed",
    Reading.NONE: "no value",
}
_MORE: Final = {
    Reading.WORSE: ("{} metric is worse", "{} metrics are worse"),
    Reading.LEANS_WORSE: ("{} metric leans worse", "{} metrics lean worse"),
    Reading.FAILED: ("{} check failed", "{} checks failed"),
}
HOW: Final = "Differences to the first line; of several attacks, the worst news."
SEEDS: Final = "seeds to settle"


def glance(results: Results, width: int | None = 80) -> Group:
    """The worst news of each defense, the table, a legend, and the checks that failed.

    Columns that do not fit `width` go on in a further table; without a width nothing is cut.
    """
    found = matrix_blocks(results)
    columns = glance_columns(results, found)
    defended = (row for row in results.rows if row != BASELINE)
    labels = [visible(row_heading(results, row)) for row in (BASELINE, *defended)]
    parts = _fitting(columns, labels, width)
    tables = (_table(labels, part, width) for part in parts)
    return Group(
        Text(f"{results.experiment} on {results.dataset}, {seed_names(results)}", style="bold"),
        *_failures(results),
        *_stands(results),
        *_news(headlines(results, found)),
        *tables,
        *_legend(results, [column for part in parts for column in part]),
        *_factors(results),
        *_checks(results),
    )


def _failures(results: Results) -> Iterator[Text]:
    if sentence := failures_sentence(results):
        yield Text(visible(sentence), style="bold yellow")


def _stands(results: Results) -> Iterator[Text]:
    """Whether the undefended model falls short of the four-fifths rule before any defense."""
    if sentence := already_below(results):
        yield Text.assemble((f"{BASELINE}: ", "bold"), visible(sentence))


def _news(found: Sequence[Headline]) -> Iterator[Text]:
    """On one line each, the defenses with bad news."""
    bad = (Reading.WORSE, Reading.LEANS_WORSE, Reading.FAILED)
    for headline in found:
        news = [part for part in headline.parts if part.reading in bad]
        if news:
            text = Text.assemble((f"{visible(headline.row)}: ", "bold"), visible(f"{news[0].text}{_more(news[1:])}"))
            text.no_wrap, text.overflow = True, "ellipsis"
            yield text


def _more(news: Sequence[News]) -> str:
    """Of what else there is bad news, with a blank before: " Also 2 metrics lean worse and 1 check failed."."""
    counts = Counter[Reading]()
    for each in news:
        counts[each.reading] += each.count
    told = [_MORE[reading][count != 1].format(count) for reading, count in counts.items()]
    return f" Also {listed(told)}." if told else ""


def _fitting(columns: Sequence[GlanceColumn], labels: Sequence[str], width: int | None) -> list[list[GlanceColumn]]:
    """The columns in parts that fit the width beside the labels; headed by codes where names would need more parts."""
    if width is None:
        return [list(columns)]
    room = width - min(LABELS, max(map(cell_len, labels)))
    named = list(_parts(columns, room))
    coded = list(_parts([_coded(column) for column in columns], room))
    return coded if len(coded) < len(named) else named


def _coded(column: GlanceColumn) -> GlanceColumn:
    """Headed by its code, and the risk beside what was measured."""
    if column.code == column.head:
        return column
    return replace(column, head=column.code, measured=f"{column.head}, {column.measured}")


def _parts(columns: Sequence[GlanceColumn], room: int) -> Iterator[list[GlanceColumn]]:
    part, used = list[GlanceColumn](), 0
    for column in columns:
        taken = _width(column) + 1
        if part and used + taken > room:
            yield part
            part, used = [], 0
        part.append(column)
        used += taken
    yield part


def _width(column: GlanceColumn) -> int:
    words = max(len(word) for word in column.head.split())
    cells = max((len(_shown(cell)) for cell in column.cells), default=0)
    return max(words, cells, len(column.baseline), len(column.seeds))


def _table(labels: Sequence[str], columns: Sequence[GlanceColumn], width: int | None) -> Group:
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), show_header=True, header_style="bold cyan")
    table.add_column("", no_wrap=True)
    widths = [_width(column) for column in columns]
    for column, needed in zip(columns, widths, strict=True):
        wide = max(needed, len(column.head)) if width is None else needed
        table.add_column(Text(column.head, justify="right"), width=wide, no_wrap=width is None)
    if width is not None:
        labels = [cut(label, width - sum(widths) - len(widths)) for label in labels]
    table.add_row(Text(labels[0]), *_padded([_above_signs(column.baseline, column) for column in columns], table))
    for at, label in enumerate(labels[1:]):
        table.add_row(Text(label), *_padded([_cell(column.cells[at]) for column in columns], table))
    if any(column.seeds for column in columns):
        seeds = [_above_signs(column.seeds, column) for column in columns]
        table.add_row(SEEDS, *_padded(seeds, table), style="dim")
    return Group(Text(), table)


def _above_signs(number: str, column: GlanceColumn) -> Text:
    """Moved to the left as far as there is room, so that it stands above the differences."""
    return Text(f"{number}   "[: max(_width(column), len(number))])


def _padded(texts: Sequence[Text], table: Table) -> Iterator[Text]:
    """Moved to the right end of their columns; Rich does so too, but without the blanks behind the numbers."""
    for text, column in zip(texts, table.columns[1:], strict=True):
        text.pad_left((column.width or 0) - text.cell_len)
        yield text


def _shown(cell: GlanceCell) -> str:
    """Signs stand under each other, so that each takes two characters."""
    return f"{cell.difference} {cell.sign:<2}"


def _cell(cell: GlanceCell) -> Text:
    return Text(_shown(cell), STYLES.get(cell.reading, ""))


def _legend(results: Results, columns: Sequence[GlanceColumn]) -> Iterator[Text]:
    measured = "; ".join(f"{column.head}: {column.measured}" for column in columns if column.measured)
    starred = "*: exploratory." if any(column.head.endswith(EXPLORATORY) for column in columns) else ""
    used = {cell.reading: cell.sign for column in columns for cell in column.cells}
    yield Text()
    if used:
        yield Text("  ".join(f"{used[each]} {LEGEND[each]}" for each in LEGEND if each in used), style="dim")
        net = any(value.by_chance is not None for value in results.values)
        yield Text(f"{HOW} {NET_SHORT}" if net else HOW, style="dim")
    last = " ".join(filter(None, (f"{measured}." if measured else "", starred, other_references(results))))
    if last:
        yield Text(last, style="dim")


def _factors(results: Results) -> Iterator[Text]:
    if sentence := factors_sentence(results):
        yield Text(f"\n{visible(sentence)}")


def _checks(results: Results) -> Iterator[Text]:
    """The checks that stand in the way, and how many are unproven, or instead that there are too few seeds."""
    failed = list(failed_checks(results))
    if few := few_seeds(results):
        yield Text(f"\n{few}", style="bold yellow")
    if failed:
        yield Text()
    yield from (Text(visible(text), style="yellow") for text in islice(failed, CHECKS))
    left, unproven = max(0, len(failed) - CHECKS), 0 if few else unproven_checks(results)
    more = "more " if failed else ""
    open_ones = f"{unproven} {more}{'check is' if unproven == 1 else 'checks are'} unproven"
    counts = [f"{left} more of this kind" if left else "", open_ones if unproven else ""]
    if any(counts):
        them = "it" if left + unproven == 1 else "them"
        yield Text(f"{' and '.join(filter(None, counts))}; --details has {them}.", style="yellow")
