"""The rates of groups in a terminal."""

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from amulet.experiments.planning.experiment import BASELINE
from amulet.experiments.results.numbers import Column
from amulet.report.words.group_rates import RateCell, RatedResults, rate_table

ELSEWHERE = "The report has the rates of every row."


def rates_shown(results: RatedResults, column: Column) -> Iterator[Table | Text]:
    """The rates of the groups that a column compares, of the undefended row or of both models of a pair.

    Nothing where there are none.
    """
    found = rate_table(results, column)
    if found is None:
        return
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for at, name in enumerate((found.caption, *found.rates)):
        table.add_column(Text(name), justify="right" if at else "left")
    shown = [row for row in found.rows if row[0] == BASELINE] or list(found.rows)
    for row, lines, _ in shown:
        table.add_row(Text(row, style="bold"))
        for line in lines:
            table.add_row(Text(f"  {line.group}"), *map(_cell, line.cells))
    yield Text()
    yield table
    for row, _, gaps in shown:
        for name, gap in zip(found.rates, gaps, strict=True):
            yield Text(f"{row}, largest gap in {name}: {gap}")
    for note in (*found.notes, *([ELSEWHERE] if len(found.rows) > len(shown) else [])):
        yield Text(note, style="dim")


def _cell(cell: RateCell) -> Text:
    return Text.assemble(f"{cell.value} ({cell.counts})", (f"\n{cell.interval}" if cell.interval else "", "dim"))
