"""Auto-PGD, FAB and Square against a linear model of two classes, where the worst case is known.

With f = w x + b of the true class less the other's, a record falls within a box of radius r if and only if
f < r |w|_1, and within a Euclidean ball if f < r |w|_2, the bounds being far.
"""

from typing import get_args

import pytest
import torch
from torch import Generator, Tensor, nn

from amulet.functional.perturbations.apgd import apgd, cross_entropy_of
from amulet.functional.perturbations.balls import Ball, Norm
from amulet.functional.perturbations.fab import fab
from amulet.functional.perturbations.square import square

RECORDS, FEATURES = 300, 10
RADIUS: dict[Norm, float] = {"linf": 0.1, "l2": 0.25}


@pytest.fixture
def model(double: None) -> nn.Linear:
    del double
    torch.manual_seed(0)
    return nn.Linear(FEATURES, 2)


@pytest.fixture
def x() -> Tensor:
    return torch.rand(RECORDS, FEATURES, generator=Generator().manual_seed(1), dtype=torch.float64)


def falls(model: nn.Linear, x: Tensor, y: Tensor, norm: Norm) -> Tensor:
    """(n,) whether any point of the ball is wrong."""
    logits = model(x).detach()
    gap = (logits.gather(1, y[:, None]) - logits.gather(1, 1 - y[:, None])).squeeze(1)
    weight = (model.weight[0] - model.weight[1]).detach()
    reach: Tensor = weight.abs().sum() if norm == "linf" else weight.norm()
    within: Tensor = gap < RADIUS[norm] * reach
    return within


def searched(name: str, model: nn.Linear, x: Tensor, y: Tensor, ball: Ball) -> Tensor:
    rng = Generator().manual_seed(2)
    match name:
        case "apgd":
            return apgd(model, x, y, 1 - y, ball, loss=cross_entropy_of, steps=40, rng=rng)
        case "fab":
            return fab(model, x, y, 1 - y, ball, steps=20)
    return square(model, x, y, ball, queries=3000, rng=rng)


@pytest.mark.parametrize("norm", get_args(Norm))
@pytest.mark.parametrize(("name", "missed"), [("apgd", 0), ("fab", 0.01), ("square", 0.04)])
def test_it_finds_an_example_wherever_there_is_one(
    model: nn.Linear, x: Tensor, norm: Norm, name: str, missed: float
) -> None:
    y = model(x).argmax(1)
    ball = Ball(norm, RADIUS[norm], -100.0, 100.0)
    found = searched(name, model, x, y, ball)
    broken, expected = model(found).argmax(1) != y, falls(model, x, y, norm)
    assert 0.3 < expected.double().mean() < 0.9
    assert (ball.size(found - x) <= RADIUS[norm] + 1e-12).all()
    assert not (broken & ~expected).any()
    assert (expected & ~broken).double().mean() <= missed
