"""PGD against a linear model, where the worst case is known: Madry et al.'s inner maximum has a closed form.

For logits w x + b of two classes the loss of class y falls with (w_y - w_other) x, so the worst x' in a box
follows the signs of the difference, and the worst x' in a Euclidean ball and a box lies on clip(x - t v).
"""

from typing import get_args

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from amulet.datasets import from_arrays
from amulet.evasion.attacks import PGD
from amulet.evasion.metrics import robust_accuracy
from amulet.functional.perturbations.balls import Ball, Norm
from amulet.functional.perturbations.pgd import pgd

RECORDS, FEATURES = 200, 10


@pytest.fixture
def model(double: None) -> nn.Linear:
    del double
    torch.manual_seed(0)
    return nn.Linear(FEATURES, 2)


@pytest.fixture
def records() -> tuple[Tensor, Tensor]:
    rng = Generator().manual_seed(1)
    x = torch.rand(RECORDS, FEATURES, generator=rng, dtype=torch.float64)
    return x, torch.randint(2, (RECORDS,), generator=rng)


def towards_error(model: nn.Linear, y: Tensor) -> Tensor:
    """(n, features) the direction that raises each record's loss."""
    difference = (model.weight[1] - model.weight[0]).detach()
    return torch.where(y == 1, -1.0, 1.0)[:, None] * difference


def worst_in_box(x: Tensor, direction: Tensor, ball: Ball) -> Tensor:
    return (x + ball.radius * direction.sign()).clamp(ball.low, ball.high)


def worst_in_ball(x: Tensor, direction: Tensor, ball: Ball) -> Tensor:
    """clip(x + t v) with the t for which the step is as long as the ball allows, by bisection."""
    short, long = torch.zeros(len(x), 1, dtype=x.dtype), torch.full((len(x), 1), 1e6, dtype=x.dtype)
    for _ in range(100):
        middle = (short + long) / 2
        step = (x + middle * direction).clamp(ball.low, ball.high) - x
        outside = step.norm(dim=1, keepdim=True) > ball.radius
        short, long = torch.where(outside, short, middle), torch.where(outside, middle, long)
    return (x + short * direction).clamp(ball.low, ball.high)


WORST = {"linf": worst_in_box, "l2": worst_in_ball}


def losses(model: nn.Linear, x: Tensor, y: Tensor) -> Tensor:
    return cross_entropy(model(x), y, reduction="none").detach()


@pytest.mark.parametrize("norm", get_args(Norm))
@pytest.mark.parametrize("radius", [0.05, 0.3, 1.0])
@pytest.mark.parametrize("bounds", [(-100.0, 100.0), (0.0, 1.0)], ids=["wide bounds", "tight bounds"])
@pytest.mark.parametrize("random_start", [True, False])
def test_the_climb_ends_at_the_worst_case(
    model: nn.Linear,
    records: tuple[Tensor, Tensor],
    norm: Norm,
    radius: float,
    bounds: tuple[float, float],
    random_start: bool,
) -> None:
    x, y = records
    ball = Ball(norm, radius, *bounds)
    rng = Generator().manual_seed(2) if random_start else None
    found = pgd(model, x, y, ball, steps=60, step_size=1.0, rng=rng)
    worst = WORST[norm](x, towards_error(model, y), ball)
    assert losses(model, found, y) == pytest.approx(losses(model, worst, y).numpy(), rel=1e-6)


@pytest.mark.parametrize("norm", get_args(Norm))
def test_the_attack_s_robust_accuracy_is_that_of_the_worst_case(
    model: nn.Linear, records: tuple[Tensor, Tensor], norm: Norm
) -> None:
    x, model = records[0].float(), model.float()
    y = model(x).argmax(1)
    y[:50] = 1 - y[:50]
    dataset = from_arrays((x, y), (x, y), bounds=(0.0, 1.0))
    radius = 0.05 if norm == "linf" else 0.15
    outcome = PGD(epsilon=radius, norm=norm, steps=60, step_size=1.0).attack(model, dataset.test)
    worst = WORST[norm](x, towards_error(model, y), Ball(norm, radius, 0.0, 1.0))
    exact = ((model(worst.float()).argmax(1) == y) & (outcome.clean == y)).double().mean().item()
    assert 0.1 < exact < 0.7
    assert robust_accuracy(outcome) == exact
