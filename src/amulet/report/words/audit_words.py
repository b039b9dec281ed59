"""One trained model in words: intervals, baselines, and what the checks say of each attack."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from amulet.experiments.model_audit.checks import AUDITED
from amulet.experiments.model_audit.results import AuditCell, AuditResults
from amulet.experiments.results.checks.gates import ATTACK, MODEL, Checked
from amulet.report.words.group_rates import undefended_sentences
from amulet.report.words.verdicts.no_skill import no_skill_text
from amulet.report.words.vocabulary.formats import number
from amulet.report.words.vocabulary.names import metric_words, mid_sentence, risk_rank, risk_words
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
        what = "the model beats always naming one class"
    else:
        what = "beats chance" if gate.name == ATTACK else "beats random noise"
    return {Gate.PASSED: what, Gate.UNPROVEN: f"not shown: {what}", Gate.FAILED: f"not so: {what}"}[gate.state]


@dataclass(frozen=True)
class AuditNote:
    """What follows from checks that came out alike.

    Attributes:
        state: how they came out.
        about: the attacks that they are about, "PGD, LossThreshold", or "Model".
        follows: what follows, in sentences.
    """

    state: Gate
    about: str
    follows: str


def audit_notes(results: AuditResults) -> Iterator[AuditNote]:
    """Which checks have not passed, those that came out alike together."""
    alike: dict[tuple[Gate, str], list[str]] = defaultdict(list)
    for gate in results.gates:
        if gate.follows:
            alike[gate.state, gate.follows].append(gate.about or "Model")
    for (state, follows), about in alike.items():
        yield AuditNote(state, ", ".join(about), follows)


def audit_in_short(results: AuditResults) -> Iterator[str]:
    """For which risks an attack reaches more than chance, for which none is shown to, and which groups differ most."""
    found: dict[str, list[str]] = defaultdict(list)
    for gate in results.gates:
        if gate.name == ATTACK:
            risk = next(cell.column.risk for cell in results.cells if cell.column.probe == gate.about)
            passed = [str(gate.about)] if gate.state is Gate.PASSED else []
            found[risk] += passed
    titles = {risk: risk_words(risk).title for risk in sorted(found, key=risk_rank)}
    if better := [f"{title} ({', '.join(found[risk])})" for risk, title in titles.items() if found[risk]]:
        yield f"Attacks that reach more than chance: {'; '.join(better)}."
    if none := [title for risk, title in titles.items() if not found[risk]]:
        yield f"No attack is shown to reach more than chance: {', '.join(none)}."
    yield from undefended_sentences(results, AUDITED)


def audit_undefined(results: AuditResults) -> Iterator[str]:
    """A sentence for each reason for which metrics have no value, with these metrics and their attacks and audits."""
    titles: dict[tuple[str, str], list[str]] = defaultdict(list)
    for cell in results.cells:
        if cell.reason:
            titles[cell.column.probe, cell.reason].append(metric_words(cell.column).title)
    alike: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (probe, reason), of_probe in titles.items():
        alike[reason, tuple(of_probe)].append(probe)
    for (reason, named), probes in alike.items():
        yield f"{', '.join(named)} of {' and '.join(probes)}: {reason}."
