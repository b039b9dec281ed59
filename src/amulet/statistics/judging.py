"""Verdicts from paired differences: increases, decreases, no meaningful change, or inconclusive."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache

from amulet.statistics.comparison import Comparison
from amulet.statistics.multiplicity import Bar, Correction, Evidence, one_family, screened_rows
from amulet.statistics.paired import Paired
from amulet.statistics.rare import FEWEST, share_not_excluded
from amulet.statistics.turned import BELOW_CHANCE
from amulet.statistics.verdicts import ALPHA, CHANGES, Verdict, Word


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
    the model on neither model, by one-sided t tests at alpha, a change is "no leak shown in either". Where the attack
    does worse than chance, a change also has to be shown of an attack that turns its answers round.

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
    return _judged(family, alpha, looks, _spreads(family), lambda cells: one_family(cells, alpha))


def screen(
    cells: Sequence[Comparison],
    rows: Sequence[str],
    alpha: float = ALPHA,
    looks: Sequence[int] = (),
    beside: Sequence[Comparison] = (),
) -> list[Verdict]:
    """Verdicts of rows that are looked through for those in which something happens.

    Each row is a family of its own, judged as `judge` does, but at the share of alpha that `share_of_level` gives for
    changes, and for "no meaningful change". Of the rows in which a change is found, at most alpha have one that is
    not there, on average, and likewise for "no meaningful change"; each row by itself has an error of either kind with
    a probability of at most alpha.

    Args:
        cells: the comparisons.
        rows: the row of each of them.
        alpha: the level of each of the two errors.
        looks: as of `judge`.
        beside: comparisons of other families of the same matrix, whose spreads are a floor under those of these.

    Returns:
        A verdict for each comparison, in the order given.

    Example:
        >>> cells = [Comparison((0.11, 0.10, 0.12), margin=0.02), Comparison((-0.1, 0.1, 0.0), margin=0.02)]
        >>> [verdict.word.value for verdict in screen(cells, ["robust", "fair"])]
        ['increases', 'inconclusive']
    """
    row_of = dict(enumerate(rows))
    return _judged(cells, alpha, looks, _spreads(cells, beside), lambda found: screened_rows(found, row_of, alpha))


def explore(cells: Sequence[Comparison], alpha: float = ALPHA, looks: Sequence[int] = ()) -> list[Verdict]:
    """As `judge`, each cell by itself. Exploratory: no correction for multiple comparisons.

    Example:
        >>> cells = [Comparison((0.11, 0.10, 0.12), margin=0.02), Comparison((-0.1, 0.1, 0.0), margin=0.02)]
        >>> [verdict.word.value for verdict in explore(cells)]
        ['increases', 'inconclusive']
    """
    spreads_at = _spreads(cells)
    return [_judged([cell], alpha, looks, spreads_at, lambda found: one_family(found, alpha))[0] for cell in cells]


def _judged(
    cells: Sequence[Comparison],
    alpha: float,
    looks: Sequence[int],
    spreads_at: "Callable[[int], _Spreads]",
    correction: Correction,
) -> list[Verdict]:
    """Verdicts at each look, by a correction for multiple comparisons that has the evidence times the number of looks.

    `spreads_at` has the spreads that are a floor under those of the cells, for a number of seeds.
    """
    stages = tuple(looks) or (max((len(cell.differences) for cell in cells), default=0),)
    decided = {place: _untested_verdict(cell) for place, cell in enumerate(cells) if cell.same}
    evidence = {place: Evidence(1.0, 1.0) for place, cell in enumerate(cells) if not cell.same}  # whatever the results
    for stage in stages:
        spreads = spreads_at(stage)
        tests = {
            place: cells[place].test(stage, spreads.beside(cells[place])) for place in evidence if place not in decided
        }
        evidence |= {place: _evidence(cells[place], test, stage, alpha, len(stages)) for place, test in tests.items()}
        bars = correction(evidence)
        for place, test in tests.items():
            verdict = _tested_verdict(cells[place], test, bars[place].at_one_of(len(stages)), alpha)
            verdict = _turned(verdict, cells[place], stage, alpha)
            if verdict.word in CHANGES and not evidence[place].shown:
                verdict = replace(verdict, word=Word.NO_LEAK)
            if verdict.settled or stage == stages[-1]:
                decided[place] = verdict
            if verdict.settled and verdict.word is not Word.NO_CHANGE:
                evidence[place] = replace(evidence[place], denial=1.0)
    return [decided[place] for place in range(len(cells))]


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


def _spreads(cells: Sequence[Comparison], beside: Sequence[Comparison] = ()) -> Callable[[int], _Spreads]:
    """By number of seeds, the spreads of the cells and of those of other families."""
    return cache(lambda seeds: _Spreads((*cells, *beside), seeds))


def _turned(verdict: Verdict, cell: Comparison, seeds: int, alpha: float) -> Verdict:
    """The verdict, with the reason why it is open if an attack below chance might turn its answers round."""
    open_yet = verdict.word is Word.INCONCLUSIVE and verdict.paired is not None and verdict.paired.p <= alpha
    return replace(verdict, reason=BELOW_CHANCE) if open_yet and cell.turned_p(seeds) > alpha else verdict


def _evidence(cell: Comparison, test: Paired | None, seeds: int, alpha: float, looks: int) -> Evidence:
    """The p-values of a cell, times the number of looks; 1 where there is no test, or no estimate of its error."""
    if test is None:
        return Evidence(1.0, 1.0)
    change = 1.0 if test.assumed_std == 0 else max(test.p, cell.turned_p(seeds))
    denial = test.p_beyond(cell.margin) if test.n >= FEWEST else 1.0
    return Evidence(min(1.0, looks * change), min(1.0, looks * denial), cell.shows_attack(seeds, alpha / looks))


def _untested_verdict(cell: Comparison) -> Verdict:
    if cell.same:
        return Verdict(Word.UNCHANGED, None, (0.0, 0.0), None, cell.margin)
    reason = "; ".join(filter(None, ["fewer than two seeds have both values", cell.lacking]))
    return Verdict.undefined(cell.margin, reason)


def _tested_verdict(cell: Comparison, test: Paired | None, bar: Bar, alpha: float) -> Verdict:
    if test is None:
        return _untested_verdict(cell)
    if test.assumed_std == 0 and test.mean != 0:
        no_error = "all seeds show exactly the same difference, so that its error cannot be judged"
        return Verdict(Word.INCONCLUSIVE, test, None, None, cell.margin, reason=no_error)
    if test.n >= FEWEST and test.within(cell.margin, 1 - bar.denial):
        return Verdict(Word.NO_CHANGE, test, test.interval(1 - bar.denial), bar.p, cell.margin, bar.denial)
    low, high = test.interval(1 - bar.shown)
    word, reason = Word.INCONCLUSIVE, None
    if test.within(cell.margin, 1 - bar.shown):
        reason = _too_few(test) if test.n < FEWEST else _NOT_DENIED
    elif bar.p <= alpha and test.mean > 0:
        word, low = Word.INCREASES, max(low, 0.0)
    elif bar.p <= alpha:
        word, high = Word.DECREASES, min(high, 0.0)
    return Verdict(word, test, (low, high), bar.p, cell.margin, bar.shown, reason)


_NOT_DENIED = "a change that matters is excluded for this row by itself, but not for all rows of the screening together"


def _too_few(test: Paired) -> str:
    """Why differences within the margin do not show that nothing changes."""
    found = "identical" if test.mean == test.std == 0 else "about the same"
    share = f"a change that happens in fewer than {share_not_excluded(test.n):.0%} of trainings"
    return f"{found} in all {test.n} seeds, which cannot exclude {share}"
