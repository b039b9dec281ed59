"""A summary of each defense: the gates that have not passed, its claims of ownership, and its primary verdicts."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from amulet.experiments.planning.experiment import BASELINE
from amulet.experiments.results.gates import ATTACK, STRENGTH, Checked
from amulet.experiments.results.numbers import MatrixCell
from amulet.experiments.results.results import Results
from amulet.report.words.blocks import MatrixBlock, MatrixLine, MatrixPart, primary_blocks
from amulet.report.words.claims import claim_sentences
from amulet.report.words.formats import signed
from amulet.report.words.gates import gates_of
from amulet.report.words.group_rates import attribute_text, undefended_sentences
from amulet.report.words.group_sizes import compares_groups
from amulet.report.words.names import mid_sentence, risk_name
from amulet.report.words.spec_text import Named
from amulet.report.words.verdict_words import Tone, VerdictWords, verdict_words
from amulet.statistics import CHANGES, Gate

_ORDER: Final = (Tone.WORSE, Tone.BETTER, Tone.SAME, Tone.OPEN)
_ATTACKS: Final = {ATTACK, STRENGTH}
_OPEN: Final = {"inconclusive": "undecided", "undefined": "without a verdict"}
_DOUBTS: Final = {
    (ATTACK, Gate.FAILED): "by an attack that finds nothing",
    (ATTACK, Gate.UNPROVEN): "by an attack not shown to find anything",
    (STRENGTH, Gate.FAILED): "by an attack that shows signs of failing",
    (STRENGTH, Gate.UNPROVEN): "by an attack not shown to work",
}


Item = tuple[str, str]
"""The sensitive attribute that a probe is about, such as "by race", empty for others; its name, change and doubts."""


@dataclass(frozen=True)
class Group:
    """All that one verdict is said of: "risk increases" and the risks with their differences."""

    words: str
    sign: str
    tone: Tone
    items: tuple[str, ...]

    def __str__(self) -> str:
        """As a part of a sentence."""
        return f"{self.words}: {', '.join(self.items)}"


@dataclass(frozen=True)
class DefenseSummary:
    """The summary of one row.

    Attributes:
        wrong: sentences on its gates that have failed; they come first.
        claims: sentences on what its owner can claim, if it serves to claim ownership; of the undefended row on how far
            its decisions differ between groups.
        groups: its primary verdicts, what gets worse first.
        unproven: sentences on its gates that are unproven.
    """

    row: str
    wrong: tuple[str, ...]
    claims: tuple[str, ...]
    groups: tuple[Group, ...]
    unproven: tuple[str, ...]

    @property
    def text(self) -> str:
        """All of it in one line."""
        sentence = "; ".join(map(str, self.groups))
        verdicts = [f"{sentence[:1].upper()}{sentence[1:]}."] if sentence else []
        return " ".join([*self.wrong, *self.claims, *verdicts, *self.unproven])


def defense_summaries(results: Results, found: tuple[MatrixBlock, ...]) -> tuple[DefenseSummary, ...]:
    """Every defended row, from the verdicts of primary cells alone; none where no metric is primary.

    Before them the undefended row, if an audit compares groups: verdicts speak of changes, not of where it stands.
    """
    stands = undefended_sentences(results)
    undefended = (DefenseSummary(BASELINE, (), stands, (), ()),) if stands else ()
    lines = [(block, part, line) for block in primary_blocks(found) for part in block.parts for line in part.lines]
    rows = [row for row in results.rows if row != BASELINE] if lines else []
    return (*undefended, *(_short(results, row, lines) for row in rows))


def _short(results: Results, row: str, lines: Sequence[tuple[MatrixBlock, MatrixPart, MatrixLine]]) -> DefenseSummary:
    cells = [(block, part, next(cell for cell in line.cells if cell.row == row)) for block, part, line in lines]
    rows = {BASELINE, results.reference(row), row}
    about = [gate for gate in results.gates if gate.row in rows and gate.name not in _ATTACKS]
    return DefenseSummary(
        row,
        tuple(_sentence(gate, row) for gate in about if gate.state is Gate.FAILED),
        tuple(claim_sentences(results, row)),
        tuple(_groups(results, cells)),
        tuple(_sentence(gate, row) for gate in about if gate.state is Gate.UNPROVEN),
    )


def _sentence(gate: Checked, row: str) -> str:
    """What follows from a gate; also of which risk, where it is about one, and of which row, if of another."""
    follows = f"{gate.follows.rstrip('.')} ({risk_name(gate.about)})." if gate.about else gate.follows
    if gate.row == row:
        return follows
    return f"{'Undefended' if gate.row == BASELINE else gate.row}: {mid_sentence(follows)}"


def _groups(results: Results, cells: Sequence[tuple[MatrixBlock, MatrixPart, MatrixCell]]) -> Iterator[Group]:
    """Each verdict once, with all that it is said of in the order of the matrix."""
    found: dict[tuple[Tone, str, str], dict[str, list[Item]]] = {}
    for block, part, cell in cells:
        verdict = verdict_words(cell)
        if verdict:
            key = (verdict.tone, _words(cell, verdict), verdict.sign)
            found.setdefault(key, {}).setdefault(block.risk, []).append(_item(results, block, part, cell))
    for tone, words, sign in sorted(found, key=lambda key: _ORDER.index(key[0])):
        yield Group(words, sign, tone, tuple(_of(words, *each) for each in found[tone, words, sign].items()))


def _words(cell: MatrixCell, verdict: VerdictWords) -> str:
    """Of what is not a risk, also what it is that increases."""
    if cell.column.riskier is None and cell.verdict and cell.verdict.word in CHANGES:
        return f"{risk_name(cell.column.risk)} {verdict.words}"
    return _OPEN.get(verdict.words, verdict.words)


def _of(words: str, risk: str, items: Sequence[Item]) -> str:
    """One risk under one verdict: "discriminatory behavior by race, by sex", "attribute inference of sex (AUC +0.036)",
    "evasion (robust accuracy +0.192)".

    A verdict that says itself what it is of, such as "utility increases", is followed by the change alone.
    """
    name, inside = risk_name(risk), "; ".join(details for attribute, details in items if details and not attribute)
    if words.startswith(name):
        return inside
    named = (f"{attribute}{f' ({details})' if details else ''}" for attribute, details in items if attribute)
    return " ".join(filter(None, [name, ", ".join(dict.fromkeys(named)), f"({inside})" if inside else ""]))


def _item(results: Results, block: MatrixBlock, part: MatrixPart, cell: MatrixCell) -> Item:
    attribute = attribute_text(dict(part.brief.settings).get("attribute", ""))
    if attribute:
        attribute = f"{'by' if compares_groups(cell.column) else 'of'} {attribute}"
        probe = _probe_of_attribute(block, part)
    else:
        probe = _probe(block, part)
    return attribute, ", ".join(filter(None, [probe, _changed(part, cell), *_doubts(results, cell)]))


def _changed(part: MatrixPart, cell: MatrixCell) -> str:
    """What changes by how much; of an audit with several primary metrics, also which one does not, if others differ."""
    title = mid_sentence(next(line.words.title for line in part.lines if line.column == cell.column))
    if cell.verdict is None or cell.difference is None or cell.verdict.word not in CHANGES:
        return "" if _agree(part, cell) else title
    return f"{title} {signed(cell.difference.mean)}"


def _agree(part: MatrixPart, cell: MatrixCell) -> bool:
    """Whether all primary metrics of an audit have one verdict in a row."""
    row = [each for line in part.lines for each in line.cells if each.row == cell.row and each.verdict]
    return len({each.verdict.word for each in row if each.verdict}) <= 1


def _probe_of_attribute(block: MatrixBlock, part: MatrixPart) -> str:
    """What tells it from the risk's other probes beside its attribute: settings, or a name where there are several."""
    own, others = dict(part.brief.settings), [other.brief for other in block.parts if other is not part]
    alike = [dict(other.settings) for other in others if other.name == part.brief.name]
    alike = [settings for settings in alike if settings.get("attribute") == own["attribute"]]
    told = tuple((name, value) for name, value in own.items() if any(each.get(name) != value for each in alike))
    if told:
        return str(Named(part.brief.name, told))
    return part.brief.name if any(other.name != part.brief.name for other in others) else ""


def _probe(block: MatrixBlock, part: MatrixPart) -> str:
    """What tells it from the risk's other probes; nothing for an only one."""
    if len(block.parts) == 1:
        return ""
    alike = [other for other in block.parts if other.brief.name == part.brief.name]
    return part.brief.name if len(alike) == 1 else str(part.brief)


def _doubts(results: Results, cell: MatrixCell) -> Iterator[str]:
    yield from (text for gate in gates_of(results, cell) if (text := _DOUBTS.get((gate.name, gate.state))))
