"""A verdict in a few words: what happens to the risk, not only to its metric."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from amulet.experiments.pairs.results import PairCell
from amulet.experiments.results.numbers import Column, MatrixCell
from amulet.report.words.formats import number, signed
from amulet.report.words.names import metric_words, mid_sentence, risk_name
from amulet.statistics import Verdict, Word

CHANGES: Final = frozenset({Word.INCREASES, Word.DECREASES})


class Tone(StrEnum):
    """How a verdict is to be taken; shown as a sign and a colour beside the words, never instead of them."""

    WORSE = "worse"
    BETTER = "better"
    SAME = "same"
    OPEN = "open"


_SIGNS: Final = {Tone.WORSE: "✗", Tone.BETTER: "✓", Tone.SAME: "=", Tone.OPEN: "?"}


@dataclass(frozen=True)
class VerdictWords:
    """A verdict as it is shown in a table.

    Attributes:
        words: such as "risk increases".
        tone: how it is to be taken.
        because: the reason, or what would settle it; empty where there is nothing to add.
    """

    words: str
    tone: Tone
    because: str

    @property
    def sign(self) -> str:
        """One character that stands for the tone."""
        return _SIGNS[self.tone]


def verdict_words(cell: MatrixCell) -> VerdictWords | None:
    """The verdict of a defended row; None for the baseline, which is not judged."""
    if cell.verdict is None:
        return None
    words, tone = _change(cell.verdict.word, cell.column)
    return VerdictWords(words, tone, _because(cell.verdict))


def pair_verdict_words(cell: PairCell) -> VerdictWords:
    """The verdict of a pair, worded as one of this pair only."""
    words, tone = _change(cell.verdict.word, cell.column)
    if cell.verdict.word in CHANGES:
        words = f"{words} in this pair"
    return VerdictWords(words, tone, _pair_because(cell.verdict))


def change_direction(column: Column, word: Word) -> str:
    """Which way a change goes: "the risk of evasion is higher", or of what is no risk "accuracy is lower".

    Args:
        column: what changes.
        word: that it increases or decreases.
    """
    up = word is Word.INCREASES
    if column.riskier is None:
        return f"{mid_sentence(metric_words(column).title)} is {'higher' if up else 'lower'}"
    return f"the risk of {risk_name(column.risk)} is {'higher' if is_worse(column, word) else 'lower'}"


def interval_text(verdict: Verdict) -> str:
    """The interval of the true difference, "+0.05 to +0.12"; empty where there is none."""
    if verdict.interval is None or verdict.word is Word.UNCHANGED:
        return ""
    low, high = verdict.interval
    return f"{signed(low)} to {signed(high)}"


def is_worse(column: Column, word: Word) -> bool:
    """Whether a change means more risk; of what is no risk, more is better."""
    return (word is Word.INCREASES) == (column.riskier == "high")


def _change(word: Word, column: Column) -> tuple[str, Tone]:
    if word not in CHANGES:
        return str(word), Tone.SAME if word in {Word.NO_CHANGE, Word.UNCHANGED} else Tone.OPEN
    worse = is_worse(column, word)
    words = str(word) if column.riskier is None else f"risk {'increases' if worse else 'decreases'}"
    return words, Tone.WORSE if worse else Tone.BETTER


def _because(verdict: Verdict) -> str:
    if verdict.reason:
        return verdict.reason
    if verdict.word is Word.INCONCLUSIVE:
        needed = verdict.seeds_needed
        return f"about {needed} seeds would settle it" if needed else "not even 1000 seeds would settle it"
    return f"any true difference is below {number(verdict.margin)}" if verdict.word is Word.NO_CHANGE else ""


def _pair_because(verdict: Verdict) -> str:
    if verdict.reason:
        return verdict.reason
    if verdict.word is Word.INCONCLUSIVE:
        return "other records could show another sign"
    return f"less than {number(verdict.margin)} with other records, too" if verdict.word is Word.NO_CHANGE else ""
