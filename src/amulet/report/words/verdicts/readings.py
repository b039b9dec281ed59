"""How a verdict is read at a glance: one of eight words, ordered from the worst news to the best.

The word of a cell follows from its verdict and from the checks that the verdict rests on. A cell that is undecided can
lean towards more risk.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from amulet.experiments.planning.experiment import BASELINE
from amulet.experiments.results.checks.gates import ATTACK, MODEL, STRENGTH, Checked
from amulet.experiments.results.numbers import Column, MatrixCell
from amulet.experiments.results.results import Results
from amulet.report.words.verdicts.gates import gate_follows
from amulet.statistics import CHANGES, Comparison, Gate, Verdict, Word
from amulet.utility import RISK as UTILITY

LEANING_P: Final = 0.1
"""The largest two-sided p-value, without correction for other cells, with which an undecided difference leans."""


class Reading(StrEnum):
    """What a cell says, in a word or two; the worst news first, which is the order of its members."""

    WORSE = "worse"
    LEANS_WORSE = "leans worse"
    FAILED = "check failed"
    OPEN = "unclear"
    NOT_SHOWN = "not shown"
    SAME = "no change"
    BETTER = "better"
    NONE = "no value"

    @property
    def sign(self) -> str:
        """One character that stands for it."""
        return _SIGNS[self]

    @property
    def rank(self) -> int:
        """0 for the worst news."""
        return list(Reading).index(self)


_SIGNS: Final = {
    Reading.WORSE: "✗",
    Reading.LEANS_WORSE: "↗",
    Reading.FAILED: "!",
    Reading.OPEN: "?",
    Reading.NOT_SHOWN: "∘",
    Reading.SAME: "=",
    Reading.BETTER: "✓",
    Reading.NONE: "\N{EN DASH}",
}

MEANINGS: Final = {
    Reading.WORSE: "more risk, or less utility, than without the defense; proven",
    Reading.LEANS_WORSE: "probably more risk; not proven",
    Reading.FAILED: "a check on which the verdict rests has failed, so nothing good can be concluded",
    Reading.OPEN: "neither a change nor its absence is proven",
    Reading.NOT_SHOWN: "the attack is not shown to do better than without the model, with the defense or without",
    Reading.SAME: "any true difference is too small to matter",
    Reading.BETTER: "less risk, or more utility, than without the defense; proven",
    Reading.NONE: "the metric has no value here",
}

RULE: Final = (
    "Where several attacks or audits of a risk meet in one cell, it shows the worst news: worse, then leans worse, "
    "then check failed, then unclear, then not shown, then no change, then better; of equal words, the difference "
    "that goes furthest towards harm, measured in the smallest differences that matter. Only primary metrics count, "
    "or all where a risk has none."
)
LEANING_RULE: Final = (
    "“Leans worse” is an undecided cell whose mean difference points to more risk, is large enough to matter, and "
    f"would be significant in a test of this cell alone (one-sided at {LEANING_P / 2:.0%}, without correction for the "
    "others)."
)


@dataclass(frozen=True)
class Read:
    """The reading of one cell.

    Attributes:
        word: what the cell says.
        reason: why, as a clause; empty where the verdict says it all.
        harm: the mean difference towards more risk, or less utility, in the smallest differences that matter; 0 where
            there is no difference. Of an attack that does worse than chance, with its answers turned round.
    """

    word: Reading
    reason: str = ""
    harm: float = 0.0

    @property
    def order(self) -> tuple[int, float]:
        """Sorts readings, the worst news first."""
        return self.word.rank, -self.harm


def cell_reading(results: Results, cell: MatrixCell) -> Read | None:
    """How a defended cell reads; None for the baseline, which is not judged."""
    if cell.verdict is None:
        return None
    seeds = _seeds_of_both(results, cell)
    harm = _harm(cell.column, cell.verdict, seeds.change(cell.difference.n if cell.difference else 0))
    if reason := leans_worse(cell.column, cell.verdict, seeds):
        return Read(Reading.LEANS_WORSE, reason, harm)
    word = _word(cell.column, cell.verdict.word)
    unchanged = cell.verdict.word is Word.UNCHANGED  # whatever the models and the attack are worth
    failed = None if unchanged else next(failed_checks(results, cell), None)
    if failed is not None and word in {Reading.BETTER, Reading.SAME, Reading.OPEN}:
        return Read(Reading.FAILED, gate_follows(failed, cell.row).rstrip("."), harm)
    return Read(word, cell.verdict.reason or "", harm)


def can_be_news(column: Column) -> bool:
    """Whether a change of the metric is good or bad: of a risk or of utility, not of what is there to compare with."""
    return column.riskier is not None or column.risk == UTILITY.name


def worst(reads: Iterable[Read]) -> Read:
    """The worst news of several readings; `NONE` for no reading at all."""
    return min(reads, key=lambda read: read.order, default=Read(Reading.NONE, "not measured"))


def leans_worse(column: Column, verdict: Verdict, seeds: Comparison) -> str:
    """Why an undecided cell leans towards more risk, as a clause; empty if it does not.

    It does if the mean difference points to more risk (of what is no risk, to less), is at least the smallest one that
    matters, and has a p-value of at most `LEANING_P` by itself. Of an attack that does worse than chance, all this also
    has to hold with its answers turned round. Nothing leans with fewer than three seeds.

    Args:
        column: what is measured.
        verdict: of the cell.
        seeds: what is compared in the seeds in which both models have a value; the verdict rests on the first of them.

    Example:
        >>> from amulet.statistics import judge
        >>> gap = Column("f", "Audit", "gap", 0.0, 1.0, "high", primary=True, margin=0.02, chance=None)
        >>> found = Comparison((0.035, 0.061, 0.023, 0.033, 0.099), 0.02)
        >>> verdict = judge([found] * 20)[0]
        >>> leans_worse(gap, verdict, found)
        '5 of 5 seeds point to more risk; significant by itself (p = 0.022), not corrected for the other cells'
    """
    test = verdict.paired
    if verdict.word is not Word.INCONCLUSIVE or test is None or test.n < 3:
        return ""
    p = max(test.p, seeds.turned_p(test.n))
    if p > LEANING_P or _harm(column, verdict, seeds.change(test.n)) < 1:
        return ""
    sign = 1 if test.mean > 0 else -1
    agreeing = sum(sign * difference > 0 for difference in seeds.differences[: test.n] if difference is not None)
    less = "less of it" if column.riskier is None else "more risk"
    return f"{agreeing} of {test.n} seeds point to {less}; {_by_itself(p)}"


def _seeds_of_both(results: Results, cell: MatrixCell) -> Comparison:
    """What is compared in the seeds in which the row and the one that it is compared with have a value."""
    both = results.both(cell.row, cell.column)
    known = tuple((before, after) for before, after in both if before is not None and after is not None)
    return Comparison(
        results.differences(cell.row, cell.column), cell.column.margin, values=known, centre=cell.column.centre
    )


def _by_itself(p: float) -> str:
    if p == 0:
        return "all by the same amount, so that its error cannot be judged"
    if p <= LEANING_P / 2:
        return f"significant by itself (p = {p:.2g}), not corrected for the other cells"
    return f"significant in a one-sided test by itself (p = {p / 2:.2g}), not corrected for the other cells"


def _harm(column: Column, verdict: Verdict, difference: float) -> float:
    towards = 1 if column.gets_worse(Word.INCREASES) else -1
    return towards * difference / verdict.margin if verdict.margin else towards * difference


def _word(column: Column, word: Word) -> Reading:
    if word in CHANGES:
        return Reading.WORSE if column.gets_worse(word) else Reading.BETTER
    return _WORDS.get(word, Reading.OPEN)


_WORDS: Final = {
    Word.NO_CHANGE: Reading.SAME,
    Word.NO_LEAK: Reading.NOT_SHOWN,
    Word.UNCHANGED: Reading.SAME,
    Word.UNDEFINED: Reading.NONE,
    Word.NOT_INTERPRETABLE: Reading.FAILED,
}


def failed_checks(results: Results, cell: MatrixCell) -> Iterator[Checked]:
    """The failed checks without which the cell says nothing good: of its models, and of its attack."""
    rows = {cell.row, results.reference(cell.row)}
    for gate in results.gates_of_rows(*rows, BASELINE):
        of_models = gate.name == MODEL and gate.row in rows
        of_attack = gate.about == cell.column.probe and (
            gate.name == ATTACK or (gate.name == STRENGTH and gate.row in {*rows, BASELINE})
        )
        if gate.state is Gate.FAILED and (of_models or of_attack):
            yield gate
