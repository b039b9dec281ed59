"""Error rates of rows that are screened, by simulation from the differences that real defenses make."""

from dataclasses import replace
from typing import Final

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from amulet.statistics.calibration import Design
from amulet.statistics.difference_pool import DifferencePool, comparisons_of
from amulet.statistics.judging import screen
from amulet.statistics.verdicts import CHANGES, Word

FOUND: Final = 20.0
"""The size of a planted effect in standard deviations of the differences, which five seeds find."""


def real_false_rows(
    pool: DifferencePool, design: Design, matrices: int, rng: Generator, changing: float
) -> NDArray[np.float64]:
    """Of the rows in which a change is found, the share with one that is not there.

    Args:
        pool: the measured differences; every cell is moved to a mean of zero, but for one, drawn at random, of each row
            in which something changes, which is moved to a mean of `FOUND` standard deviations.
        design: the number of rows, drawn at random for each matrix, and the looks.
        matrices: how many matrices are simulated.
        rng: the source of randomness.
        changing: the probability of a row that something changes in it, in [0, 1].

    Returns:
        (matrices,) the share in each matrix, 0 where no change is found. `screen` keeps its mean at alpha or below.

    Example:
        >>> rng = np.random.default_rng(0)
        >>> pool = DifferencePool(rng.normal(size=(4, 2, 40)), np.full(4, 0.1), ("auc",) * 4, tuple("abcd"))
        >>> float(real_false_rows(pool, Design(rows=2, looks=(10,)), 20, rng, changing=1.0).mean())
        0.0
    """
    return np.array([_false_share(pool.of_rows(design.rows, rng), design, rng, changing) for _ in range(matrices)])


def _false_share(cells: DifferencePool, design: Design, rng: Generator, changing: float) -> float:
    effects = np.zeros(len(cells.rows))
    for row in sorted(set(cells.rows)):
        places = [place for place, each in enumerate(cells.rows) if each == row]
        if rng.random() < changing:
            chosen = int(rng.choice(places))
            effects[chosen] = FOUND * cells.differences[chosen].std()
    sharp = replace(cells, margins=np.zeros(len(cells.rows)))
    verdicts = screen(comparisons_of(sharp, effects, design.looks[-1], rng), cells.rows, looks=design.looks)
    changed, wrong = set[str](), set[str]()
    for row, effect, verdict in zip(cells.rows, effects, verdicts, strict=True):
        if verdict.word in CHANGES:
            changed.add(row)
            if effect == 0 or verdict.word is not Word.INCREASES:
                wrong.add(row)
    return len(wrong) / max(1, len(changed))
