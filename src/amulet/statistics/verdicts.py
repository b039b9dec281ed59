"""Verdicts from paired differences: increases, decreases, no meaningful change, or inconclusive."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from typing import Final

from amulet.statistics.multiplicity import holm
from amulet.statistics.paired import Paired, paired_t
from amulet.statistics.power import seeds_to_settle
from amulet.statistics.rare import FEWEST, share_not_excluded
from amulet.statistics.spread import least_std, sample_std, unpaired_std

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
class Comparison:
    """One cell of the matrix, to be judged.

    Attributes:
        differences: the metric of the defended minus that of the undefended model, for each seed; None for seeds where
            either is undefined.
        margin: the smallest difference that matters, in the metric's units.
        same: whether both models are the same model, so that no metric can differ.
        lacking: why differences are missing, where that is known; empty otherwise.
        values: the metric of the undefended and of the defended model, for each seed; empty where only the differences
            are known. Their spread is a floor under that of the differences.
        metric: what is measured. The spreads of comparisons of the same metric are a floor under each other's; those
            with an empty name stand by themselves.
        gains: by how much an attack beats its adversary without the model, for each seed: on the undefended and on the
            defended model; empty where there is no such adversary.
    """

    differences: tuple[float | None, ...]
    margin: float
    same: bool = False
    lacking: str = ""
    values: tuple[tuple[float | None, float | None], ...] = ()
    metric: str = ""
    gains: tuple[tuple[float | None, ...], ...] = ()

    def test(self, seeds: int, others: Sequence[float] = ()) -> Paired | None:
        """The paired t test over the first `seeds` seeds; None if fewer than two of them have a difference.

        Args:
            seeds: how many seeds to look at.
            others: the standard deviations of the differences of the same metric in other rows.
        """
        pairs = [(first, second) for first, second in self.values[:seeds] if first is not None and second is not None]
        unpaired = unpaired_std(*zip(*pairs, strict=True)) if len(pairs) > 1 else 0.0
        return paired_t(_known(self.differences[:seeds]), least_std(unpaired, others))

    def std(self, seeds: int) -> float | None:
        """The standard deviation of the differences of the first seeds; None if fewer than two have one."""
        known = _known(self.differences[:seeds])
        return None if self.same or len(known) < 2 else sample_std(known)

    def shows_attack(self, seeds: int, alpha: float) -> bool:
        """Whether the attack is shown to beat its adversary without the model on either model, by one-sided t tests."""
        tests = (paired_t(_known(gains[:seeds])) for gains in self.gains)
        return not self.gains or any(test is not None and test.interval(1 - 2 * alpha)[0] > 0 for test in tests)


def _known(values: Sequence[float | None]) -> list[float]:
    return [value for value in values if value is not None]


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


def judge(
    family: Sequence[Comparison],
    alpha: float = ALPHA,
    looks: Sequence[int] = (),
) -> list[Verdict]:
    """Verdicts of a family of comparisons.

    A cell has "no meaningful change" if its simultaneous interval (Bonferroni) lies within its margin, whatever its
    p-value, and there are enough seeds to exclude a change in 30% of all trainings; otherwise it "increases" or
    "decreases" if its adjusted p-value (Holm) is at most alpha; otherwise it is "inconclusive". Two kinds of errors are
    each kept at a probability of at most alpha over the whole family: a change that is not there, and "no meaningful
    change" where the true difference is at least the margin. Where the attack is shown to beat its adversary without
    the model on neither model, by one-sided t tests at alpha, a change is "no leak shown in either".

    With several looks at growing numbers of seeds, each look uses an equal share of alpha, and a cell keeps the verdict
    of the first look that decides it. Holm's test at a later look includes the cells that are already decided, with the
    p-values that they had when they were. Adjusted p-values are monotone in the p-values, so this is stricter than
    Holm's test of the smallest p-value of every cell times the number of looks, which keeps the level.

    Args:
        family: the comparisons that are judged together.
        alpha: the level of each of the two errors.
        looks: the numbers of seeds at which the data were looked at, in ascending order, the last being all of them; by
            default a single look at all seeds.

    Returns:
        A verdict for each comparison, in the order given.

    Example:
        >>> family = [
        ...     Comparison((0.11, 0.10, 0.12, 0.09, 0.10), margin=0.02),
        ...     Comparison((0.001, -0.001, 0.0, 0.001, -0.001) * 2, margin=0.02),
        ...     Comparison((0.10, -0.10, 0.05, -0.02, 0.03), margin=0.02),
        ... ]
        >>> [verdict.word.value for verdict in judge(family)]
        ['increases', 'no meaningful change', 'inconclusive']
    """
    return _judged(family, alpha, looks, lambda seeds: _Spreads(family, seeds))


def _judged(
    family: Sequence[Comparison], alpha: float, looks: Sequence[int], spreads_at: "Callable[[int], _Spreads]"
) -> list[Verdict]:
    """As `judge`; `spreads_at` has the spreads that are a floor under those of the family, for a number of seeds."""
    stages = tuple(looks) or (max((len(cell.differences) for cell in family), default=0),)
    counted = [place for place, cell in enumerate(family) if not cell.same]  # fixed beforehand, whatever the results
    level, gate = alpha / (len(stages) * max(1, len(counted))), alpha / len(stages)
    decided = {place: _untested_verdict(cell) for place, cell in enumerate(family) if cell.same}
    p_values = dict.fromkeys(counted, 1.0)
    for stage in stages:
        spreads = spreads_at(stage)
        tests = {
            place: family[place].test(stage, spreads.beside(family[place])) for place in counted if place not in decided
        }
        p_values |= {place: min(1.0, len(stages) * _p_value(test)) for place, test in tests.items()}
        adjusted = dict(zip(p_values, holm(list(p_values.values())), strict=True))
        judged = {
            place: _shown(
                _tested_verdict(family[place], test, adjusted[place], level, alpha), family[place], stage, gate
            )
            for place, test in tests.items()
        }
        decided |= {place: verdict for place, verdict in judged.items() if verdict.settled or stage == stages[-1]}
    return [decided[place] for place in range(len(family))]


def explore(cells: Sequence[Comparison], alpha: float = ALPHA, looks: Sequence[int] = ()) -> list[Verdict]:
    """As `judge`, each cell by itself. Exploratory: no correction for multiple comparisons.

    Example:
        >>> cells = [Comparison((0.11, 0.10, 0.12), margin=0.02), Comparison((-0.1, 0.1, 0.0), margin=0.02)]
        >>> [verdict.word.value for verdict in explore(cells)]
        ['increases', 'inconclusive']
    """
    spreads_at = cache(lambda seeds: _Spreads(cells, seeds))
    return [_judged([cell], alpha, looks, spreads_at)[0] for cell in cells]


class _Spreads:
    """The standard deviations of the differences of some comparisons over the first seeds."""

    def __init__(self, cells: Sequence[Comparison], seeds: int) -> None:
        self.found: dict[str, list[tuple[Comparison, float]]] = {}
        for cell in cells:
            std = cell.std(seeds) if cell.metric else None
            if std is not None:
                self.found.setdefault(cell.metric, []).append((cell, std))

    def beside(self, cell: Comparison) -> list[float]:
        """Those of the same metric in other rows."""
        return [std for other, std in self.found.get(cell.metric, []) if other is not cell]


def _shown(verdict: Verdict, cell: Comparison, seeds: int, alpha: float) -> Verdict:
    """The verdict, with "no leak shown in either" in place of a change if the attack is shown on neither model."""
    if verdict.word in CHANGES and not cell.shows_attack(seeds, alpha):
        return replace(verdict, word=Word.NO_LEAK)
    return verdict


def _p_value(test: Paired | None) -> float:
    """1 where there is no test, or no estimate of its error."""
    return 1.0 if test is None or test.assumed_std == 0 else test.p


def _untested_verdict(cell: Comparison) -> Verdict:
    if cell.same:
        return Verdict(Word.UNCHANGED, None, (0.0, 0.0), None, cell.margin)
    reason = "; ".join(filter(None, ["fewer than two seeds have both values", cell.lacking]))
    return Verdict(Word.UNDEFINED, None, None, None, cell.margin, reason=reason)


def _tested_verdict(cell: Comparison, test: Paired | None, p: float, level: float, alpha: float) -> Verdict:
    if test is None:
        return _untested_verdict(cell)
    if test.assumed_std == 0 and test.mean != 0:
        no_error = "all seeds show exactly the same difference, so that its error cannot be judged"
        return Verdict(Word.INCONCLUSIVE, test, None, None, cell.margin, reason=no_error)
    low, high = test.interval(1 - level)
    within = (-cell.margin < low and high < cell.margin) or test.assumed_std == 0
    reason = _too_few(test) if within and test.n < FEWEST else None
    if within and test.n >= FEWEST:
        word = Word.NO_CHANGE
    elif within:
        word = Word.INCONCLUSIVE
    elif p <= alpha and test.mean > 0:
        word, low = Word.INCREASES, max(low, 0.0)
    elif p <= alpha:
        word, high = Word.DECREASES, min(high, 0.0)
    else:
        word = Word.INCONCLUSIVE
    return Verdict(word, test, (low, high), p, cell.margin, level, reason)


def _too_few(test: Paired) -> str:
    """Why differences within the margin do not show that nothing changes."""
    found = "identical" if test.mean == test.std == 0 else "about the same"
    share = f"a change that happens in fewer than {share_not_excluded(test.n):.0%} of trainings"
    return f"{found} in all {test.n} seeds, which cannot exclude {share}"
