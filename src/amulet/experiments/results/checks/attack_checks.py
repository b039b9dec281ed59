"""Checks for signs that an evasion attack fails, so that the robust accuracy it reports is too high.

Carlini et al. 2019, https://arxiv.org/abs/1902.06705, sections 3 and 4: an attack must do better than random noise,
must not do much worse than an attack that is no stronger by its budget and access, and must do better with a larger
perturbation. Two kinds of models are left out: those that always predict the same class, which no perturbation
changes, and those with a robust accuracy near 0, on which noise may do as well as the attack.
"""

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Final

from amulet.experiments.results.numbers import Column, Numbers
from amulet.statistics import Gate, exceeds

WELL_ABOVE: Final = 0.05
"""How much robust accuracy under an attack may exceed that under a better one before the attack counts as failing."""

Finding = tuple[Gate, str]
"""Whether the attack passes a check, and a phrase that says what is wrong if it does not."""


def findings(numbers: Numbers, row: str, column: Column) -> tuple[Finding, ...]:
    """The checks of one attack on the models of one row; empty if all of these models are left out."""
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
    """Whether another attack has the same budget and no more access, so that it should not do better."""
    about = (column.risk, column.metric, column.budget, None)
    alike = (other.risk, other.metric, other.budget, other.group) == about
    return alike and None not in (column.budget, other.access, column.access) and other.access & ~column.access == 0  # type: ignore[operator]


def _believable(numbers: Numbers, row: str, column: Column) -> dict[int, float]:
    """Robust accuracy by seed, without models that always predict one class or whose robust accuracy is near 0."""
    named = _values(numbers, row, shown_by(numbers, column, "one class"))
    robust = _values(numbers, row, column)
    return {seed: value for seed, value in robust.items() if value > column.margin and named.get(seed) != 1.0}


def shown_by(numbers: Numbers, column: Column, what: str) -> Column | None:
    """The column of the same attack whose metric shows `what`, such as "noise"; None if there is none."""
    same = (each for each in numbers.columns if (each.risk, each.probe) == (column.risk, column.probe))
    return next((each for each in same if each.shows == what), None)


def _values(numbers: Numbers, row: str, column: Column | None) -> dict[int, float]:
    """The values of a column by seed; empty if there is no column."""
    return {item.seed: item.value for item in numbers.of(row, column) if item.value is not None} if column else {}
