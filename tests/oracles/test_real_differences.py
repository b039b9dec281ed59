"""The error rates of verdicts on differences that real defenses make. A short form of `make calibrate`."""

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.random import Generator

from amulet.statistics import ALPHA, CHANGES, Comparison, judge
from amulet.statistics.calibration import Design, Share
from amulet.statistics.difference_pool import (
    DifferencePool,
    real_false_changes,
    real_false_denials,
    real_found_effects,
    settled_as_asked,
)

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


@pytest.fixture(scope="module")
def pools() -> dict[str, DifferencePool]:
    """The stored differences, as the benchmark reads them."""
    sys.path.insert(0, str(BENCHMARKS))
    from calibrate import read_pools  # type: ignore[import-not-found]  # noqa: PLC0415 - a script beside the package

    return dict(read_pools())


def drawn(kind: str, rng: Generator, cells: int = 9, seeds: int = 400) -> DifferencePool:
    """Cells of three metrics in three rows, all of whose differences have one skewed distribution."""
    before = rng.normal(0.5, 0.001, (cells, seeds))
    more = {
        "exponential": rng.exponential(0.1, (cells, seeds)),
        "lognormal": rng.lognormal(-3, 1, (cells, seeds)),
        "rare": (rng.random((cells, seeds)) < 0.2) * 0.5 + rng.normal(0, 0.02, (cells, seeds)),
    }[kind]
    metrics = tuple(f"metric {place % 3}" for place in range(cells))
    rows = tuple(f"row {place // 3}" for place in range(cells))
    return DifferencePool(np.stack([before, before + more], 1), np.full(cells, 0.02), metrics, rows)


@pytest.mark.parametrize("seeds", [5, 10])
@pytest.mark.parametrize("kind", ["exponential", "lognormal", "rare"])
def test_skewed_and_rare_differences_mislead_less_than_they_do_a_plain_t_test(kind: str, seeds: int) -> None:
    pool, design = drawn(kind, np.random.default_rng(0)), Design(3, (seeds,))
    ours = real_false_changes(pool, design, 200, np.random.default_rng(1)).families
    plain = Share(sum(_plain_changes(pool, seeds, np.random.default_rng(number)) for number in range(200)), 200)
    assert plain.exceeds(ALPHA)
    assert ours.value < plain.value / 2


def _plain_changes(pool: DifferencePool, seeds: int, rng: Generator) -> bool:
    """Whether t tests with nothing but the differences find a change where there is none."""
    moved = pool.differences - pool.differences.mean(1, keepdims=True)
    chosen = moved[:, rng.integers(moved.shape[1], size=seeds)]
    return any(verdict.word in CHANGES for verdict in judge([Comparison(tuple(each), 0.0) for each in chosen.tolist()]))


@pytest.mark.parametrize("looks", [(10,), (5, 10, 20)], ids=str)
def test_false_words_on_real_differences_are_as_rare_as_stated(
    pools: dict[str, DifferencePool], looks: tuple[int, ...]
) -> None:
    rng, design = np.random.default_rng(2), Design(3, looks)
    for simulate in (real_false_changes, real_false_denials):
        shares = [simulate(pool, design, 100, rng).families for pool in pools.values()]
        assert not Share(sum(each.count for each in shares), 300).exceeds(ALPHA)


def test_large_effects_are_found(pools: dict[str, DifferencePool]) -> None:
    found = [real_found_effects(pool, Design(3, (10,)), 60, np.random.default_rng(3), 3.0) for pool in pools.values()]
    assert sum(each.count for each in found) / 180 > 0.8


def test_cells_are_settled_by_the_seeds_that_are_asked_for(pools: dict[str, DifferencePool]) -> None:
    settled = [settled_as_asked(pool, 2, 5, 12, np.random.default_rng(4)) for pool in pools.values()]
    assert sum(each.count for each in settled) >= 0.8 * sum(each.n for each in settled)


def test_a_normal_copy_has_the_spread_of_the_pool(pools: dict[str, DifferencePool]) -> None:
    pool = pools["digits"]
    spreads = [pool.normal_copy(np.random.default_rng(seed)).differences.std(1) for seed in range(40)]
    assert np.mean(spreads, axis=0) == pytest.approx(pool.differences.std(1), rel=0.12)


def test_five_seeds_never_show_that_nothing_changes(pools: dict[str, DifferencePool]) -> None:
    denied = [real_false_denials(pool, Design(3, (5,)), 20, np.random.default_rng(5)) for pool in pools.values()]
    assert [each.families.count for each in denied] == [0, 0, 0]
