"""Whether what an evasion attack left standing can be believed, or whether the attack failed.

Carlini et al. 2019, https://arxiv.org/abs/1902.06705, sections 3 and 4: an attack must beat random noise, must not
be beaten by another attack that may do no more, and must gain by a larger perturbation. Two kinds of models are left
out: those that always name one class, which nothing can move, and those of which the attack leaves next to nothing
standing, which noise may fell as well.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final

from amulet.experiments.results.numbers import Column, Numbers
from amulet.statistics import Gate, exceeds

WELL_ABOVE: Final = 0.05
"""How much more robust accuracy an attack may leave than a stronger one before it is said to fail."""

Finding = tuple[Gate, str]
"""Whether the attack passes, and what is wrong if it does not."""


def findings(numbers: Numbers, row: str, column: Column) -> tuple[Finding, ...]:
    """What can be checked of one attack on one row's models; nothing where there is nothing to be believed."""
    robust = _believable(numbers, row, column)
    if not robust:
        return ()
    return (*_beats_noise(numbers, row, column, robust), *_not_beaten(numbers, row, column, robust),
            *_gains_by_epsilon(numbers, row, column, robust))  # fmt: skip


def _beats_noise(numbers: Numbers, row: str, column: Column, robust: Mapping[int, float]) -> Iterator[Finding]:
    noise = _values(numbers, row, shown_by(numbers, column, "noise"))
    if noise:
        gains = [noise[seed] - value for seed, value in robust.items() if seed in noise]
        yield exceeds(gains, column.margin, numbers.level), "does no better than random noise of its size"


def _not_beaten(numbers: Numbers, row: str, column: Column, robust: Mapping[int, float]) -> Iterator[Finding]:
    for other in numbers.columns:
        if other != column and _may_do_no_more(other, column):
            stronger = _values(numbers, row, other)
            spare = [WELL_ABOVE - (value - stronger[seed]) for seed, value in robust.items() if seed in stronger]
            yield exceeds(spare, 0.0, numbers.level), f"leaves robust accuracy well above that of {other.probe}"


def _gains_by_epsilon(numbers: Numbers, row: str, column: Column, robust: Mapping[int, float]) -> Iterator[Finding]:
    curves = [item.curve.y for item in numbers.curves_of(row, column) if item.seed in robust and item.curve.y]
    if curves:
        drops = [curve[0] - curve[-1] for curve in curves]
        rises = [max(after - before for before, after in pairwise(curve)) for curve in curves]
        yield exceeds(drops, column.margin, numbers.level), "does not lower accuracy as epsilon grows"
        yield (
            exceeds([column.margin - rise for rise in rises], 0.0, numbers.level),
            "leaves more accuracy at a larger epsilon",
        )


def _may_do_no_more(other: Column, column: Column) -> bool:
    """Of one budget, and with no wider access: whoever is beaten by it has failed."""
    about = (column.risk, column.metric, column.budget, None)
    alike = (other.risk, other.metric, other.budget, other.group) == about
    return alike and None not in (column.budget, other.access, column.access) and other.access & ~column.access == 0  # type: ignore[operator]


def _believable(numbers: Numbers, row: str, column: Column) -> dict[int, float]:
    """Robust accuracy by seed, without models that always name one class or that hardly withstand anything."""
    named = _values(numbers, row, shown_by(numbers, column, "one class"))
    robust = _values(numbers, row, column)
    return {seed: value for seed, value in robust.items() if value > column.margin and named.get(seed) != 1.0}


def shown_by(numbers: Numbers, column: Column, what: str) -> Column | None:
    """The column of the same attack off which a gate reads something, such as what noise does in its place."""
    same = (each for each in numbers.columns if (each.risk, each.probe) == (column.risk, column.probe))
    return next((each for each in same if each.shows == what), None)


def _values(numbers: Numbers, row: str, column: Column | None) -> dict[int, float]:
    """The values of a column by seed; none without a column."""
    return {item.seed: item.value for item in numbers.of(row, column) if item.value is not None} if column else {}
