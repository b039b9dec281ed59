"""How often verdicts are wrong: matrices drawn from placebos, in which every difference is chance.

For each seed of a simulated matrix one draw of records is taken from a pool and, of the models trained on it, one at
random as the undefended one and others as the rows. Baseline and row can be swapped without changing how likely the
matrix is, so that the true mean of every difference is exactly zero, whatever the distribution of the metric.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray
from scipy import optimize, stats

from amulet.statistics.power import POWER, power_of_difference
from amulet.statistics.verdicts import ALPHA, Comparison, Verdict, Word, judge

Floats = NDArray[np.float64]
CHANGE: Final = frozenset({Word.INCREASES, Word.DECREASES})


@dataclass(frozen=True, eq=False)
class Pool:
    """Metrics of models that differ by their training seed alone.

    Attributes:
        values: (draws, models of each draw, metrics).
        margins: of each metric.
    """

    values: Floats
    margins: tuple[float, ...]

    @property
    def spread(self) -> Floats:
        """(metrics,) standard deviation of the difference between two models of one draw."""
        return np.asarray(np.sqrt(2 * self.values.var(axis=1, ddof=1).mean(axis=0)))


@dataclass(frozen=True)
class Design:
    """What is simulated: so many defended rows, looked at with so many seeds."""

    rows: int
    looks: tuple[int, ...]


@dataclass(frozen=True)
class Share:
    """How often something happened in n simulated matrices."""

    count: int
    n: int

    @property
    def value(self) -> float:
        """The share."""
        return self.count / self.n

    @property
    def interval(self) -> tuple[float, float]:
        """Clopper and Pearson's, of level 95%."""
        found = stats.binomtest(self.count, self.n).proportion_ci(0.95)
        return float(found.low), float(found.high)

    def exceeds(self, level: float) -> bool:
        """Whether a one-sided binomial test at 1% says that the true share is above `level`."""
        return bool(stats.binomtest(self.count, self.n, level, alternative="greater").pvalue < 0.01)

    def falls_below(self, level: float) -> bool:
        """Whether a one-sided binomial test at 1% says that the true share is below `level`."""
        return bool(stats.binomtest(self.count, self.n, level, alternative="less").pvalue < 0.01)


def false_changes(pool: Pool, design: Design, matrices: int, rng: Generator) -> Share:
    """Matrices without any effect in which some cell is said to increase or decrease: at most ALPHA is promised."""
    wrong = (any(v.word in CHANGE for v in judged) for judged in _judged(pool, design, matrices, rng))
    return Share(sum(wrong), matrices)


def false_denials(pool: Pool, design: Design, matrices: int, rng: Generator) -> Share:
    """Matrices in which every cell has a true effect as large as its margin, and some is denied: at most ALPHA."""
    planted = np.tile(pool.margins, (design.rows, 1))
    wrong = (
        any(v.word is Word.NO_CHANGE for v in judged)
        for judged in _judged(pool, design, matrices, rng, lambda: planted)
    )
    return Share(sum(wrong), matrices)


def found_effects(pool: Pool, design: Design, matrices: int, rng: Generator) -> Share:
    """Matrices in which one cell has an effect that POWER says is found so often, and it is found.

    The effect, its cell drawn at random, has the size at which a paired t test at Bonferroni's level and with the most
    seeds has that power; Holm's method can only find more. Margins are set to zero, so that a small effect
    is not called too small to matter.
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
    judged = _judged(sharp, design, matrices, rng, planted)
    found = (verdicts[place].word is Word.INCREASES for verdicts, place in zip(judged, chosen, strict=True))
    return Share(sum(found), matrices)


def detectable(std: float, n: int, alpha: float, power: float = POWER) -> float:
    """The mean difference that a two-sided paired t test of n pairs at level alpha finds with the given power."""

    def lacking(effect: float) -> float:
        return power_of_difference(effect * std, std, n, alpha) - power

    return float(optimize.brentq(lacking, 1e-3, 1e3, xtol=1e-6)) * std


def _judged(
    pool: Pool,
    design: Design,
    matrices: int,
    rng: Generator,
    planted: Callable[[], Floats] | None = None,
) -> Iterator[list[Verdict]]:
    """Verdicts of each simulated matrix, row by row; `planted` gives the (rows, metrics) effects added to it."""
    for _ in range(matrices):
        differences = _differences(pool, design, rng)
        if planted is not None:
            differences = differences + planted()
        yield judge(_family(differences, pool.margins), looks=design.looks)


def _differences(pool: Pool, design: Design, rng: Generator) -> Floats:
    """(seeds, rows, metrics): rows less baseline, the draws and the models of each taken without repetition."""
    draws, models, _ = pool.values.shape
    chosen = rng.permutation(draws)[: design.looks[-1]]
    order = rng.permuted(np.tile(np.arange(models), (len(chosen), 1)), axis=1)[:, : design.rows + 1]
    values = pool.values[chosen[:, None], order]
    return np.asarray(values[:, 1:] - values[:, :1])


def _family(differences: Floats, margins: Sequence[float]) -> list[Comparison]:
    _, rows, metrics = differences.shape
    return [
        Comparison(tuple(differences[:, row, metric].tolist()), margins[metric])
        for row in range(rows)
        for metric in range(metrics)
    ]
