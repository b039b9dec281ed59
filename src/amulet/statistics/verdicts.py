"""From paired differences to words: increases, decreases, no meaningful change, inconclusive."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from amulet.statistics.multiplicity import holm
from amulet.statistics.paired import Paired, paired_t
from amulet.statistics.power import seeds_to_settle

ALPHA = 0.05


class Word(StrEnum):
    """What a defense does to a metric."""

    INCREASES = "increases"
    DECREASES = "decreases"
    NO_CHANGE = "no meaningful change"
    INCONCLUSIVE = "inconclusive"
    UNCHANGED = "unchanged by construction"
    UNDEFINED = "undefined"


@dataclass(frozen=True)
class Comparison:
    """One cell to judge.

    Attributes:
        differences: defended minus undefended, seed by seed; those where either is undefined left out.
        margin: differences smaller than this do not matter, in the metric's units.
        same: whether both models are one and the same, so that nothing can differ.
    """

    differences: tuple[float, ...]
    margin: float
    same: bool = False


@dataclass(frozen=True)
class Verdict:
    """What is said of one cell, and on what grounds.

    Attributes:
        word: the verdict.
        paired: the test, None where there is nothing to test.
        interval: that covers, together with those of the whole family, all true differences with
            probability 1 - alpha; for exploratory cells each covers its own. Where Holm's test finds a
            direction that Bonferroni's interval leaves open, it ends at zero (Guilbaud 2008,
            https://doi.org/10.1002/bimj.200710464).
        p: Holm-adjusted over the family; as it is for exploratory cells.
        margin: as given.
        level: one minus the probability with which the interval alone covers its true difference.
        reason: why there is no verdict, where there is none.
    """

    word: Word
    paired: Paired | None
    interval: tuple[float, float] | None
    p: float | None
    margin: float
    level: float = ALPHA
    reason: str | None = None

    @property
    def seeds_needed(self) -> int | None:
        """For an inconclusive cell, seeds that would settle it; None where up to 1000 would not."""
        if self.word is not Word.INCONCLUSIVE or self.paired is None or self.reason is not None:
            return None
        return seeds_to_settle(self.paired, self.margin, self.level)


def judge(family: Sequence[Comparison], alpha: float = ALPHA) -> list[Verdict]:
    """Verdicts of a family of comparisons.

    The chance that any cell is said to increase or decrease which does not is at most alpha, and so is the
    chance that any is said not to change meaningfully which does. A cell whose simultaneous interval
    (Bonferroni) lies within its margin shows no meaningful change, whatever its p-value; else one with an
    adjusted p-value (Holm) of at most alpha increases or decreases; else it is inconclusive.
    """
    tests = [None if cell.same else paired_t(cell.differences) for cell in family]
    testable = [place for place, test in enumerate(tests) if test is not None and (test.std > 0 or test.mean == 0)]
    adjusted = dict(zip(testable, holm([_p(tests[place]) for place in testable]), strict=True))
    level = alpha / max(1, len(testable))
    return [_judged(cell, tests[place], adjusted.get(place), level, alpha) for place, cell in enumerate(family)]


def explore(cells: Sequence[Comparison], alpha: float = ALPHA) -> list[Verdict]:
    """Each cell judged by itself: to find questions, not to answer them."""
    return [judge([cell], alpha)[0] for cell in cells]


def _p(test: Paired | None) -> float:
    return 1.0 if test is None else test.p


def _judged(cell: Comparison, test: Paired | None, p: float | None, level: float, alpha: float) -> Verdict:
    if cell.same:
        return Verdict(Word.UNCHANGED, None, (0.0, 0.0), None, cell.margin)
    if test is None:
        return Verdict(Word.UNDEFINED, None, None, None, cell.margin, reason="fewer than two seeds have both values")
    if p is None:
        reason = "all seeds show exactly the same difference, so that its error cannot be judged"
        return Verdict(Word.INCONCLUSIVE, test, None, None, cell.margin, reason=reason)
    low, high = test.interval(1 - level)
    if -cell.margin < low and high < cell.margin:
        word = Word.NO_CHANGE
    elif p <= alpha and test.mean > 0:
        word, low = Word.INCREASES, max(low, 0.0)
    elif p <= alpha:
        word, high = Word.DECREASES, min(high, 0.0)
    else:
        word = Word.INCONCLUSIVE
    return Verdict(word, test, (low, high), p, cell.margin, level)
