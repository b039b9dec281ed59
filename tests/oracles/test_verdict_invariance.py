"""What must not change a verdict: the order of rows and of seeds, the unit of the metric, cells without a test."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from amulet.statistics import Comparison, Verdict, Word, judge

MIRRORED = {Word.INCREASES: Word.DECREASES, Word.DECREASES: Word.INCREASES}
VALUES = st.one_of(st.none(), st.integers(0, 1024).map(lambda k: k / 1024), st.sampled_from([0.0, 0.5, 1.0]))


@st.composite
def families(draw: st.DrawFn) -> list[Comparison]:
    """One to four rows of up to twelve seeds, undefined in some, with values of which sums are exact."""
    seeds = draw(st.integers(1, 12))
    return [draw(cells(seeds)) for _ in range(draw(st.integers(1, 4)))]


@st.composite
def cells(draw: st.DrawFn, seeds: int) -> Comparison:
    values = tuple(draw(st.lists(st.tuples(VALUES, VALUES), min_size=seeds, max_size=seeds)))
    gain = st.lists(VALUES, min_size=seeds, max_size=seeds).map(tuple)
    return Comparison(
        tuple(None if first is None or second is None else second - first for first, second in values),
        margin=draw(st.sampled_from([0.0, 1 / 64, 0.25])),
        same=draw(st.integers(0, 9)) == 0,
        values=values,
        metric=draw(st.sampled_from(["auc", "accuracy", ""])),
        gains=draw(st.one_of(st.just(()), st.tuples(gain, gain))),
    )


def scaled(cell: Comparison, by: float) -> Comparison:
    """The same cell in another unit; its margin is in that unit too, and never negative."""
    return replace(
        cell,
        differences=times(cell.differences, by),
        margin=cell.margin * abs(by),
        values=tuple((first, second) for first, second in (times(pair, by) for pair in cell.values)),
        gains=tuple(times(gains, abs(by)) for gains in cell.gains),
    )


def times(values: Sequence[float | None], by: float) -> tuple[float | None, ...]:
    return tuple(None if value is None else value * by for value in values)


def reordered(cell: Comparison, order: Sequence[int]) -> Comparison:
    def moved(values: Sequence[float | None]) -> tuple[float | None, ...]:
        return tuple(values[place] for place in order)

    return replace(
        cell,
        differences=moved(cell.differences),
        values=tuple(cell.values[place] for place in order),
        gains=tuple(moved(gains) for gains in cell.gains),
    )


def words(verdicts: Sequence[Verdict]) -> list[Word]:
    return [verdict.word for verdict in verdicts]


@given(families(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None)
def test_the_order_of_rows_and_of_seeds_is_of_no_importance(family: list[Comparison], rng: Random) -> None:
    found = judge(family)
    rows = rng.sample(range(len(family)), len(family))
    seeds = rng.sample(range(len(family[0].differences)), len(family[0].differences))
    assert words(judge([family[row] for row in rows])) == [found[row].word for row in rows]
    assert words(judge([reordered(cell, seeds) for cell in family])) == words(found)


@given(families(), st.sampled_from([2.0**-6, 8.0, -1.0, -4.0]))
@settings(max_examples=60, deadline=None)
def test_another_unit_or_sign_gives_the_same_verdicts(family: list[Comparison], by: float) -> None:
    found, others = judge(family), judge([scaled(cell, by) for cell in family])
    expected = words(found) if by > 0 else [MIRRORED.get(word, word) for word in words(found)]
    assert words(others) == expected
    assert [verdict.seeds_needed for verdict in others] == [verdict.seeds_needed for verdict in found]


@given(families())
@settings(max_examples=60, deadline=None)
def test_a_cell_unchanged_by_construction_takes_no_part(family: list[Comparison]) -> None:
    unchanged = replace(family[0], same=True)
    assert words(judge([unchanged, *family]))[1:] == words(judge(family))


@given(families(), st.sampled_from([(), (2,), (2, 5), (5, 9)]))
@settings(max_examples=60, deadline=None)
def test_numbers_are_possible(family: list[Comparison], before: tuple[int, ...]) -> None:
    seeds = len(family[0].differences)
    looks = (*(look for look in before if look < seeds), seeds)
    for verdict in judge(family, looks=looks):
        assert verdict.p is None or 0 <= verdict.p <= 1
        if verdict.paired is not None and verdict.interval is not None:
            assert verdict.interval[0] <= verdict.paired.mean <= verdict.interval[1]
        if verdict.paired is not None and verdict.seeds_needed is not None:
            assert verdict.seeds_needed > verdict.paired.n


@pytest.mark.parametrize("seeds", [2, 10, 20, 33])
@pytest.mark.parametrize("pair", [(0.3, 0.7), (0.1, 0.4), (0.7, 0.1 + 0.2)], ids=str)
def test_equal_differences_have_no_known_error_whatever_rounding_leaves_of_it(
    pair: tuple[float, float], seeds: int
) -> None:
    """NumPy's mean of equal numbers can differ from them, which would leave a spread of 1e-17 as the least one."""
    cell = Comparison((pair[1] - pair[0],) * seeds, 0.02, values=(pair,) * seeds, metric="auc")
    for verdict in judge([cell, replace(cell)]):
        assert verdict.word is Word.INCONCLUSIVE
        assert verdict.reason is not None
