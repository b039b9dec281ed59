"""Verdicts on what a defense does to a metric: the words, and the numbers that they follow from."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final, Self

from amulet.statistics.paired import Paired
from amulet.statistics.power import FEWEST_TO_SAY, seeds_to_settle
from amulet.statistics.turned import BELOW_CHANCE

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

    @classmethod
    def undefined(cls, margin: float, reason: str) -> Self:
        """The verdict on a cell that cannot be judged."""
        return cls(Word.UNDEFINED, None, None, None, margin, reason=reason)

    @property
    def settled(self) -> bool:
        """Whether the cell is decided, so that it needs no more seeds."""
        return self.word not in {Word.INCONCLUSIVE, Word.UNDEFINED, Word.NOT_INTERPRETABLE}

    @property
    def seeds_may_settle(self) -> bool:
        """Whether it is a matter of seeds that the cell is inconclusive, and there are enough to say of how many."""
        return self._waits_for_seeds and not self.too_few_seeds

    @property
    def too_few_seeds(self) -> bool:
        """Whether it is inconclusive over so few seeds that they do not say how many would decide it."""
        return self._waits_for_seeds and self.paired is not None and self.paired.n < FEWEST_TO_SAY

    @property
    def seeds_needed(self) -> int | None:
        """The number of seeds that would decide an inconclusive cell.

        None for others, where there are too few seeds to say, and if 1000 would not do.
        """
        if self.paired is None or not self.seeds_may_settle:
            return None
        return seeds_to_settle(self.paired, self.margin, self.level)

    @property
    def _waits_for_seeds(self) -> bool:
        tested = self.paired is not None and self.interval is not None
        return self.word is Word.INCONCLUSIVE and tested and self.reason != BELOW_CHANCE
