"""Verdicts on what a defense does to a metric: the words, and the numbers that they follow from."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from amulet.statistics.paired import Paired
from amulet.statistics.power import seeds_to_settle

ALPHA = 0.05
"""The default level of tests and of simultaneous intervals."""


class Word(StrEnum):
    """The verdict on what a defense does to a metric."""

    INCREASES = "increases"
    DECREASES = "decreases"
    NO_CHANGE = "no meaningful change"
    NO_LEAK = "no leak shown in either"
    INCONCLUSIVE = "inconclusive"
    UNCHANGED = "unchanged by construction"
    UNDEFINED = "undefined"
    NOT_INTERPRETABLE = "not interpretable"


CHANGES: Final = frozenset({Word.INCREASES, Word.DECREASES})
"""The words of a change."""


@dataclass(frozen=True)
class Verdict:
    """The verdict on one cell, with the numbers that it follows from.

    Attributes:
        word: the verdict.
        paired: the t test; None if there is nothing to test.
        interval: the confidence interval of the true difference. The intervals of a family are simultaneous: they
            cover all true differences with probability 1 - alpha. For exploratory cells each covers its own true
            difference with that probability. Where Holm's test finds a direction but Bonferroni's interval includes
            zero, the interval is cut off at zero (Guilbaud 2008, https://doi.org/10.1002/bimj.200710464).
        p: the p-value, Holm-adjusted over the family; not adjusted for exploratory cells.
        margin: the smallest difference that matters, as it was given.
        level: one minus the probability with which this interval alone covers its true difference.
        reason: why the cell could not be judged; None if it could.
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
        """Whether the cell is decided, so that it needs no more seeds."""
        return self.word not in {Word.INCONCLUSIVE, Word.UNDEFINED, Word.NOT_INTERPRETABLE}

    @property
    def seeds_needed(self) -> int | None:
        """The number of seeds that would decide an inconclusive cell; None for others, and if 1000 would not do."""
        if self.word is not Word.INCONCLUSIVE or self.paired is None or self.interval is None:
            return None
        return seeds_to_settle(self.paired, self.margin, self.level)
