"""One plain sentence for each defense: what it does to every risk, the worst news first."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Final

from amulet.experiments.planning.experiment import BASELINE
from amulet.experiments.results.checks.gates import ATTACK, MODEL, STRENGTH, Checked
from amulet.experiments.results.results import Results
from amulet.report.words.claims import claim_sentences
from amulet.report.words.group_rates import undefended_sentences
from amulet.report.words.matrix.blocks import MatrixBlock
from amulet.report.words.matrix.risk_cells import Judged, RiskCell, risk_cells
from amulet.report.words.verdicts.failed_checks import unproven_models
from amulet.report.words.verdicts.gates import gate_follows
from amulet.report.words.verdicts.one_class import beside_one_class
from amulet.report.words.verdicts.paired_levels import paired_levels
from amulet.report.words.verdicts.readings import Read, Reading, worst
from amulet.report.words.vocabulary.names import capitalised, mid_sentence
from amulet.report.words.vocabulary.points import levels
from amulet.statistics import Gate

_OPENINGS: Final = {
    Reading.WORSE: "Worse",
    Reading.LEANS_WORSE: "Probably worse, not proven",
    Reading.BETTER: "Better",
    Reading.SAME: "No change that matters",
    Reading.NOT_SHOWN: "The attack is not shown to work on either model",
    Reading.OPEN: "Unclear",
}
_UNCHANGED: Final = frozenset({Reading.NOT_SHOWN, Reading.SAME, Reading.OPEN})
"""Readings of which no levels are told."""
_MOST: Final = {Reading.WORSE: 4, Reading.LEANS_WORSE: 4, Reading.BETTER: 3, **dict.fromkeys(_UNCHANGED, 2)}
"""So many are named; the others are counted."""
_ORDER: Final = (
    Reading.WORSE,
    Reading.LEANS_WORSE,
    Reading.FAILED,
    Reading.BETTER,
    Reading.SAME,
    Reading.NOT_SHOWN,
    Reading.OPEN,
)


@dataclass(frozen=True)
class News:
    """A part of a headline, which ends with a full stop.

    Attributes:
        reading: that it tells.
        text: what is said.
        count: of how many metrics.
    """

    reading: Reading
    text: str
    count: int = 1


@dataclass(frozen=True)
class Headline:
    """What is said of one defended row.

    Attributes:
        row: its label.
        worst: the worst reading of its cells.
        parts: what is said, the worst first.
    """

    row: str
    worst: Read
    parts: tuple[News, ...]

    @property
    def text(self) -> str:
        """All parts in one line."""
        return " ".join(part.text for part in self.parts)


def headlines(results: Results, found: tuple[MatrixBlock, ...]) -> tuple[Headline, ...]:
    """A headline for each defended row, in the order of the matrix; none where nothing was measured.

    Each says first which of its own checks have failed, then what is worse, what leans worse, on which risks nothing
    can be concluded, whether its model is not shown to have learned anything, what is better, what is unchanged and
    what is unclear; and what its owner can claim, if it serves to claim ownership. What follows for all rows, since an
    attack finds nothing on the undefended model, is said by `undefended_news`.
    """
    return tuple(_headline(results, cells) for cells in risk_cells(results, found) if cells)


def undefended_news(results: Results, found: tuple[MatrixBlock, ...]) -> tuple[str, ...]:
    """What is said once, of the undefended model: if it is useless, which groups differ most, and which attacks fail.

    An attack that finds nothing on this model leaves nothing for any defense to lower.
    """
    failed, names = _failed_attacks(results), defaultdict[str, dict[str, None]](dict)
    for cell in next(iter(risk_cells(results, found)), ()):
        for judged in cell.counted:
            if follows := failed.get(judged.line.column.probe):
                names[follows][judged.name] = None
    void = (f"Nothing can be concluded on {', '.join(of)}: {mid_sentence(why)}" for why, of in names.items())
    useless = (
        gate.follows for gate in results.gates_of_rows(BASELINE) if (gate.name, gate.state) == (MODEL, Gate.FAILED)
    )
    return (*useless, *undefended_sentences(results), *void)


def _failed_attacks(results: Results) -> dict[str, str]:
    """The attacks that find nothing on the undefended model, and what follows."""
    return {
        gate.about: gate_follows(gate, BASELINE)
        for gate in results.gates
        if gate.name == ATTACK and gate.state is Gate.FAILED and gate.about
    }


def _headline(results: Results, cells: Sequence[RiskCell]) -> Headline:
    row = cells[0].row
    told, failed = list(_told(cells)), tuple(_failures(results, row))
    failures = tuple(gate_follows(gate, row) for gate in failed)
    parts = chain(
        (News(Reading.FAILED, text) for text in _failures_told(failed, row)),
        _news(results, told, failures, tuple(_unlearned(results, row))),
        (News(Reading.OPEN, text) for text in claim_sentences(results, row)),
    )
    return Headline(row, worst(judged.read for judged in told), tuple(parts))


def _told(cells: Sequence[RiskCell]) -> Iterator[Judged]:
    """Of each risk and name the worst, in the order of the matrix: of two attacks with one metric only one is told."""
    for cell in cells:
        yield from {judged.name: judged for judged in reversed(cell.counted)}.values()


def _news(
    results: Results, told: Sequence[Judged], failures: Sequence[str], unlearned: Sequence[str]
) -> Iterator[News]:
    by_reading: dict[Reading, list[Judged]] = defaultdict(list)
    for judged in told:
        by_reading[judged.read.word].append(judged)
    for reading in _ORDER:
        found = sorted(by_reading[reading], key=lambda judged: judged.read.order)
        if reading is Reading.FAILED:
            yield from (News(reading, text) for text in _void(found, [*failures, *_failed_attacks(results).values()]))
            yield from (News(Reading.OPEN, text) for text in unlearned)
        elif found:
            alone = len(found) == 1 and reading in {Reading.WORSE, Reading.LEANS_WORSE}
            text = _change(results, found[0]) if alone else f"{_OPENINGS[reading]}: {_listed(results, found)}."
            proven = found if reading in {Reading.WORSE, Reading.BETTER} else ()
            beside = (beside_one_class(results, judged.cell) for judged in proven)
            yield News(reading, " ".join(filter(None, [text, *beside])), len(found))


def _change(results: Results, judged: Judged) -> str:
    """A change as a sentence: "Approval gap by race probably rises, 22 → 27 points; not proven"."""
    assert judged.cell.difference is not None  # noqa: S101 - neither reading is given without one
    verb = "rises" if judged.cell.difference.mean > 0 else "falls"
    leans = judged.read.word is Reading.LEANS_WORSE
    change = f"{capitalised(judged.name)} {'probably ' if leans else ''}{verb}, {_levels(results, judged)}"
    return f"{change}; not proven." if leans else f"{change}."


def _void(found: Sequence[Judged], failures: Sequence[str]) -> Iterator[str]:
    """Of which risks nothing can be said, and why; each reason once, and none that has been told already."""
    by_reason: dict[str, list[str]] = defaultdict(list)
    for judged in found:
        by_reason[judged.read.reason].append(judged.name)
    for reason, names in by_reason.items():
        if f"{reason}." not in failures:
            why = f": {mid_sentence(reason)}" if reason else ""
            yield f"Nothing can be concluded on {', '.join(names)}{why}."


def _listed(results: Results, found: Sequence[Judged]) -> str:
    """Names, with the levels of those that change, "a 58 → 51, b 71 → 89 and 2 more"."""
    reading = found[0].read.word
    named = [
        judged.name if reading in _UNCHANGED else f"{judged.name} {_levels(results, judged, unit=False)}"
        for judged in found
    ]
    if len(named) <= _MOST[reading] + 1:
        return ", ".join(named)
    return f"{', '.join(named[: _MOST[reading]])} and {len(named) - _MOST[reading]} more"


def _levels(results: Results, judged: Judged, *, unit: bool = True) -> str:
    before, after = paired_levels(results, judged.cell)
    return levels(judged.line.column, before, after, unit=unit)


def _unlearned(results: Results, row: str) -> Iterator[str]:
    """Which of the row's own and its reference's models are not shown to have learned anything."""
    rows = {BASELINE, results.reference(row), row}
    yield from (gate_follows(gate, row) for gate in unproven_models(results) if gate.row in rows)


def _failures(results: Results, row: str) -> Iterator[Checked]:
    """The failed checks of the row's own and its reference's models, defenses and guarantees."""
    rows = {BASELINE, results.reference(row), row}
    for gate in results.gates_of_rows(*rows):
        if gate.state is Gate.FAILED and gate.name not in {ATTACK, STRENGTH}:
            yield gate


def _failures_told(failed: Sequence[Checked], row: str) -> Iterator[str]:
    """What follows from failed checks; of the row's model and those it is compared with in one sentence."""
    models = [gate.row for gate in failed if gate.name == MODEL]
    others = [other for other in models if other != row] if row in models else []
    like = f"This model, like {' and '.join(f'“{other}”' for other in others)},"
    for gate in failed:
        if gate.name != MODEL or gate.row not in others:
            text = gate_follows(gate, row)
            yield text.replace("This model", like, 1) if others and gate.name == MODEL else text
