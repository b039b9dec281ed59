"""What several subcommands print: tables, warnings, and the results of an assessment, a pair or one model."""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from amulet.experiments import AuditResults, PairResults, Results


def table_of(*columns: str) -> "Table":
    """An empty table with these columns, whose cells are wrapped and not cut."""
    from rich.table import Table

    table = Table()
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def warn(sentence: str | None) -> bool:
    """Log a sentence as a warning if there is one. Returns whether there was one."""
    if sentence is not None:
        logging.getLogger("amulet").warning("%s", sentence)
    return sentence is not None


def show_results(
    results: "Results | PairResults | AuditResults",
    page: Path,
    console: "Console",
    file: Path | None = None,
    *,
    details: bool,
) -> None:
    """Print results, and where their page lies.

    Args:
        results: of an assessment, of a pair or of one model.
        page: the report.
        console: where to print.
        file: the experiment, for the commands that go on from it.
        details: whether to show every attack, audit and check, not only one table.
    """
    from amulet.experiments.model_audit.results import AuditResults
    from amulet.experiments.pairs.results import PairResults
    from amulet.report.pages.audit_terminal import audit_table
    from amulet.report.pages.glance_terminal import glance
    from amulet.report.pages.matrix_terminal import matrix_table
    from amulet.report.pages.pair_terminal import pair_glance, pair_table
    from amulet.report.words.matrix.next_commands import next_commands

    width = console.width if console.is_terminal else None
    match results:
        case PairResults():
            console.print(pair_table(results) if details else pair_glance(results, width))
        case AuditResults():
            console.print(audit_table(results))
        case _:
            console.print(matrix_table(results, width) if details else glance(results, width))
            console.print()
            for line in () if details else next_commands(results, page.parent, file):
                console.print(f"Next: {line}", soft_wrap=True)
    console.print(f"Report: {page.resolve()}", soft_wrap=True)
