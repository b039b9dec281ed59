"""Error rates of the verdicts, by simulation from the differences that real defenses make.

A pool holds what many seeds measured on undefended and on defended models. Each cell is moved so that its mean over the
pool is known: zero, or the margin, or a planted effect. Seeds are then drawn with replacement, the same for all cells,
so that a simulated matrix has the skewness, the rare values, the ties and the dependence of the real one, while what is
true of it is known. Drawing with replacement repeats seeds, which makes small samples look less spread than they are:
the same simulation of normal differences (`normal_copy`) shows how much of an error rate is due to that.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Self

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from amulet.statistics.calibration import Design, Share
from amulet.statistics.comparison import Comparison
from amulet.statistics.judging import judge
from amulet.statistics.verdicts import CHANGES, Verdict, Word

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class DifferencePool:
    """What was measured on undefended and on defended models, over many seeds.

    Attributes:
        values: (cells, 2, seeds) the metric of the undefended and of the defended model.
        margins: (cells,) the smallest difference that matters.
        metrics: for each cell, what was measured.
        rows: for each cell, the label of the defended row.
    """

    values: Floats
    margins: Floats
    metrics: tuple[str, ...]
    rows: tuple[str, ...]

    @property
    def differences(self) -> Floats:
        """(cells, seeds) of the defended minus the undefended model."""
        return np.asarray(self.values[:, 1] - self.values[:, 0])

    def of_rows(self, count: int, rng: Generator) -> Self:
        """The cells of some of the rows, drawn at random; all if there are no more."""
        labels = sorted(set(self.rows))
        chosen = set(rng.permutation(labels)[:count].tolist())
        places = [place for place, row in enumerate(self.rows) if row in chosen]
        metrics, rows = (tuple(each[place] for place in places) for each in (self.metrics, self.rows))
        return replace(self, values=self.values[places], margins=self.margins[places], metrics=metrics, rows=rows)

    def normal_copy(self, rng: Generator) -> Self:
        """A pool of the same size, means, standard deviations and correlations whose values are normal."""
        cells, _, seeds = self.values.shape
        flat = self.values.reshape(2 * cells, seeds)
        mean, centred = flat.mean(1, keepdims=True), flat - flat.mean(1, keepdims=True)
        drawn = mean + centred @ rng.normal(size=(seeds, seeds)) / np.sqrt(seeds)
        return replace(self, values=drawn.reshape(cells, 2, seeds))


@dataclass(frozen=True)
class Rates:
    """How often something happened in simulated matrices.

    Attributes:
        families: in how many matrices it happened in any cell.
        metrics: for each metric, in how many cells it happened.
    """

    families: Share
    metrics: dict[str, Share]


def real_false_changes(pool: DifferencePool, design: Design, matrices: int, rng: Generator) -> Rates:
    """How often a cell without any true effect "increases" or "decreases".

    Args:
        pool: the measured differences; every cell is moved to a mean of zero.
        design: the number of rows, drawn at random for each matrix, and the looks.
        matrices: how many matrices are simulated.
        rng: the source of randomness.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> pool = DifferencePool(rng.normal(size=(4, 2, 40)), np.full(4, 0.1), ("auc",) * 4, tuple("abcd"))
        >>> real_false_changes(pool, Design(rows=2, looks=(10,)), matrices=20, rng=rng).families.n
        20
    """
    return _rates(pool, design, matrices, rng, lambda cells: np.zeros(len(cells.margins)), lambda v: v.word in CHANGES)


def real_false_denials(pool: DifferencePool, design: Design, matrices: int, rng: Generator) -> Rates:
    """How often a cell whose true effect equals its margin has "no meaningful change".

    Args:
        pool: the measured differences; every cell is moved to a mean of its margin.
        design: as of `real_false_changes`.
        matrices: how many matrices are simulated.
        rng: the source of randomness.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> pool = DifferencePool(rng.normal(size=(4, 2, 40)), np.full(4, 0.1), ("auc",) * 4, tuple("abcd"))
        >>> real_false_denials(pool, Design(rows=2, looks=(10,)), matrices=20, rng=rng).families.count
        0
    """
    return _rates(pool, design, matrices, rng, lambda cells: cells.margins, lambda v: v.word is Word.NO_CHANGE)


def real_found_effects(pool: DifferencePool, design: Design, matrices: int, rng: Generator, size: float) -> Share:
    """How often the one true effect of a matrix is found.

    Args:
        pool: the measured differences; one cell, drawn at random, is moved to a mean of `size` standard deviations and
            all others to zero. Margins are zero, so that no effect counts as too small to matter.
        design: as of `real_false_changes`.
        matrices: how many matrices are simulated.
        rng: the source of randomness.
        size: the effect in standard deviations of the differences.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> pool = DifferencePool(rng.normal(size=(4, 2, 40)), np.full(4, 0.1), ("auc",) * 4, tuple("abcd"))
        >>> real_found_effects(pool, Design(rows=2, looks=(10,)), 20, rng, size=3.0).value > 0.5
        True
    """
    found = 0
    for _ in range(matrices):
        cells = pool.of_rows(design.rows, rng)
        effects, place = np.zeros(len(cells.margins)), int(rng.integers(len(cells.margins)))
        effects[place] = size * cells.differences[place].std()
        sharp = replace(cells, margins=np.zeros(len(cells.margins)))
        found += (
            judge(comparisons_of(sharp, effects, design.looks[-1], rng), looks=design.looks)[place].word
            is Word.INCREASES
        )
    return Share(found, matrices)


def settled_as_asked(pool: DifferencePool, rows: int, seeds: int, matrices: int, rng: Generator) -> Share:
    """How many cells that are open after some seeds are settled by as many as their verdicts ask for.

    Cells keep the mean that they have in the pool. Those that ask for more than 1000 seeds are left out.

    Args:
        pool: the measured differences.
        rows: the number of rows of each matrix, drawn at random.
        seeds: the number of seeds at first.
        matrices: how many matrices are simulated; one of its open cells is followed up.
        rng: the source of randomness.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> pool = DifferencePool(rng.normal(size=(4, 2, 40)), np.full(4, 1.0), ("auc",) * 4, tuple("abcd"))
        >>> settled_as_asked(pool, rows=2, seeds=5, matrices=20, rng=rng).value > 0.8
        True
    """
    asked = settled = 0
    for _ in range(matrices):
        cells = pool.of_rows(rows, rng)
        state = int(rng.integers(2**31))
        first = _judged_again(cells, seeds, state)
        open_cells = [place for place, verdict in enumerate(first) if verdict.seeds_needed is not None]
        if open_cells:
            place = int(rng.choice(open_cells))
            more = first[place].seeds_needed
            asked += 1
            settled += more is not None and _judged_again(cells, more, state)[place].settled
    return Share(settled, max(1, asked))


def _judged_again(cells: DifferencePool, seeds: int, state: int) -> list[Verdict]:
    """Verdicts after so many seeds; with more, for the same state, the first ones are the same."""
    return judge(comparisons_of(cells, cells.differences.mean(1), seeds, np.random.default_rng(state)))


def _rates(
    pool: DifferencePool,
    design: Design,
    matrices: int,
    rng: Generator,
    planted: Callable[[DifferencePool], Floats],
    wrong: Callable[[Verdict], bool],
) -> Rates:
    families, cells_of = 0, dict.fromkeys(pool.metrics, 0)
    wrong_of = dict(cells_of)
    for cells, verdicts in _simulated(pool, design, matrices, rng, planted):
        events = [wrong(verdict) for verdict in verdicts]
        families += any(events)
        for metric, event in zip(cells.metrics, events, strict=True):
            cells_of[metric] += 1
            wrong_of[metric] += event
    return Rates(Share(families, matrices), {name: Share(wrong_of[name], max(1, n)) for name, n in cells_of.items()})


def _simulated(
    pool: DifferencePool, design: Design, matrices: int, rng: Generator, planted: Callable[[DifferencePool], Floats]
) -> Iterator[tuple[DifferencePool, list[Verdict]]]:
    for _ in range(matrices):
        cells = pool.of_rows(design.rows, rng)
        comparisons = comparisons_of(cells, planted(cells), design.looks[-1], rng)
        yield cells, judge(comparisons, looks=design.looks)


def comparisons_of(cells: DifferencePool, means: Floats, seeds: int, rng: Generator) -> list[Comparison]:
    """Cells with these true means over seeds that are drawn with replacement, the same for all cells.

    Args:
        cells: the measured differences.
        means: (cells,) the true means.
        seeds: how many seeds are drawn.
        rng: the source of randomness.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> pool = DifferencePool(rng.normal(size=(4, 2, 40)), np.full(4, 0.1), ("auc",) * 4, tuple("abcd"))
        >>> [comparison] = comparisons_of(pool.of_rows(1, rng), np.array([5.0]), seeds=10, rng=rng)
        >>> len(comparison.differences), sum(comparison.differences) > 20
        (10, True)
    """
    drawn = rng.integers(cells.values.shape[2], size=seeds)
    before, moved = cells.values[:, 0, drawn], (means - cells.differences.mean(1))[:, None]
    after = cells.values[:, 1, drawn] + moved
    return [
        Comparison(
            tuple((after[place] - before[place]).tolist()),
            float(cells.margins[place]),
            values=tuple(zip(before[place].tolist(), after[place].tolist(), strict=True)),
            metric=cells.metrics[place],
        )
        for place in range(len(cells.metrics))
    ]
