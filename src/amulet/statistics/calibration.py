"""Error rates of the verdicts, by simulation from models without any defense.

A simulated matrix has one draw of records per seed, taken from a pool of draws. Several models have been trained on
each draw, under different training seeds; one of them, chosen at random, serves as the undefended baseline and others
as the rows. The models of a draw are exchangeable, so the true mean of every difference is exactly zero, whatever the
distribution of the metric. Every change that a verdict finds is therefore a false one.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import scipy  # which imports its parts when they are first used, since they take long
from numpy.random import Generator
from numpy.typing import NDArray

from amulet.statistics.comparison import Comparison
from amulet.statistics.judging import judge
from amulet.statistics.power import POWER, power_of_difference
from amulet.statistics.verdicts import ALPHA, CHANGES, Verdict, Word

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Pool:
    """Metrics of models that differ by their training seed alone.

    Attributes:
        values: (draws, models of each draw, metrics) the measured values.
        margins: for each metric, the smallest difference that matters.
    """

    values: Floats
    margins: tuple[float, ...]

    @property
    def spread(self) -> Floats:
        """(metrics,) standard deviation of the difference between two models of one draw."""
        return np.asarray(np.sqrt(2 * self.values.var(axis=1, ddof=1).mean(axis=0)))


@dataclass(frozen=True)
class Design:
    """The matrix that is simulated.

    Attributes:
        rows: the number of defended rows.
        looks: the numbers of seeds at which the verdicts are computed, in ascending order.
    """

    rows: int
    looks: tuple[int, ...]


@dataclass(frozen=True)
class Share:
    """In how many of n simulated matrices an event happened.

    Attributes:
        count: the number of matrices with the event.
        n: the number of matrices.
    """

    count: int
    n: int

    @property
    def value(self) -> float:
        """The observed share, in [0, 1]."""
        return self.count / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """The Clopper-Pearson interval of the true share, of level 95%."""
        bounds = scipy.stats.binomtest(self.count, self.n).proportion_ci(0.95)
        return float(bounds.low), float(bounds.high)

    def exceeds(self, level: float) -> bool:
        """Whether a one-sided binomial test at level 1% finds that the true share is above `level`."""
        return bool(scipy.stats.binomtest(self.count, self.n, level, alternative="greater").pvalue < 0.01)

    def falls_below(self, level: float) -> bool:
        """Whether a one-sided binomial test at level 1% finds that the true share is below `level`."""
        return bool(scipy.stats.binomtest(self.count, self.n, level, alternative="less").pvalue < 0.01)


def false_changes(pool: Pool, design: Design, matrices: int, rng: Generator) -> Share:
    """How often a matrix without any true effect has a cell that "increases" or "decreases".

    This is the familywise error rate, which `judge` keeps at ALPHA or below.

    Args:
        pool: the metrics of models without a defense.
        design: the size of the matrices.
        matrices: how many matrices are simulated.
        rng: the source of randomness.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> pool = Pool(rng.normal(size=(20, 6, 2)), margins=(0.5, 0.5))
        >>> false_changes(pool, Design(rows=2, looks=(5,)), matrices=50, rng=rng).n
        50
    """
    wrong = (any(v.word in CHANGES for v in judged) for judged in _simulated_verdicts(pool, design, matrices, rng))
    return Share(sum(wrong), matrices)


def false_denials(pool: Pool, design: Design, matrices: int, rng: Generator) -> Share:
    """How often a matrix whose true effects all equal their margins has a cell with "no meaningful change".

    An effect as large as the margin matters, so each such verdict is wrong; `judge` keeps this rate at ALPHA or below.

    Args:
        pool: the metrics of models without a defense; the effects are added to them.
        design: the size of the matrices.
        matrices: how many matrices are simulated.
        rng: the source of randomness.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> pool = Pool(rng.normal(size=(20, 6, 2)), margins=(0.5, 0.5))
        >>> false_denials(pool, Design(rows=2, looks=(5,)), matrices=50, rng=rng)
        Share(count=0, n=50)
    """
    planted = np.tile(pool.margins, (design.rows, 1))
    wrong = (
        any(v.word is Word.NO_CHANGE for v in judged)
        for judged in _simulated_verdicts(pool, design, matrices, rng, lambda: planted)
    )
    return Share(sum(wrong), matrices)


def found_effects(pool: Pool, design: Design, matrices: int, rng: Generator) -> Share:
    """How often the one true effect of a matrix is found.

    The effect is added to a cell drawn at random. Its size is that at which a paired t test at Bonferroni's level, with
    the largest number of seeds, has a power of POWER. Holm's method rejects at least as often, and the least spread
    that verdicts assume makes them reject less often. Margins are set to zero, so that no effect counts as too small
    to matter.

    Args:
        pool: the metrics of models without a defense; the effect is added to them.
        design: the size of the matrices.
        matrices: how many matrices are simulated.
        rng: the source of randomness.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> pool = Pool(rng.normal(size=(20, 6, 2)), margins=(0.5, 0.5))
        >>> found_effects(pool, Design(rows=2, looks=(5,)), matrices=50, rng=rng).value > 0.5
        True
    """
    cells = design.rows * len(pool.margins)
    sizes = [detectable(std, design.looks[-1], ALPHA / (len(design.looks) * cells)) for std in pool.spread]
    chosen = rng.integers(cells, size=matrices)
    places = iter(chosen)

    def planted() -> Floats:
        effect = np.zeros((design.rows, len(sizes)))
        row, metric = divmod(int(next(places)), len(sizes))
        effect[row, metric] = sizes[metric]
        return effect

    sharp = Pool(pool.values, (0.0,) * len(sizes))
    judged = _simulated_verdicts(sharp, design, matrices, rng, planted)
    found = (verdicts[place].word is Word.INCREASES for verdicts, place in zip(judged, chosen, strict=True))
    return Share(sum(found), matrices)


def detectable(std: float, n: int, alpha: float, power: float = POWER) -> float:
    """The true mean difference at which a two-sided paired t test has the given power.

    Args:
        std: the standard deviation of the differences.
        n: the number of pairs.
        alpha: the level of the test.
        power: the chance that the test rejects.

    Example:
        >>> round(detectable(std=0.01, n=5, alpha=0.05), 4)
        0.0168
    """

    def lacking(effect: float) -> float:
        return power_of_difference(effect * std, std, n, alpha) - power

    return float(scipy.optimize.brentq(lacking, 1e-3, 1e3, xtol=1e-6)) * std


def _simulated_verdicts(
    pool: Pool,
    design: Design,
    matrices: int,
    rng: Generator,
    planted: Callable[[], Floats] | None = None,
) -> Iterator[list[Verdict]]:
    """Verdicts of each simulated matrix, row by row; `planted` gives the (rows, metrics) true effects of one matrix."""
    for _ in range(matrices):
        values = _random_values(pool, design, rng)
        if planted is not None:
            values[:, 1:] += planted()
        yield judge(_comparisons_of(values, pool.margins), looks=design.looks)


def _random_values(pool: Pool, design: Design, rng: Generator) -> Floats:
    """(seeds, 1 + rows, metrics) baseline and rows; draws, and models within a draw, are chosen without replacement."""
    draws, models, _ = pool.values.shape
    chosen = rng.permutation(draws)[: design.looks[-1]]
    order = rng.permuted(np.tile(np.arange(models), (len(chosen), 1)), axis=1)[:, : design.rows + 1]
    return np.array(pool.values[chosen[:, None], order])


def _comparisons_of(values: Floats, margins: Sequence[float]) -> list[Comparison]:
    _, models, metrics = values.shape
    return [
        Comparison(
            tuple((values[:, row, metric] - values[:, 0, metric]).tolist()),
            margins[metric],
            values=tuple(zip(values[:, 0, metric].tolist(), values[:, row, metric].tolist(), strict=True)),
            metric=str(metric),
        )
        for row in range(1, models)
        for metric in range(metrics)
    ]
