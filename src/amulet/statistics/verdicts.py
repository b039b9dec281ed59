"""From paired differences to words: increases, decreases, no meaningful change, inconclusive."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from amulet.statistics.multiplicity import holm
from amulet.statistics.paired import Paired, paired_t
from amulet.statistics.power import seeds_to_settle

ALPHA = 0.05
ROUNDING = 1e-12
"""Differences no larger are zero."""


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
        differences: defended minus undefended, seed by seed; None where either is undefined.
        margin: differences smaller than this do not matter, in the metric's units.
        same: whether both models are one and the same, so that nothing can differ.
    """

    differences: tuple[float | None, ...]
    margin: float
    same: bool = False

    def test(self, seeds: int) -> Paired | None:
        """Over the first `seeds` seeds; None where fewer than two of them have a difference."""
        return paired_t([value for value in self.differences[:seeds] if value is not None])


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
    def settled(self) -> bool:
        """Whether more seeds are not called for."""
        return self.word not in {Word.INCONCLUSIVE, Word.UNDEFINED}

    @property
    def seeds_needed(self) -> int | None:
        """For an inconclusive cell, seeds that would settle it; None where up to 1000 would not."""
        if self.word is not Word.INCONCLUSIVE or self.paired is None or self.reason is not None:
            return None
        return seeds_to_settle(self.paired, self.margin, self.level)


def judge(family: Sequence[Comparison], alpha: float = ALPHA, looks: Sequence[int] = ()) -> list[Verdict]:
    """Verdicts of a family of comparisons.

    The chance that any cell is said to increase or decrease which does not is at most alpha, and so is the
    chance that any is said not to change meaningfully which does. A cell whose simultaneous interval
    (Bonferroni) lies within its margin shows no meaningful change, whatever its p-value; else one with an
    adjusted p-value (Holm) of at most alpha increases or decreases; else it is inconclusive.

    With several `looks`, numbers of seeds in ascending order, each look has an equal share of alpha, and a cell
    keeps the verdict of the first look that decides it. Holm's test at a look takes the cells decided before with
    the p-values that they had then: adjusted p-values only fall as p-values do, so that this is stricter than
    Holm's test of every cell's smallest p-value times the number of looks, which keeps the level.

    Args:
        family: all that is judged together.
        alpha: the level of each of the two errors.
        looks: when the data were looked at, the last at the most seeds; by default once, at all of them.
    """
    stages = tuple(looks) or (max((len(cell.differences) for cell in family), default=0),)
    counted = [place for place, cell in enumerate(family) if not cell.same]  # by design: no result changes the family
    level = alpha / (len(stages) * max(1, len(counted)))
    found = {place: _untested(cell) for place, cell in enumerate(family) if cell.same}
    p_values = dict.fromkeys(counted, 1.0)
    for stage in stages:
        tests = {place: family[place].test(stage) for place in counted if place not in found}
        p_values |= {place: min(1.0, len(stages) * _p(test)) for place, test in tests.items()}
        adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
        judged = {place: _judged(family[place], test, adjusted[place], level, alpha) for place, test in tests.items()}
        found |= {place: verdict for place, verdict in judged.items() if verdict.settled or stage == stages[-1]}
    return [found[place] for place in range(len(family))]


def explore(cells: Sequence[Comparison], alpha: float = ALPHA, looks: Sequence[int] = ()) -> list[Verdict]:
    """Each cell judged by itself. Exploratory: no correction for multiple comparisons."""
    return [judge([cell], alpha, looks)[0] for cell in cells]


def _p(test: Paired | None) -> float:
    return 1.0 if test is None or test.std == 0 else test.p


def _without_error(test: Paired) -> bool:
    """Whether all differences are one number other than zero, which no t test can judge."""
    return test.std == 0 and not _nothing(test)


def _nothing(test: Paired) -> bool:
    """Whether all differences are zero, but for rounding."""
    return test.std == 0 and abs(test.mean) <= ROUNDING


def _untested(cell: Comparison) -> Verdict:
    if cell.same:
        return Verdict(Word.UNCHANGED, None, (0.0, 0.0), None, cell.margin)
    return Verdict(Word.UNDEFINED, None, None, None, cell.margin, reason="fewer than two seeds have both values")


def _judged(cell: Comparison, test: Paired | None, p: float, level: float, alpha: float) -> Verdict:
    if test is None:
        return _untested(cell)
    if _without_error(test):
        reason = "all seeds show exactly the same difference, so that its error cannot be judged"
        return Verdict(Word.INCONCLUSIVE, test, None, None, cell.margin, reason=reason)
    low, high = test.interval(1 - level)
    if _nothing(test) or (-cell.margin < low and high < cell.margin):
        word = Word.NO_CHANGE
    elif p <= alpha and test.mean > 0:
        word, low = Word.INCREASES, max(low, 0.0)
    elif p <= alpha:
        word, high = Word.DECREASES, min(high, 0.0)
    else:
        word = Word.INCONCLUSIVE
    return Verdict(word, test, (low, high), p, cell.margin, level)
