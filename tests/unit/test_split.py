"""Splits: every record has one holder, and shadow models are drawn in complementary halves."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from amulet.core.errors import InvalidParameter
from amulet.core.split import AuxiliaryHalfDraw, Draw, MemberDraw, RatioDraw, ShadowDraw, Split
from amulet.datasets import from_arrays

RECORDS = 101
DATA = from_arrays((torch.rand(RECORDS, 2), torch.arange(RECORDS) % 2), (torch.rand(4, 2), torch.arange(4) % 2)).train


@given(
    records=st.integers(1, 300),
    members=st.floats(0.05, 0.95),
    validation=st.floats(0, 0.9),
    seed=st.integers(0, 5),
)
def test_every_record_has_exactly_one_holder(records: int, members: float, validation: float, seed: int) -> None:
    division = Split(seed=seed, members=members, validation=validation).divide(records)
    held = torch.cat([division.members, division.auxiliary, division.validation])
    assert held.sort().values.tolist() == list(range(records))


def test_the_shares_are_those_asked_for() -> None:
    division = Split(members=0.25, validation=0.2).divide(1000)
    assert (len(division.validation), len(division.members), len(division.auxiliary)) == (200, 200, 600)


def test_the_paper_s_share_of_members_is_one_half() -> None:
    division = Split(validation=0).divide(1000)
    assert len(division.members) == len(division.auxiliary) == 500


def test_another_seed_is_another_draw_and_the_same_seed_the_same() -> None:
    members = Split(seed=1).divide(RECORDS).members
    assert torch.equal(members, Split(seed=1).divide(RECORDS).members)
    assert not torch.equal(members, Split(seed=2).divide(RECORDS).members)


def test_the_draw_does_not_touch_the_global_generator() -> None:
    before = torch.get_rng_state()
    ShadowDraw(Split(), number=3).choose(DATA)
    assert torch.equal(torch.get_rng_state(), before)


def test_members_are_the_draw_of_the_target() -> None:
    split = Split(seed=4)
    assert torch.equal(MemberDraw(split).choose(DATA), split.divide(RECORDS).members)


@pytest.mark.parametrize("pair", range(4))
def test_shadows_come_in_complementary_halves(pair: int) -> None:
    split = Split(seed=4)
    first, second = (ShadowDraw(split, number).choose(DATA) for number in (2 * pair, 2 * pair + 1))
    assert torch.equal(torch.cat([first, second]).sort().values, split.divide(RECORDS).pool)
    assert abs(len(first) - len(second)) <= 1


@pytest.mark.parametrize("count", [4, 8, 16])
def test_every_record_is_in_as_many_shadows_as_it_is_out_of(count: int) -> None:
    split = Split()
    chosen = torch.cat([ShadowDraw(split, number).choose(DATA) for number in range(count)])
    assert set(chosen.bincount(minlength=RECORDS)[split.divide(RECORDS).pool].tolist()) == {count // 2}


def test_the_pairs_differ_from_each_other() -> None:
    halves = {tuple(ShadowDraw(Split(), number).choose(DATA).tolist()) for number in range(16)}
    assert len(halves) == 16


def test_a_shadow_does_not_depend_on_how_many_there_are() -> None:
    """Its digest and its records follow from its own number, so that 16 shadows re-use the first 8."""
    first = [ShadowDraw(Split(), number) for number in range(8)]
    more = [ShadowDraw(Split(), number) for number in range(16)][:8]
    assert [draw.digest for draw in first] == [draw.digest for draw in more]


def test_shadows_never_hold_validation_records() -> None:
    split = Split(validation=0.3)
    validation = split.divide(RECORDS).validation
    assert not torch.isin(ShadowDraw(split, 0).choose(DATA), validation).any()


def test_a_validation_share_that_leaves_nothing_is_refused() -> None:
    with pytest.raises(InvalidParameter, match=r"The 'validation' of Split must be at most 0\.9\. Got 0\.95\."):
        Split(validation=0.95)


def test_divisions_are_nobody_elses() -> None:
    held = Split(seed=6).divide(RECORDS)
    before = held.members.clone()
    held.members.zero_()
    assert torch.equal(Split(seed=6).divide(RECORDS).members, before)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("members", [0.5, 0.3])
def test_draws_know_how_many_they_draw(seed: int, members: float) -> None:
    split = Split(seed=seed, members=members)
    group = {"group": torch.arange(RECORDS) % 3}
    data = from_arrays((DATA.x, DATA.y), (DATA.x, DATA.y), sensitive=(group, group)).train
    draws: list[Draw] = [
        AuxiliaryHalfDraw(split),
        ShadowDraw(split, 2),
        ShadowDraw(split, 3),
        RatioDraw(split, attribute="group", ratio=0.4),
        RatioDraw(split, "auxiliary", attribute="group", ratio=0.1, size=0.3),
    ]
    assert [draw.count(data) for draw in draws] == [len(draw.choose(data)) for draw in draws]
