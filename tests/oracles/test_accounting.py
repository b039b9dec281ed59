"""The privacy spent, against Opacus's own accountant stepped through the same run."""

from math import erfc, exp, inf
from typing import get_args

import pytest
from opacus.accountants import create_accountant

from amulet.core.dataset import AmuletDataset
from amulet.models import LinearNet
from amulet.training import DPSGD, Accountant, Recipe
from amulet.training.dpsgd import epsilon_of, noise_for

DELTA = 1e-4


def stepped(sigma: float, rate: float, steps: int, accountant: Accountant) -> float:
    """Epsilon after telling Opacus of every step."""
    ledger = create_accountant(mechanism=accountant)
    for _ in range(steps):
        ledger.step(noise_multiplier=sigma, sample_rate=rate)
    return float(ledger.get_epsilon(delta=DELTA))


@pytest.mark.parametrize("accountant", get_args(Accountant))
def test_the_fact_of_a_run_equals_opacus_stepping_it(dataset: AmuletDataset, accountant: Accountant) -> None:
    defense = DPSGD(epsilon=None, noise_multiplier=0.9, delta=DELTA, accountant=accountant)
    recipe = Recipe(LinearNet(hidden=(4,), norm="none"), epochs=3, batch_size=48)
    facts = defense.train(recipe, dataset.train, seed=0).facts
    assert facts["steps"] == 15
    assert facts["sampling_rate"] == 48 / 200
    assert facts["epsilon"] == pytest.approx(stepped(0.9, 48 / 200, 15, accountant), rel=1e-9)


@pytest.mark.parametrize("lot_size", [20, 500])
def test_the_lot_size_decides_rate_and_steps(dataset: AmuletDataset, lot_size: int) -> None:
    defense = DPSGD(epsilon=None, noise_multiplier=0.9, delta=DELTA, lot_size=lot_size, accountant="rdp")
    recipe = Recipe(LinearNet(hidden=(4,), norm="none"), epochs=2, batch_size=48)
    facts = defense.train(recipe, dataset.train, seed=0).facts
    rate = min(lot_size, 200) / 200
    assert facts["sampling_rate"] == rate
    assert facts["epsilon"] == pytest.approx(stepped(0.9, rate, round(2 / rate), "rdp"), rel=1e-9)


@pytest.mark.parametrize(
    ("epsilon", "accountant"),
    [
        (0.5, "rdp"),
        (1.0, "rdp"),
        (8.0, "rdp"),
        (50.0, "rdp"),
        (8.0, "prv"),
    ],
)
def test_the_noise_found_spends_nearly_all_and_never_more(epsilon: float, accountant: Accountant) -> None:
    sigma = noise_for(epsilon, DELTA, 0.1, 50, accountant)
    spent = stepped(sigma, 0.1, 50, accountant)
    assert 0.95 * epsilon <= spent <= epsilon


def test_a_run_that_asks_for_epsilon_reports_no_more(dataset: AmuletDataset) -> None:
    defense = DPSGD(epsilon=4.0, delta=DELTA, accountant="rdp")
    recipe = Recipe(LinearNet(hidden=(4,), norm="none"), epochs=2, batch_size=20)
    facts = defense.train(recipe, dataset.train, seed=0).facts
    epsilon, sigma = facts["epsilon"], facts["noise_multiplier"]
    assert isinstance(epsilon, float)
    assert isinstance(sigma, float)
    assert 3.8 <= epsilon <= 4.0
    assert epsilon == pytest.approx(stepped(sigma, 0.1, 20, "rdp"), rel=1e-9)


@pytest.mark.parametrize("sigma", [2.0, 5.0])
def test_whole_batches_are_a_gaussian_mechanism(sigma: float) -> None:
    """Balle and Wang 2018, https://arxiv.org/abs/1805.06530, Theorem 8, for noise sigma / sqrt(steps)."""
    epsilon, steps = epsilon_of(sigma, DELTA, 1.0, 9, "prv"), 9
    near, far = (erfc((epsilon * sigma / steps**0.5 - side * steps**0.5 / 2 / sigma) / 2**0.5) / 2 for side in (1, -1))
    assert near - exp(epsilon) * far == pytest.approx(DELTA, rel=0.1)


def test_without_noise_there_is_no_privacy() -> None:
    assert epsilon_of(0.0, DELTA, 0.1, 10, "prv") == inf
