"""A verdict in a few words: what happens to the risk, not only to its metric."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from amulet.experiments.pairs.results import PairCell
from amulet.experiments.results.numbers import Column, MatrixCell
from amulet.report.words.vocabulary.formats import number, signed
from amulet.report.words.vocabulary.names import metric_words, mid_sentence, risk_name
from amulet.report.words.vocabulary.seed_counts import settling
from amulet.statistics import CHANGES, Verdict, Word
from amulet.statistics.rare import share_not_excluded

NOT_SHOWN: Final = "on neither model is the attack shown to do better than without the model"
"""Why a difference between two models that are not shown to leak is no change of a risk."""

_WITHOUT_LEAKS: Final = frozenset({"evasion", "poisoning", "unauthorized_model_ownership"})
"""Risks whose attacks make no secret known, so that they succeed or not."""


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


def leak_or_success(column: Column) -> str:
    """What an attack shows that does better than without the model: a "leak", or a "success" where nothing leaks."""
    return "success" if column.risk in _WITHOUT_LEAKS else "leak"


def change_direction(column: Column, word: Word) -> str:
    """Which way a change goes: "the risk of evasion is higher", or of what is no risk "accuracy is lower".

    Args:
        column: what changes.
        word: that it increases or decreases.
    """
    up = word is Word.INCREASES
    if column.riskier is None:
        return f"{mid_sentence(metric_words(column).title)} is {'higher' if up else 'lower'}"
    return f"the risk of {risk_name(column.risk)} is {'higher' if column.gets_worse(word) else 'lower'}"


def interval_text(verdict: Verdict) -> str:
    """The interval of the true difference, "+0.05 to +0.12"; empty where there is none."""
    if verdict.interval is None or verdict.word is Word.UNCHANGED:
        return ""
    low, high = verdict.interval
    return f"{signed(low)} to {signed(high)}"


def _change(word: Word, column: Column) -> tuple[str, Tone]:
    if word is Word.NO_LEAK:
        return str(word).replace("leak", leak_or_success(column)), Tone.SAME
    if word not in CHANGES:
        return str(word), Tone.SAME if word in {Word.NO_CHANGE, Word.UNCHANGED} else Tone.OPEN
    return column.said(word), Tone.WORSE if column.gets_worse(word) else Tone.BETTER


def _because(verdict: Verdict) -> str:
    if verdict.word is Word.NO_LEAK:
        return NOT_SHOWN
    if verdict.word is Word.NO_CHANGE:
        return _excluded(verdict)
    if verdict.word is not Word.INCONCLUSIVE:
        return verdict.reason or ""
    return "; ".join(filter(None, [verdict.reason, settling(verdict)]))


def _excluded(verdict: Verdict) -> str:
    """What a verdict of no change excludes: differences from the margin up, and rare ones from some share up."""
    below = f"any true difference is below {number(verdict.margin)}"
    if verdict.paired is None:
        return below
    return f"{below}, unless in fewer than {share_not_excluded(verdict.paired.n):.0%} of trainings"


def _pair_because(verdict: Verdict) -> str:
    if verdict.reason:
        return verdict.reason
    if verdict.word is Word.NO_LEAK:
        return NOT_SHOWN
    if verdict.word is Word.INCONCLUSIVE:
        return "other records could show another sign"
    return f"less than {number(verdict.margin)} with other records, too" if verdict.word is Word.NO_CHANGE else ""
