"""Optimizers are torch's, schedules are shares of their rate."""

from collections.abc import Callable, Iterable

import pytest
import torch
from torch import nn, optim

from amulet.core.errors import InvalidParameter
from amulet.training import SGD, Adam, Constant, Cosine, OneCycle, Optimizer, Schedule, Steps

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
        (Steps(), 0.49, 1.0),
        (Steps(), 0.5, 0.1),
        (Steps(), 0.8, 0.01),
        (Steps(milestones=(0.2,), decay=0.5), 0.2, 0.5),
    ],
    ids=str,
)
def test_a_schedule_gives_a_share_of_the_rate(schedule: Schedule, progress: float, factor: float) -> None:
    assert schedule.factor(progress) == pytest.approx(factor)


@pytest.mark.parametrize("milestones", [(), (0.5, 0.5), (0.7, 0.3)])
def test_milestones_come_one_after_the_other(milestones: tuple[float, ...]) -> None:
    with pytest.raises(InvalidParameter, match="The 'milestones' of Steps must be at least one share, each larger"):
        Steps(milestones=milestones)


def test_steps_are_torch_s_multi_step_rate() -> None:
    optimizer = optim.SGD([nn.Parameter(torch.zeros(1))], lr=1.0)
    reference = optim.lr_scheduler.MultiStepLR(optimizer, milestones=[10, 15], gamma=0.1)
    for step in range(20):
        assert Steps().factor(step / 20) == pytest.approx(optimizer.param_groups[0]["lr"])
        optimizer.step()
        reference.step()
