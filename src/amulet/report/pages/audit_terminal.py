"""One trained model in a terminal: the primary metric of each attack and audit."""

from rich.box import SIMPLE_HEAD
from rich.console import Group
from rich.table import Table
from rich.text import Text

from amulet.core.text import visible
from amulet.experiments.model_audit.results import AuditResults
from amulet.report.pages.group_rates_terminal import rates_shown
from amulet.report.words.audit_words import (
    audit_baseline,
    audit_check_text,
    audit_checks,
    audit_in_short,
    audit_interval,
    audit_notes,
)
from amulet.report.words.matrix.blocks import AuditBlock, AuditLine, AuditPart, audit_blocks, primary_blocks
from amulet.report.words.verdicts.explanations import AUDIT_WARNING
from amulet.report.words.vocabulary.formats import number
from amulet.report.words.vocabulary.names import riskier_end
from amulet.statistics import Gate

STYLES = {Gate.PASSED: "", Gate.UNPROVEN: "yellow", Gate.FAILED: "bold red"}


def audit_table(results: AuditResults) -> Group:
    """Per primary metric its value with the interval, what to compare it with, and the checks of its attack."""
    title = Text(f"{results.name}: {results.model.name} on {results.dataset}", style="bold")
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0), show_edge=False)
    for name in ("", "value", "compare with", "checks"):
        table.add_column(name, justify="right" if name == "value" else "left")
    for block in primary_blocks(audit_blocks(results)):
        for part, line in block.lines:
            table.add_row(*_row(results, block, part, line))
    short = [Text(visible(sentence)) for sentence in audit_in_short(results)]
    notes = [Text(f"\n{note.about}: {note.follows}", style="yellow") for note in audit_notes(results)]
    left_out = Text(
        f"\nNot done: {len(results.left_out)} attacks and audits; the report has the reasons."
        if results.left_out
        else ""
    )
    parts = (part for block in audit_blocks(results) for part in block.parts)
    rates = [shown for part in parts for shown in rates_shown(results, part.lines[0].column)]
    return Group(title, *short, Text(), table, *notes, *rates, left_out, Text(f"\n{AUDIT_WARNING}", style="dim"))


def _row(results: AuditResults, block: AuditBlock, part: AuditPart, line: AuditLine) -> tuple[Text, ...]:
    (cell,) = line.cells
    name = Text.assemble(
        (block.words.title, "bold cyan"),
        f"\n{line.words.title}" + ("" if part.obvious else f"\n{part.brief}"),
        (f"\n{riskier_end(line.column)}", "dim"),
    )
    value = "undefined" if cell.value is None else f"{number(cell.value)}\n{audit_interval(cell)}"
    checks = Text("\n").join(Text(audit_check_text(gate), STYLES[gate.state]) for gate in audit_checks(results, cell))
    return name, Text(value), Text(audit_baseline(results, cell)), checks
