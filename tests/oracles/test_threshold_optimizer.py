"""Thresholds by group against Fairlearn's ThresholdOptimizer and against linear programming, on the same scores."""

from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from fairlearn.postprocessing import ThresholdOptimizer as Fairlearn
from numpy.typing import NDArray
from scipy.optimize import linprog
from sklearn.base import BaseEstimator

from amulet.functional.group_thresholds import Group, Mixture, equal_acceptance, equal_odds


def drawn(seed: int, sizes: tuple[int, ...] = (150, 90), *, ties: bool = False) -> list[Group]:
    """Groups with other shares of positives and scores that tell the classes apart better or worse."""
    rng, groups = np.random.default_rng(seed), []
    for number, size in enumerate(sizes):
        labels = rng.random(size) < 0.2 + 0.3 * rng.random()
        labels[:2] = True, False
        scores = rng.standard_normal(size) + labels * rng.uniform(0.3, 2.5) + 0.4 * number
        groups.append(Group(np.round(scores) if ties else scores, labels))
    return groups


class Given(BaseEstimator):  # type: ignore[misc]
    """An estimator that was fitted before, of records that are their scores."""

    def fit(self, *_: object) -> "Given":
        return self

    def __sklearn_is_fitted__(self) -> bool:
        return True

    def predict(self, x: pd.DataFrame) -> NDArray[np.float64]:
        return x["score"].to_numpy()


def fairlearn_s(groups: list[Group], constraint: str, objective: str) -> list[NDArray[np.float64]]:
    """The probability with which it accepts each record of each group."""
    x = pd.DataFrame({"score": np.concatenate([group.scores for group in groups])})
    y = np.concatenate([group.labels for group in groups]).astype(int)
    a = np.repeat(np.arange(len(groups)), [len(group.labels) for group in groups])
    fair = Fairlearn(
        estimator=Given(),
        constraints=constraint,
        objective=objective,
        prefit=True,
        predict_method="predict",
        grid_size=20000,
    )
    fair.fit(x, y, sensitive_features=a)
    accepted = fair._pmf_predict(x, sensitive_features=a)[:, 1]
    return np.split(accepted, np.cumsum([len(group.labels) for group in groups])[:-1])


def rates(groups: list[Group], accepted: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    """(groups, 3) rate of acceptance, true and false positive rate."""
    return np.array(
        [
            [each.mean(), each[group.labels].mean(), each[~group.labels].mean()]
            for group, each in zip(groups, accepted, strict=True)
        ]
    )


def accuracy(groups: list[Group], accepted: list[NDArray[np.float64]], *, balanced: bool = False) -> float:
    labels, all_accepted = np.concatenate([group.labels for group in groups]), np.concatenate(accepted)
    right = np.where(labels, all_accepted, 1 - all_accepted)
    return float((right[labels].mean() + right[~labels].mean()) / 2 if balanced else right.mean())


def ours(groups: list[Group], mixtures: list[Mixture]) -> list[NDArray[np.float64]]:
    return [mixture.accepted(group.scores) for group, mixture in zip(groups, mixtures, strict=True)]


SIZES = [(150, 90), (60, 80, 100, 40)]
OBJECTIVES = [(False, "accuracy_score"), (True, "balanced_accuracy_score")]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("ties", [False, True])
def test_demographic_parity_is_exact_and_as_accurate_as_fairlearn_s(
    seed: int, sizes: tuple[int, ...], ties: bool
) -> None:
    groups = drawn(seed, sizes, ties=ties)
    own = ours(groups, equal_acceptance(groups))
    theirs = fairlearn_s(groups, "demographic_parity", "accuracy_score")
    assert np.ptp(rates(groups, own)[:, 0]) < 1e-12
    assert accuracy(groups, own) == pytest.approx(accuracy(groups, theirs), abs=2e-4)  # it seeks on a grid
    assert accuracy(groups, own) >= accuracy(groups, theirs) - 1e-9


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize(("balanced", "objective"), OBJECTIVES)
def test_equalized_odds_are_exact_and_as_accurate_as_fairlearn_s(
    seed: int, sizes: tuple[int, ...], balanced: bool, objective: str
) -> None:
    groups = drawn(seed, sizes)
    own = ours(groups, equal_odds(groups, balanced=balanced))
    theirs = fairlearn_s(groups, "equalized_odds", objective)
    assert np.ptp(rates(groups, own)[:, 1:], axis=0).max() < 1e-9
    assert accuracy(groups, own, balanced=balanced) == pytest.approx(
        accuracy(groups, theirs, balanced=balanced), abs=2e-4
    )
    assert accuracy(groups, own, balanced=balanced) >= accuracy(groups, theirs, balanced=balanced) - 1e-9


def optimum(groups: list[Group], *, odds: bool, balanced: bool) -> float:
    """The highest accuracy of any mixture of thresholds under the constraint, by linear programming."""
    cuts = [np.concatenate([[-np.inf], np.unique(group.scores)]) for group in groups]
    labels = np.concatenate([group.labels for group in groups])
    gain, loss = (0.5 / labels.sum(), 0.5 / (~labels).sum()) if balanced else (1 / len(labels), 1 / len(labels))
    worth, sums, equal = [], [], []
    for group, cut in zip(groups, cuts, strict=True):
        above = group.scores[:, None] > cut
        true, false = above[group.labels].sum(0), above[~group.labels].sum(0)
        worth.append(-(gain * true - loss * false))
        equal.append(np.stack([true / group.labels.sum(), false / (~group.labels).sum()] if odds else [above.mean(0)]))
    places = np.cumsum([0, *(len(cut) for cut in cuts)])
    for number, (start, end) in enumerate(pairwise(places)):
        row = np.zeros(places[-1])
        row[start:end] = 1
        sums.append((row, 1.0))
        for first, other in zip(equal[0], equal[number], strict=True):
            if number:
                row = np.zeros(places[-1])
                row[: places[1]], row[start:end] = first, -other
                sums.append((row, 0.0))
    found = linprog(np.concatenate(worth), A_eq=np.stack([row for row, _ in sums]), b_eq=[value for _, value in sums])
    return float(-found.fun + loss * (~labels).sum())


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("sizes", SIZES)
@pytest.mark.parametrize("balanced", [False, True])
@pytest.mark.parametrize("odds", [False, True])
def test_no_mixture_of_thresholds_is_better(seed: int, sizes: tuple[int, ...], balanced: bool, odds: bool) -> None:
    groups = drawn(seed, sizes, ties=seed % 2 == 1)
    solve = equal_odds if odds else equal_acceptance
    own = accuracy(groups, ours(groups, solve(groups, balanced=balanced)), balanced=balanced)
    assert own == pytest.approx(optimum(groups, odds=odds, balanced=balanced), abs=1e-7)


def test_one_record_and_scores_that_are_all_alike() -> None:
    alone, alike = Group(np.array([0.3]), np.array([True])), Group(np.zeros(6), np.array([True] * 2 + [False] * 4))
    accepted = ours([alone, alike], equal_acceptance([alone, alike]))
    assert np.ptp(rates([alike, alike], [accepted[1], accepted[1]])[:, 0]) == 0
    assert accepted[0].mean() == pytest.approx(accepted[1].mean())
    worst, best = (
        Group(np.array([0.0, 1.0]), np.array([True, False])),
        Group(np.array([1.0, 0.0]), np.array([True, False])),
    )
    found = rates([worst, best], ours([worst, best], equal_odds([worst, best])))
    assert found[0].tolist() == pytest.approx(found[1].tolist())
