"""Optimizers are torch's, schedules are shares of their rate."""

from collections.abc import Callable, Iterable

import pytest
import torch
from torch import nn, optim

from amulet.core.errors import InvalidParameter
from amulet.training import SGD, Adam, Constant, Cosine, OneCycle, Optimizer, Schedule

Build = Callable[[Iterable[nn.Parameter]], optim.Optimizer]


@pytest.mark.parametrize(
    ("spec", "reference"),
    [
        (Adam(lr=0.01), lambda parameters: optim.Adam(parameters, lr=0.01)),
        (
            Adam(lr=0.01, weight_decay=0.1),
            lambda parameters: optim.AdamW(parameters, lr=0.01, weight_decay=0.1),
        ),
        (SGD(lr=0.1, momentum=0), lambda parameters: optim.SGD(parameters, lr=0.1)),
        (SGD(nesterov=True), lambda parameters: optim.SGD(parameters, lr=0.1, momentum=0.9, nesterov=True)),
    ],
    ids=["adam", "adam with decay", "sgd", "nesterov"],
)
def test_a_step_is_torch_s_step(spec: Optimizer, reference: Build) -> None:
    ends = []
    for build in (spec.build, reference):
        weight = nn.Parameter(torch.tensor([1.0, -2.0]))
        optimizer = build([weight])
        for _ in range(5):
            optimizer.zero_grad()
            weight.square().sum().backward()
            optimizer.step()
        ends.append(weight.detach())
    assert torch.allclose(ends[0], ends[1])


@pytest.mark.parametrize("spec", [Adam, SGD])
def test_a_rate_must_be_positive(spec: type[Adam] | type[SGD]) -> None:
    with pytest.raises(InvalidParameter, match=f"The 'lr' of {spec.__name__} must be greater than 0. Got 0."):
        spec(lr=0)


def test_nesterov_needs_momentum() -> None:
    with pytest.raises(InvalidParameter, match=r"'(nesterov|momentum)' of SGD"):
        SGD(momentum=0, nesterov=True)


@pytest.mark.parametrize(
    ("schedule", "progress", "factor"),
    [
        (Constant(), 0.7, 1.0),
        (Cosine(), 0.0, 1.0),
        (Cosine(), 0.5, 0.5),
        (Cosine(), 1.0, 0.0),
        (OneCycle(), 0.0, 0.04),
        (OneCycle(), 0.3, 1.0),
        (OneCycle(), 1.0, 0.0),
    ],
    ids=str,
)
def test_a_schedule_gives_a_share_of_the_rate(schedule: Schedule, progress: float, factor: float) -> None:
    assert schedule.factor(progress) == pytest.approx(factor)
