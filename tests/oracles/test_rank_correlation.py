"""Rank correlations against SciPy."""

import numpy as np
import pytest
from scipy.stats import permutation_test, spearmanr

from amulet.statistics import FEWEST_PAIRS, rank_correlation
from amulet.statistics.permutation import DRAWN
from amulet.statistics.rank_correlation import ALL


@pytest.mark.parametrize("count", [FEWEST_PAIRS, ALL, 9, 40])
@pytest.mark.parametrize("ties", [False, True])
def test_the_coefficient_is_scipys(count: int, ties: bool) -> None:
    rng = np.random.default_rng(count)
    first, second = rng.integers(0, 4, (2, count)).astype(float) if ties else rng.standard_normal((2, count))
    found = rank_correlation(first.tolist(), second.tolist())
    assert found is not None
    assert found.rho == pytest.approx(spearmanr(first, second).statistic, abs=1e-9)
    assert found.n == count


def test_the_p_value_of_all_permutations_is_scipys() -> None:
    first, second = np.random.default_rng(0).standard_normal((2, 6))
    found = rank_correlation(first.tolist(), second.tolist())
    exact = permutation_test(
        (first,), lambda x: spearmanr(x, second).statistic, permutation_type="pairings", n_resamples=np.inf
    )
    assert found is not None
    assert found.p == pytest.approx(exact.pvalue)


def test_the_p_value_of_random_permutations_is_close_to_the_asymptotic_one() -> None:
    rng = np.random.default_rng(1)
    first = rng.standard_normal(40)
    second = first + 2 * rng.standard_normal(40)
    found = rank_correlation(first.tolist(), second.tolist())
    assert found is not None
    expected = spearmanr(first, second).pvalue
    assert abs(found.p - expected) < 4 * np.sqrt(expected / DRAWN)


def test_one_in_twenty_is_below_a_twentieth_where_nothing_is_related() -> None:
    rng = np.random.default_rng(2)
    found = [rank_correlation(*rng.standard_normal((2, 6)).tolist()) for _ in range(400)]
    assert np.mean([each is not None and each.p <= 0.05 for each in found]) == pytest.approx(0.05, abs=0.03)


def test_a_shift_that_all_pairs_share_changes_nothing() -> None:
    """So the noise of the baseline, which all rows are compared with, does not matter."""
    first, second = np.random.default_rng(3).standard_normal((2, 8))
    assert rank_correlation(first.tolist(), second.tolist()) == rank_correlation(
        (first + 5).tolist(), (second - 3).tolist()
    )


@pytest.mark.parametrize("values", [[1.0, 2.0, 3.0, 4.0], [0.1] * 6, [0.1 + 0.2, 0.3, 0.3, 0.3, 0.3]])
def test_few_pairs_and_equal_values_have_none(values: list[float]) -> None:
    assert rank_correlation(values, list(range(len(values)))) is None
