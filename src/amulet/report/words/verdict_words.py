"""A verdict in words: what happens to the risk, not only to its metric."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from amulet.experiments.gates import Checked
from amulet.experiments.numbers import MatrixCell
from amulet.report.words.formats import number, signed
from amulet.report.words.names import risk_words
from amulet.statistics import ALPHA, Verdict, Word


class Tone(StrEnum):
    """How a verdict is to be taken; shown as a sign and a colour beside the words, never instead of them."""

    WORSE = "worse"
    BETTER = "better"
    SAME = "same"
    OPEN = "open"


@dataclass(frozen=True)
class Said:
    """The words of a verdict, and what stands behind them."""

    words: str
    sign: str
    tone: Tone
    because: str


HOW_VERDICTS: Final = (
    "The verdicts of the primary metrics are judged together: the chance that any of them tells of a change where "
    f"there is none is at most {ALPHA:.0%}, and so is the chance that any denies one that matters. The other metrics "
    "are exploratory, each judged by itself."
)

NOT_COVERED: Final = (
    "Intervals cover other training records and other initial weights. They do not cover the choice of the test "
    "records: every model is measured on the same ones, and with others all numbers could lie elsewhere."
)

SIGNS: Final = {Tone.WORSE: "✗", Tone.BETTER: "✓", Tone.SAME: "=", Tone.OPEN: "?"}
_GATES: Final = {"trained": "model", "effective": "defense", "attack": "attack", "strong": "strength"}


def said(cell: MatrixCell) -> Said | None:
    """The verdict of a defended cell; None for the baseline, which is not judged."""
    if cell.verdict is None:
        return None
    words, tone = in_words(cell.verdict.word, cell.column.riskier)
    return Said(words, SIGNS[tone], tone, _because(cell.verdict))


def gate_name(gate: Checked) -> str:
    """What a gate is about, in one word."""
    return _GATES[gate.name]


def gate_words(gate: Checked) -> str:
    """What a gate asks, as a heading."""
    asked = {
        "trained": f"{gate.row}: the model has learned something",
        "effective": f"{gate.row}: lowers {risk_words(gate.about or '').title}, a risk it is made for",
        "attack": f"{gate.about}: the attack finds something",
        "strong": f"{gate.row}, {gate.about}: the attack works",
    }
    return asked[gate.name]


def interval(verdict: Verdict) -> str:
    """The interval of the true difference, "+0.05 to +0.12"; empty where there is none."""
    if verdict.interval is None or verdict.word is Word.UNCHANGED:
        return ""
    low, high = verdict.interval
    return f"{signed(low)} to {signed(high)}"


def in_words(word: Word, riskier: str | None) -> tuple[str, Tone]:
    """What a word says of the risk, and how that is to be taken."""
    if word not in {Word.INCREASES, Word.DECREASES}:
        return str(word), Tone.OPEN if word in {Word.INCONCLUSIVE, Word.UNDEFINED} else Tone.SAME
    if riskier is None:  # of what is not a risk, more is better
        return str(word), Tone.BETTER if word is Word.INCREASES else Tone.WORSE
    worse = (word is Word.INCREASES) == (riskier == "high")
    return ("risk increases", Tone.WORSE) if worse else ("risk decreases", Tone.BETTER)


def _because(verdict: Verdict) -> str:
    if verdict.reason:
        return verdict.reason
    if verdict.word is Word.INCONCLUSIVE:
        needed = verdict.seeds_needed
        return f"about {needed} seeds would settle it" if needed else "not even 1000 seeds would settle it"
    if verdict.word is Word.NO_CHANGE:
        return f"surely less than {number(verdict.margin)}"
    return ""
