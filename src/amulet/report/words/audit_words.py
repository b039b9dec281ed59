"""One trained model in words: intervals, baselines, and what the checks say of each attack."""

from collections.abc import Iterator

from amulet.experiments.model_audit.results import AuditCell, AuditResults
from amulet.experiments.results.gates import ATTACK, MODEL, Checked
from amulet.report.words.formats import number
from amulet.report.words.names import metric_words, mid_sentence
from amulet.report.words.no_skill import no_skill_text
from amulet.statistics import Gate


def audit_interval(cell: AuditCell) -> str:
    """The interval of a value, "0.71 to 0.80"; empty where there is none."""
    return f"{number(cell.interval[0])} to {number(cell.interval[1])}" if cell.interval else ""


def audit_baseline(results: AuditResults, cell: AuditCell) -> str:
    """What a trivial model or a guess gets, as words and a number; empty where there is none."""
    if text := no_skill_text(results.tested, cell.column):
        return text
    for other in results.columns:
        if (other.probe, other.metric) == (cell.column.probe, cell.column.chance) and cell.baseline is not None:
            return f"{mid_sentence(metric_words(other).title)}: {number(cell.baseline)}"
    return ""


def audit_checks(results: AuditResults, cell: AuditCell) -> tuple[Checked, ...]:
    """The checks of the attack that a primary metric belongs to."""
    return tuple(gate for gate in results.gates if cell.column.primary and gate.about == cell.column.probe)


def audit_check_text(gate: Checked) -> str:
    """How a check came out, in a few words."""
    if gate.name == MODEL:
        what = "the model has learned something"
    else:
        what = "beats chance" if gate.name == ATTACK else "beats random noise"
    return {Gate.PASSED: what, Gate.UNPROVEN: f"not shown: {what}", Gate.FAILED: f"not so: {what}"}[gate.state]


def audit_notes(results: AuditResults) -> Iterator[str]:
    """A sentence for each check that has not passed."""
    yield from (f"{gate.about or 'Model'}: {gate.follows}" for gate in results.gates if gate.follows)


def audit_undefined(results: AuditResults) -> Iterator[str]:
    """A sentence for each metric that has no value."""
    for cell in results.cells:
        if cell.reason:
            yield f"{metric_words(cell.column).title} of {cell.column.probe}: {cell.reason}."
