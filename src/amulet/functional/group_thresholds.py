"""Thresholds by group, mixed by lot, for equal rates. Hardt et al. 2016, https://arxiv.org/abs/1610.02413, section 3.2.

A record is accepted where its score is above a threshold. In each group four thresholds are mixed, the first two of
which accept nobody and everybody.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

NOBODY: Final = np.inf
"""The threshold that no score is above."""

EVERYBODY: Final = -np.inf
"""The threshold that every score is above."""

TINY: Final = 1e-12


@dataclass(frozen=True, eq=False)
class Group:
    """The records of one group.

    Attributes:
        scores: (n,) higher for the positive class.
        labels: (n,) bool, whether the true class is the positive one.
    """

    scores: Array
    labels: NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Mixture:
    """Thresholds of one group, and with which probability each is used.

    Attributes:
        thresholds: (4,) accepted is a score above the threshold.
        shares: (4,) probabilities with sum 1.
    """

    thresholds: Array
    shares: Array

    def accepted(self, scores: Array) -> Array:
        """(n,) the probability with which a record of each score is accepted."""
        return (scores[:, None] > self.thresholds) @ self.shares


@dataclass(frozen=True, eq=False)
class _Curve:
    """The upper hull of what the thresholds of one group reach: (v,) points from left to right, and the thresholds."""

    x: Array
    y: Array
    thresholds: Array

    def mixture(self, x: float, y: float | None = None) -> Mixture:
        """The two thresholds between whose points x lies; down to `y` by deciding some records by lot at the rate x."""
        right = min(max(int(np.searchsorted(self.x, x)), 1), len(self.x) - 1) if len(self.x) > 1 else 0
        left = max(right - 1, 0)
        width = self.x[right] - self.x[left]
        upper = min(max((x - self.x[left]) / width, 0.0), 1.0) if width > 0 else 1.0
        top = (1 - upper) * self.y[left] + upper * self.y[right]
        lot = (top - y) / (top - x) if y is not None and top - x > TINY else 0.0
        lot = min(max(lot, 0.0), 1.0)
        shares = np.array([lot * (1 - x), lot * x, (1 - lot) * (1 - upper), (1 - lot) * upper])
        thresholds = np.array([NOBODY, EVERYBODY, self.thresholds[left], self.thresholds[right]])
        return Mixture(thresholds, shares)


def equal_acceptance(groups: Sequence[Group], *, balanced: bool = False) -> list[Mixture]:
    """Mixtures under which every group is accepted at one rate: demographic parity.

    Of all rates the one of highest accuracy is taken. The accuracy of a group is a concave, piecewise linear function
    of the rate, so the highest sum lies at a corner of one of them; the result is exact.

    Args:
        groups: at least one record each.
        balanced: whether the classes count alike, instead of the records.

    Returns:
        One mixture for each group.

    Example:
        >>> first = Group(np.array([0.9, 0.8, 0.2, 0.1]), np.array([True, True, False, False]))
        >>> second = Group(np.array([0.6, 0.5, 0.4, 0.3]), np.array([True, True, False, False]))
        >>> mixtures = equal_acceptance([first, second])
        >>> mixtures[0].accepted(first.scores).tolist(), mixtures[1].accepted(second.scores).tolist()
        ([1.0, 1.0, 0.0, 0.0], [1.0, 1.0, 0.0, 0.0])
    """
    gain, loss = _worth(groups, balanced)
    curves = []
    for group in groups:
        thresholds, true, false = _counts(group)
        curves.append(_hull((true + false) / len(group.scores), gain * true - loss * false, thresholds))
    rates = np.unique(np.concatenate([curve.x for curve in curves]))
    worth = sum(np.interp(rates, curve.x, curve.y) for curve in curves)
    rate = float(rates[np.argmax(worth)])
    return [curve.mixture(rate) for curve in curves]


def equal_odds(groups: Sequence[Group], *, balanced: bool = False) -> list[Mixture]:
    """Mixtures under which every group has one true and one false positive rate: equalized odds.

    What all groups can reach lies below the lowest of their ROC hulls. The highest accuracy lies at a corner of that,
    which is a corner of a hull or a crossing of two; the result is exact.

    Args:
        groups: at least one record of each class in each.
        balanced: whether the classes count alike, instead of the records.

    Returns:
        One mixture for each group.

    Example:
        >>> first = Group(np.array([0.9, 0.8, 0.2, 0.1]), np.array([True, True, False, False]))
        >>> second = Group(np.array([0.6, 0.5, 0.4, 0.3]), np.array([True, False, True, False]))
        >>> mixtures = equal_odds([first, second])
        >>> mixtures[0].accepted(first.scores).tolist(), mixtures[1].accepted(second.scores).tolist()
        ([0.5, 0.5, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0])
    """
    gain, loss = _worth(groups, balanced)
    curves = [_roc_hull(group) for group in groups]
    rates = _corners(curves)
    reached = np.min([np.interp(rates, curve.x, curve.y) for curve in curves], axis=0)
    positives, negatives = _class_counts(groups)
    best = int(np.argmax(gain * positives * reached - loss * negatives * rates))
    return [curve.mixture(float(rates[best]), float(reached[best])) for curve in curves]


def _class_counts(groups: Sequence[Group]) -> tuple[int, int]:
    positives = sum(int(group.labels.sum()) for group in groups)
    return positives, sum(len(group.labels) for group in groups) - positives


def _worth(groups: Sequence[Group], balanced: bool) -> tuple[float, float]:
    """What an accepted record of the positive class adds to the accuracy, and one of the other takes away."""
    positives, negatives = _class_counts(groups)
    if balanced:
        return 0.5 / max(positives, 1), 0.5 / max(negatives, 1)
    return 1 / (positives + negatives), 1 / (positives + negatives)


def _counts(group: Group) -> tuple[Array, Array, Array]:
    """Each threshold between neighbouring scores, from the highest down, and how many of either class are above it."""
    order = np.argsort(-group.scores, kind="stable")
    scores, labels = group.scores[order], group.labels[order]
    last = np.append(np.flatnonzero(np.diff(scores)), len(scores) - 1)
    between = (scores[last[:-1]] + scores[last[:-1] + 1]) / 2
    true, false = np.cumsum(labels)[last], np.cumsum(~labels)[last]
    thresholds = np.concatenate([[NOBODY], between, [EVERYBODY]])
    return thresholds, np.concatenate([[0.0], true]), np.concatenate([[0.0], false])


def _roc_hull(group: Group) -> _Curve:
    thresholds, true, false = _counts(group)
    positives, negatives = _class_counts([group])
    return _hull(false / negatives, true / positives, thresholds)


def _hull(x: Array, y: Array, thresholds: Array) -> _Curve:
    """The upper hull of points that are ordered by x, with the highest of those of one x."""
    kept: list[int] = []
    for point in range(len(x)):
        while kept and (x[kept[-1]] == x[point] and y[kept[-1]] <= y[point]):
            kept.pop()
        if kept and x[kept[-1]] == x[point]:
            continue
        while len(kept) > 1 and _is_under(kept[-1], kept[-2], point, x, y):
            kept.pop()
        kept.append(point)
    return _Curve(x[kept], y[kept], thresholds[kept])


def _is_under(middle: int, left: int, right: int, x: Array, y: Array) -> bool:
    rise = (y[right] - y[left]) * (x[middle] - x[left])
    return bool((y[middle] - y[left]) * (x[right] - x[left]) <= rise)


def _corners(curves: Sequence[_Curve]) -> Array:
    """Every x at which a curve has a corner or two curves cross."""
    rates = np.unique(np.concatenate([curve.x for curve in curves]))
    heights = [np.interp(rates, curve.x, curve.y) for curve in curves]
    found = [rates]
    for one, other in combinations(heights, 2):
        above = one - other
        (at,) = np.nonzero(above[:-1] * above[1:] < 0)
        share = above[at] / (above[at] - above[at + 1])
        found.append(rates[at] + share * (rates[at + 1] - rates[at]))
    return np.unique(np.concatenate(found))
