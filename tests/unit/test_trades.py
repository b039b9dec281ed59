"""TRADES: the penalty is what equation (5) says, and acts in the one loop."""

from dataclasses import replace
from typing import get_args

import pytest
import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import kl_div

from amulet.core.dataset import AmuletDataset
from amulet.datasets import Digits
from amulet.evasion.attacks import PGD
from amulet.evasion.defenses import TRADES
from amulet.evasion.defenses.trades import divergence
from amulet.evasion.metrics import robust_accuracy
from amulet.functional.perturbations.balls import Ball, Norm
from amulet.models import LinearNet
from amulet.training import DPSGD, Adam, Recipe
from amulet.training.loop import record_losses
from amulet.training.updates import Pace, PlainRule


@pytest.fixture(autouse=True)
def _weights_are_the_same_every_time() -> None:
    torch.manual_seed(0)


def weights(model: nn.Module) -> Tensor:
    return torch.cat([parameter.detach().flatten() for parameter in model.parameters()])


def test_the_divergence_is_torch_s() -> None:
    log_p, log_q = (torch.randn(5, 4, generator=Generator().manual_seed(seed)).log_softmax(1) for seed in (0, 1))
    expected = kl_div(log_q, log_p, log_target=True, reduction="none").sum(1)
    assert divergence(log_p, log_q).numpy() == pytest.approx(expected.numpy(), rel=1e-5)


def test_the_penalty_is_beta_times_the_divergence_to_the_twin(dataset: AmuletDataset) -> None:
    model = LinearNet((8,)).build(dataset.schema).eval()
    batch = dataset.train[torch.arange(20)]
    defense = TRADES(epsilon=0.2, beta=3.0)
    twin = defense.twin(model, batch, Generator().manual_seed(0))
    penalty = defense.penalize(model, model(batch.x), replace(batch, twins=twin))
    p, q = model(batch.x).softmax(1), model(twin).softmax(1)
    assert penalty.detach().numpy() == pytest.approx(
        (3 * (p * (p / q).log()).sum(1)).detach().numpy(), rel=1e-3, abs=1e-6
    )


@pytest.mark.parametrize("norm", get_args(Norm))
def test_the_twin_lies_in_the_ball_and_differs_more_than_noise(dataset: AmuletDataset, norm: Norm) -> None:
    model = LinearNet((8,)).build(dataset.schema).eval()
    batch, rng = dataset.train, Generator().manual_seed(0)
    ball = Ball(norm, 0.2, 0.0, 1.0)
    twin = TRADES(epsilon=0.2, norm=norm).twin(model, batch, rng)
    assert (ball.size(twin - batch.x) <= 0.2 + 1e-6).all()
    assert twin.min() >= 0
    assert twin.max() <= 1
    clean, near, random = (
        model(points).log_softmax(1).detach() for points in (batch.x, twin, ball.sample(batch.x, rng))
    )
    assert (divergence(clean, near) >= divergence(clean, random) - 1e-7).double().mean() > 0.9


def test_a_beta_of_zero_is_plain_training(dataset: AmuletDataset, recipe: Recipe) -> None:
    plain = recipe.fit(dataset.train, seed=0).model
    penalised = TRADES(beta=0.0).train(recipe, dataset.train, seed=0).model
    assert torch.equal(weights(plain), weights(penalised))


def test_the_search_leaves_running_statistics_alone(dataset: AmuletDataset) -> None:
    """It is made in evaluation mode; only the two passes that are trained on count batches."""
    recipe = Recipe(LinearNet((8,), norm="batch"), epochs=1, batch_size=50)
    counts = [
        buffer.item()
        for name, buffer in TRADES(steps=7).train(recipe, dataset.train, seed=0).model.named_buffers()
        if name.endswith("num_batches_tracked")
    ]
    assert counts == [2 * 4]


def test_it_lowers_its_own_risk() -> None:
    digits, recipe = Digits().load(), Recipe(LinearNet((32,), norm="group"), epochs=8, optimizer=Adam(lr=0.01))
    trained = (recipe, TRADES(epsilon=0.1, steps=5).apply(recipe))
    plain, robust = (
        robust_accuracy(PGD(epsilon=0.1).attack(each.fit(digits.train, seed=0).model, digits.test)) for each in trained
    )
    assert isinstance(plain, float)
    assert isinstance(robust, float)
    assert robust > plain + 0.2


def test_beside_dp_sgd_each_record_s_penalty_is_its_own(dataset: AmuletDataset, recipe: Recipe) -> None:
    """Without noise and clipping, private gradients of one batch of all records are plain ones."""
    defense, model = TRADES(epsilon=0.2), recipe.build(dataset.schema)
    twins = defense.twin(model.eval(), dataset.train, Generator().manual_seed(0))
    batch = replace(dataset.train, twins=twins[:, None])
    losses = record_losses(defense.apply(recipe), dataset.train)
    pace = Pace(records=len(batch), batch_size=len(batch), epochs=1)
    exact = DPSGD(epsilon=None, noise_multiplier=0.0, clip=float("inf"), delta=1e-3)
    gradients = []
    for rule in (PlainRule(pace), exact.begin(pace, seed=0, device="cpu")):
        rule.backward(losses, model, batch)
        gradients.append(torch.cat([p.grad.flatten() for p in model.parameters() if p.grad is not None]).numpy())
    assert gradients[1] == pytest.approx(gradients[0], abs=1e-5)


def test_two_penalties_each_have_their_own_twin(dataset: AmuletDataset, recipe: Recipe) -> None:
    """The second finds what it sought itself, not what the first did."""
    one = TRADES(epsilon=0.0, beta=2.0).apply(TRADES(epsilon=0.2).apply(recipe))
    other = TRADES(epsilon=0.2).apply(recipe)
    assert torch.allclose(
        weights(one.fit(dataset.train, seed=0).model), weights(other.fit(dataset.train, seed=0).model), atol=1e-6
    )
