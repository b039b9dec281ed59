"""Random streams: one name, one stream, whatever else is drawn."""

import torch

from amulet.core.seeds import derive, generator, isolated


def test_a_derived_seed_is_the_same_on_every_day() -> None:
    assert derive(0, "order") == 5_231_958_647_509_549_229


def test_streams_are_told_apart_by_seed_and_name() -> None:
    assert len({derive(seed, *names) for seed in (0, 1) for names in [(), ("a",), ("a", 0), ("a", 1), ("b",)]}) == 10


def test_a_stream_does_not_move_the_global_generator() -> None:
    before = torch.get_rng_state()
    torch.rand(3, generator=generator(0, "order"))
    assert torch.equal(torch.get_rng_state(), before)


def test_isolated_seeds_inside_and_restores_outside() -> None:
    before = torch.get_rng_state()
    with isolated(7):
        first = torch.rand(3)
    with isolated(7):
        assert torch.equal(torch.rand(3), first)
    assert torch.equal(torch.get_rng_state(), before)
