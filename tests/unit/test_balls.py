"""Norm balls: every point they give lies in them."""

from typing import get_args

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Generator

from amulet.functional.perturbations.balls import Ball, Norm

ROUNDING = 1e-12


@given(
    norm=st.sampled_from(get_args(Norm)),
    radius=st.floats(0, 2),
    length=st.floats(0, 5),
    seed=st.integers(0, 1000),
)
def test_a_projection_lies_in_the_ball_and_within_the_bounds(
    norm: Norm, radius: float, length: float, seed: int
) -> None:
    rng, ball = Generator().manual_seed(seed), Ball(norm, radius, 0.0, 1.0)
    x = torch.rand(4, 2, 3, generator=rng, dtype=torch.float64)
    moved = ball.project(x + length * torch.randn(4, 2, 3, generator=rng, dtype=torch.float64), x)
    assert (ball.size(moved - x) <= radius + ROUNDING).all()
    assert moved.min() >= 0
    assert moved.max() <= 1


@pytest.mark.parametrize("norm", get_args(Norm))
def test_what_lies_in_the_ball_already_stays_where_it_is(norm: Norm) -> None:
    x = torch.full((3, 4), 0.5, dtype=torch.float64)
    moved = x + 0.1
    assert torch.allclose(Ball(norm, 0.5, 0.0, 1.0).project(moved, x), moved)


@pytest.mark.parametrize("norm", get_args(Norm))
@pytest.mark.parametrize("bounds", [(0.0, 1.0), (-10.0, 10.0)])
def test_a_projection_is_the_nearest_point(norm: Norm, bounds: tuple[float, float]) -> None:
    """No other point of ball and bounds is nearer."""
    rng, ball = Generator().manual_seed(0), Ball(norm, 0.4, *bounds)
    x = torch.rand(20, 5, generator=rng, dtype=torch.float64)
    far = x + torch.randn(20, 5, generator=rng, dtype=torch.float64)
    nearest = (ball.project(far, x) - far).norm(dim=1)
    for _ in range(200):
        other = ball.project(ball.project(far, x) + 0.05 * torch.randn(20, 5, generator=rng, dtype=torch.float64), x)
        assert ((other - far).norm(dim=1) >= nearest - 1e-9).all()


@pytest.mark.parametrize(("norm", "mean"), [("linf", 0.3 * 6 / 7), ("l2", 0.3 * 6 / 7)])
def test_random_starts_fill_the_ball(norm: Norm, mean: float) -> None:
    """The size of a point drawn uniformly from a ball in d dimensions is radius * d / (d + 1) on average."""
    ball = Ball(norm, 0.3, -10.0, 10.0)
    x = torch.zeros(20_000, 6, dtype=torch.float64)
    sizes = ball.size(ball.sample(x, Generator().manual_seed(0)) - x)
    assert sizes.max() <= 0.3 + ROUNDING
    assert sizes.mean().item() == pytest.approx(mean, rel=0.01)


def test_random_starts_stay_within_the_bounds() -> None:
    x = torch.rand(100, 5)
    for norm in get_args(Norm):
        start = Ball(norm, 3.0, 0.0, 1.0).sample(x, Generator().manual_seed(0))
        assert start.min() >= 0
        assert start.max() <= 1


@pytest.mark.parametrize("bounds", [(-50.3, 3000.7), (-1e6, 1e6)])
@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_no_bound_is_passed_by_rounding_whatever_its_size(norm: Norm, bounds: tuple[float, float]) -> None:
    low, high = bounds
    x = torch.rand(500, 6, generator=torch.Generator().manual_seed(0)) * (high - low) + low
    moved = Ball(norm, 10 * (high - low), low, high).project(x + (x - x.mean()).sign() * 10 * (high - low), x)
    ends = torch.tensor(bounds)
    assert moved.min() >= ends[0]
    assert moved.max() <= ends[1]


@pytest.mark.parametrize("length", [1e-30, 1e-12, 1e12, 1e30])
def test_a_gradient_has_a_direction_whatever_its_length(length: float) -> None:
    """A model whose logits are tiny has tiny gradients and is none the safer."""
    gradient = torch.randn(20, 6, generator=torch.Generator().manual_seed(0))
    ball = Ball("l2", 1.0, 0.0, 1.0)
    assert torch.allclose(ball.steepest(gradient * length), ball.steepest(gradient), atol=1e-5)
    assert torch.equal(ball.steepest(torch.zeros(1, 6)), torch.zeros(1, 6))
