"""The shortest step to a hyperplane within bounds, against linear programming and against bisection."""

from typing import get_args

import numpy as np
import pytest
import torch
from scipy.optimize import linprog
from torch import Generator, Tensor

from amulet.functional.perturbations.balls import Norm
from amulet.functional.perturbations.hyperplanes import shortest_step

RECORDS, FEATURES = 30, 8


@pytest.fixture
def problem() -> tuple[Tensor, Tensor, tuple[Tensor, Tensor]]:
    """Normals with zeros, gaps of either sign, features at their bounds."""
    rng = Generator().manual_seed(0)
    normal = torch.randn(RECORDS, FEATURES, generator=rng, dtype=torch.float64)
    normal[:, 0] = 0
    x = torch.rand(RECORDS, FEATURES, generator=rng, dtype=torch.float64).mul(1.4).sub(0.2).clamp(0, 1)
    return normal, 2 * torch.randn(RECORDS, generator=rng, dtype=torch.float64), (-x, 1 - x)


@pytest.mark.parametrize("norm", get_args(Norm))
def test_it_meets_the_hyperplane_within_bounds(
    problem: tuple[Tensor, Tensor, tuple[Tensor, Tensor]], norm: Norm
) -> None:
    normal, gap, room = problem
    step = shortest_step(normal, gap, room, norm)
    assert (step >= room[0]).all()
    assert (step <= room[1]).all()
    most = torch.where(normal * gap[:, None] > 0, room[1], room[0])
    reachable = (normal * most).sum(1).abs() >= gap.abs()
    assert 5 < reachable.sum() < RECORDS
    assert (normal * step).sum(1)[reachable].numpy() == pytest.approx(gap[reachable].numpy())
    assert torch.equal((step * (normal != 0))[~reachable], (most * (normal != 0))[~reachable])


def test_no_step_has_a_smaller_largest_entry(problem: tuple[Tensor, Tensor, tuple[Tensor, Tensor]]) -> None:
    normal, gap, room = problem
    sizes = shortest_step(normal, gap, room, "linf").abs().amax(1)
    for each in range(RECORDS):
        best = least_size(normal[each].numpy(), gap[each].item(), room[0][each].numpy(), room[1][each].numpy())
        if best is not None:
            assert sizes[each].item() == pytest.approx(best, abs=1e-9)


def least_size(normal: np.ndarray, gap: float, least: np.ndarray, most: np.ndarray) -> float | None:
    """Minimise t subject to normal . s = gap and |s_i| <= t within bounds."""
    ones = np.ones((FEATURES, 1))
    found = linprog(
        c=[*[0.0] * FEATURES, 1.0],
        A_eq=[[*normal, 0.0]],
        b_eq=[gap],
        A_ub=np.block([[np.eye(FEATURES), -ones], [-np.eye(FEATURES), -ones]]),
        b_ub=np.zeros(2 * FEATURES),
        bounds=[*zip(least, most, strict=True), (0, None)],
    )
    return float(found.fun) if found.success else None


def test_no_step_is_shorter(problem: tuple[Tensor, Tensor, tuple[Tensor, Tensor]]) -> None:
    """The shortest is clip(t * normal) for the t at which it meets the hyperplane."""
    normal, gap, room = problem
    short, long = torch.zeros(RECORDS, 1, dtype=torch.float64), torch.full((RECORDS, 1), 1e6, dtype=torch.float64)
    for _ in range(200):
        middle = (short + long) / 2
        reached = (normal * clipped(middle, problem)).sum(1, keepdim=True).abs() >= gap.abs()[:, None]
        short, long = torch.where(reached, short, middle), torch.where(reached, middle, long)
    expected = clipped(long, problem)
    assert shortest_step(normal, gap, room, "l2").numpy() == pytest.approx(expected.numpy(), abs=1e-9)


def clipped(time: Tensor, problem: tuple[Tensor, Tensor, tuple[Tensor, Tensor]]) -> Tensor:
    normal, gap, room = problem
    return (time * gap.sign()[:, None] * normal).clamp(*room)
