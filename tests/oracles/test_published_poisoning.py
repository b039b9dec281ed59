"""Figures of the literature on real images, a few thousand of them: Gu et al. 2019, Jia et al. 2019, Tran et al. 2018.

docs/risks/poisoning has the figures on 20,000, on the page of the attack and on those of the defenses.
"""

import gzip
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from amulet.core.data import Data
from amulet.core.dataset import AmuletDataset
from amulet.core.split import Split
from amulet.datasets import from_arrays
from amulet.models import SimpleCNN
from amulet.poisoning.attacks import BadNets
from amulet.poisoning.defenses import OutlierRemoval, SpectralSignatures
from amulet.poisoning.metrics import clean_accuracy, clean_target_rate, poisoned_accuracy
from amulet.training import Adam, Fitted, Held, OneCycle, Recipe

RECIPE = Recipe(SimpleCNN((16, 32), hidden=64), epochs=5, batch_size=64, optimizer=Adam(lr=5e-3), schedule=OneCycle())
NARROW = replace(RECIPE, model=SimpleCNN((8, 16), hidden=32))
SPLIT = Split(members=0.8)


def numbers(path: Path, header: int, count: int) -> NDArray[np.uint8]:
    with gzip.open(path) as file:
        return np.frombuffer(file.read(header + count)[header:], np.uint8).copy()


@pytest.fixture(scope="module")
def fashion() -> AmuletDataset:
    """6,000 training and 2,000 test images."""
    folder = Path(os.environ.get("AMULET_DATA", "")) / "fashion-mnist"
    if "AMULET_DATA" not in os.environ or not folder.exists():
        pytest.skip("AMULET_DATA names no folder with fashion-mnist in it")
    parts = [
        (
            numbers(folder / f"{name}-images-idx3-ubyte.gz", 16, count * 784).reshape(-1, 1, 28, 28),
            numbers(folder / f"{name}-labels-idx1-ubyte.gz", 8, count).astype(np.int64),
        )
        for name, count in (("train", 6000), ("t10k", 2000))
    ]
    return from_arrays(parts[0], parts[1], name="FashionMNIST")


def backdoored(data: AmuletDataset, fraction: float) -> tuple[BadNets, Data, Held]:
    attack = BadNets(fraction=fraction)
    members = data.train[SPLIT.divide(len(data.train)).members]
    return attack, attack.tamper(members), Held(SPLIT.validation_of(data.train))


def found(attack: BadNets, fitted: Fitted, data: AmuletDataset) -> tuple[float, float, float]:
    """Clean accuracy, success, and what success would be by chance."""
    outcome = attack.attack(fitted.model, data.test)
    values = [metric(outcome) for metric in (clean_accuracy, poisoned_accuracy, clean_target_rate)]
    return tuple(float(value) for value in values)  # type: ignore[return-value, arg-type]


def test_badnets_opens_a_backdoor_and_outlier_removal_closes_it(fashion: AmuletDataset) -> None:
    attack, records, held = backdoored(fashion, 0.1)
    before, opened, _ = found(attack, NARROW.fit(records, seed=0), fashion)
    assert opened > 0.95

    defended = OutlierRemoval(25).train(NARROW, records, seed=0, held=held)

    poison = attack.poisoned(fashion.train[SPLIT.divide(6000).members], seed=0).index
    assert torch.isin(poison, defended.artifacts["OutlierRemoval"]["removed"]).double().mean() > 0.97
    after, left, chance = found(attack, defended, fashion)
    assert left < chance + 0.1
    assert after > before - 0.05


def test_spectral_signatures_close_a_backdoor_of_a_tenth_of_a_class(fashion: AmuletDataset) -> None:
    attack, records, held = backdoored(fashion, 0.01)
    assert found(attack, RECIPE.fit(records, seed=0), fashion)[1] > 0.5

    _, success, chance = found(attack, SpectralSignatures(15).train(RECIPE, records, seed=0, held=held), fashion)

    assert success < chance + 0.15
