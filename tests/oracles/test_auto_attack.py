"""AutoAttack against pyautoattack, its authors' code in a package: each part and the whole, on the same models.

Both draw at random, so they are close, not equal. Square draws a window for each record here and one for all
records there, which makes it somewhat stronger here.
"""

from functools import cache
from typing import Any

import pytest
import torch
from pyautoattack import AutoAttack as Reference
from torch import nn

from amulet.core.data import Data
from amulet.core.dataset import AmuletDataset
from amulet.datasets import Digits
from amulet.evasion.attacks import PGD, AutoAttack
from amulet.evasion.attacks.auto_attack import PARTS, Part
from amulet.evasion.metrics import robust_accuracy
from amulet.functional.perturbations.balls import Norm
from amulet.models import SimpleCNN
from amulet.training import Recipe

RECORDS, STEPS, TARGETS, QUERIES = 250, 25, 3, 200
EPSILON: dict[Norm, float] = {"linf": 0.06, "l2": 0.3}


@pytest.fixture(scope="module")
def digits() -> AmuletDataset:
    return Digits().load()


@pytest.fixture(scope="module")
def model(digits: AmuletDataset) -> nn.Module:
    return Recipe(SimpleCNN((8, 16), hidden=32, norm="none"), epochs=12).fit(digits.train, seed=0).model


@pytest.fixture(scope="module")
def victims(digits: AmuletDataset) -> Data:
    return digits.test[torch.arange(RECORDS)]


@cache
def ours(model: nn.Module, victims: Data, norm: Norm, parts: tuple[Part, ...]) -> float:
    attack = AutoAttack(EPSILON[norm], norm, steps=STEPS, targets=TARGETS, queries=QUERIES, parts=parts)
    found = robust_accuracy(attack.attack(model, victims))
    assert isinstance(found, float)
    return found


def theirs(model: nn.Module, victims: Data, norm: Norm, parts: tuple[Part, ...]) -> float:
    name = {"linf": "Linf", "l2": "L2"}[norm]
    attack: Any = Reference(model, norm=name, eps=EPSILON[norm], version="custom", attacks=list(parts), seed=0)
    for part in (attack.apgd, attack.apgd_targeted, attack.fab):
        part.n_iter, part.n_restarts, part.n_target_classes = STEPS, 1, TARGETS
    attack.square.n_queries = QUERIES
    examples, _ = attack.run_standard_evaluation(victims.x, victims.y)
    with torch.no_grad():
        standing: torch.Tensor = model(examples).argmax(1) == victims.y
    return standing.double().mean().item()


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("norm", EPSILON)
@pytest.mark.parametrize("parts", [*[(part,) for part in PARTS], PARTS], ids="+".join)
def test_it_leaves_what_pyautoattack_leaves(
    model: nn.Module, victims: Data, norm: Norm, parts: tuple[Part, ...]
) -> None:
    found, expected = ours(model, victims, norm, parts), theirs(model, victims, norm, parts)
    assert 0.2 < expected < 0.95
    if parts == ("square",):
        assert expected - 0.1 <= found <= expected + 0.01
    else:
        assert found == pytest.approx(expected, abs=0.01 if parts == PARTS else 0.02)


@pytest.mark.parametrize("norm", EPSILON)
def test_it_never_leaves_more_than_pgd(model: nn.Module, victims: Data, norm: Norm) -> None:
    pgd = robust_accuracy(PGD(EPSILON[norm], norm, steps=40, step_size=0.1, restarts=2).attack(model, victims))
    assert isinstance(pgd, float)
    assert ours(model, victims, norm, PARTS) <= pgd
