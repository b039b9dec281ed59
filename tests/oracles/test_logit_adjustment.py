"""Logit adjustment on a toy with known probabilities: its minimiser is log p(y | x) - tau log share(y)."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from amulet.testing import toy_dataset
from amulet.training import LogitAdjustment

JOINT = torch.tensor([[0.50, 0.03, 0.02], [0.20, 0.06, 0.01], [0.05, 0.03, 0.10]], dtype=torch.float64)
"""The chance of each of three inputs (rows) with each of three classes (columns)."""
SHARES = JOINT.sum(0)
CELLS = torch.cartesian_prod(torch.arange(3), torch.arange(3))


def expected_loss(logits: Tensor, tau: float) -> Tensor:
    """The objective's mean over the toy's distribution, for logits per input."""
    inputs, labels = CELLS.T
    objective = LogitAdjustment(class_shares=tuple(SHARES.tolist()), tau=tau)
    batch = replace(toy_dataset().train[torch.arange(len(labels)) % 100], y=labels)
    return objective.losses(logits[inputs], batch) @ JOINT.flatten()


def minimiser(tau: float) -> Tensor:
    return (JOINT / JOINT.sum(1, keepdim=True)).log() - tau * SHARES.log()


@pytest.mark.parametrize("tau", [0.0, 0.5, 1.0, 2.0])
def test_the_closed_form_is_stationary(tau: float) -> None:
    logits = minimiser(tau).requires_grad_()
    (slope,) = torch.autograd.grad(expected_loss(logits, tau), logits)
    assert slope.abs().max() < 1e-12


@pytest.mark.parametrize("tau", [0.0, 1.0])
def test_descent_finds_the_closed_form(tau: float) -> None:
    logits = torch.zeros(3, 3, dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS([logits], max_iter=200, tolerance_grad=1e-10, tolerance_change=0)

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = expected_loss(logits, tau)
        loss.backward()
        return loss

    optimizer.step(closure)
    assert torch.allclose(logits.softmax(1), minimiser(tau).softmax(1), atol=1e-4)


def test_the_minimiser_is_best_in_balanced_accuracy() -> None:
    """Of all 27 rules for three inputs; the plain minimiser (tau 0) is not."""
    rules = torch.cartesian_prod(torch.arange(3), torch.arange(3), torch.arange(3))

    def balanced_accuracy(rule: Tensor) -> float:
        right = JOINT[torch.arange(3), rule] / SHARES[rule]
        return (right.sum() / 3).item()

    best = max(balanced_accuracy(rule) for rule in rules)
    assert balanced_accuracy(minimiser(1.0).argmax(1)) == pytest.approx(best)
    assert balanced_accuracy(minimiser(0.0).argmax(1)) < best
