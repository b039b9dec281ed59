"""Correction for multiple comparisons: over one family of cells, and over rows that are screened."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Self


def holm(p_values: Sequence[float]) -> list[float]:
    """Holm-adjusted p-values. Holm 1979, https://www.jstor.org/stable/4615733.

    Rejecting every hypothesis whose adjusted p-value is at most alpha makes a false rejection, of any of them, with a
    probability of at most alpha, however the tests depend on each other.

    Args:
        p_values: p-values of a family of tests, each in [0, 1].

    Returns:
        The adjusted p-values, in the order given.

    Example:
        >>> holm([0.01, 0.04, 0.03])
        [0.03, 0.06, 0.06]
    """
    order = sorted(range(len(p_values)), key=lambda place: p_values[place])
    adjusted, running = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(order):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = running
    return adjusted


def share_of_level(smallest: Sequence[float], alpha: float) -> float:
    """The share of the level at which each of several families may be tested, if those without a finding are left out.

    Benjamini and Bogomolov 2014, https://doi.org/10.1111/rssb.12028, with the selection of Benjamini and Hochberg 1995.
    If a family has a finding, where it is tested at this share of alpha by a method that keeps its probability of any
    false finding, then of the families with a finding the share with a false one is at most alpha on average. So is the
    probability of any finding, if there is nothing to be found. That is proven for families that are independent or
    depend on each other positively. However they depend, each family by itself has a false finding with a probability
    of at most alpha.

    Args:
        smallest: for each family its smallest p-value, adjusted within the family.
        alpha: the level.

    Returns:
        The largest k / n, of n families, for which at least k have a finding at level alpha k / n; 1 / n if there is
        no such k, at which none has one.

    Example:
        >>> share_of_level([0.001, 0.02, 0.3, 0.7], alpha=0.05)
        0.5
    """
    found = (place for place, p in enumerate(sorted(smallest), 1) if p <= alpha * place / len(smallest))
    return max(found, default=1) / max(1, len(smallest))


@dataclass(frozen=True)
class Evidence:
    """What the data of one cell say by themselves, at the looks so far.

    Attributes:
        change: the p-value of the hypothesis that nothing changes.
        denial: the p-value of the hypothesis that the true difference is at least the margin; 1 with too few seeds.
        shown: whether the attack is shown on either model, without which no change is reported, however small `change`.
    """

    change: float
    denial: float
    shown: bool = True


@dataclass(frozen=True)
class Bar:
    """What a verdict on one cell has to meet.

    Attributes:
        p: the adjusted p-value, which is to be at most alpha for a change.
        denial: one minus the level of the interval that is to lie within the margin for "no meaningful change".
        shown: one minus the level of the interval of all other cells.
    """

    p: float
    denial: float
    shown: float

    def at_one_of(self, looks: int) -> Self:
        """The same, with the level of the intervals split evenly over several looks."""
        return replace(self, denial=self.denial / looks, shown=self.shown / looks)


Correction = Callable[[Mapping[int, Evidence]], Mapping[int, Bar]]
"""From the evidence on all cells, by their places, to what a verdict on each has to meet."""


def one_family(cells: Mapping[int, Evidence], alpha: float) -> dict[int, Bar]:
    """All cells are one family: Holm's method for changes, Bonferroni's intervals.

    Example:
        >>> one_family({0: Evidence(0.01, 1.0), 1: Evidence(0.2, 0.01)}, alpha=0.05)[0]
        Bar(p=0.02, denial=0.025, shown=0.025)
    """
    adjusted = holm([each.change for each in cells.values()])
    level = alpha / max(1, len(cells))
    return {place: Bar(p, level, level) for place, p in zip(cells, adjusted, strict=True)}


def screened_rows(cells: Mapping[int, Evidence], rows: Mapping[int, str], alpha: float) -> dict[int, Bar]:
    """Each row is a family, and all have the share of the level that `share_of_level` gives.

    The share is found for "no meaningful change" and for changes apart, so that many rows in which nothing changes do
    not make it easier to find changes. A cell without a meaningful change counts as one without a change, and so does
    one whose attack is shown on neither model, since neither is reported as a change.

    Args:
        cells: the evidence on each cell.
        rows: for each cell, what row it belongs to.
        alpha: the level of each of the two errors.

    Example:
        >>> cells = {0: Evidence(0.001, 1.0), 1: Evidence(0.03, 1.0), 2: Evidence(0.5, 1.0)}
        >>> screened_rows(cells, {0: "a", 1: "b", 2: "c"}, alpha=0.05)[0].p
        0.0015
    """
    by_row: dict[str, list[int]] = {}
    for place in cells:
        by_row.setdefault(rows[place], []).append(place)
    families = list(by_row.values())
    smallest = [len(family) * min(cells[place].denial for place in family) for family in families]
    denied = share_of_level(smallest, alpha)
    tested = [
        {place: 1.0 if cells[place].denial <= alpha * denied / len(family) else cells[place].change for place in family}
        for family in families
    ]
    reported = [{place: p if cells[place].shown else 1.0 for place, p in found.items()} for found in tested]
    share = share_of_level([len(found) * min(found.values()) for found in reported], alpha)
    return {
        place: Bar(min(1.0, p / share), alpha * denied / len(found), alpha * share / len(found))
        for found, counted in zip(tested, reported, strict=True)
        for place, lenient, strict in zip(found, holm([*found.values()]), holm([*counted.values()]), strict=True)
        for p in [strict if cells[place].shown else lenient]
    }
