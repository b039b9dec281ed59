"""A CUDA device computes what the CPU does, within rounding. Skipped without one."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from amulet.core.dataset import AmuletDataset
from amulet.core.model import predict
from amulet.core.split import Split
from amulet.core.trainable import Trainable
from amulet.evasion.attacks import PGD
from amulet.functional.knn_shapley import knn_shapley
from amulet.membership_inference.attacks import LiRA
from amulet.models import LinearNet
from amulet.training import DPSGD, Adam, Recipe, fit_shadows

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device"),
]
RECIPE = Recipe(LinearNet((16,), norm="group"), epochs=3, batch_size=32, optimizer=Adam(lr=0.01))
CLIPPED = DPSGD(epsilon=None, noise_multiplier=0.0, clip=1.0, delta=1e-3)
"""Without noise, which each device draws in its own way."""


def on_both(recipe: Trainable, dataset: AmuletDataset) -> list[Tensor]:
    models = [recipe.fit(dataset.train, seed=0, device=device).model for device in ("cpu", "cuda")]
    return [predict(model.cpu(), dataset.test.x) for model in models]


@pytest.mark.parametrize("recipe", [RECIPE, CLIPPED.apply(RECIPE)], ids=["plain", "dp-sgd"])
def test_training_gives_the_same_model(recipe: Trainable, dataset: AmuletDataset) -> None:
    on_cpu, on_gpu = on_both(recipe, dataset)
    assert torch.allclose(on_gpu, on_cpu, atol=1e-2)
    assert (on_gpu.argmax(1) == on_cpu.argmax(1)).double().mean() > 0.98


def test_pgd_finds_the_same_examples(dataset: AmuletDataset) -> None:
    model, attack = RECIPE.fit(dataset.train, seed=0).model, PGD(epsilon=0.1, random_start=False)
    on_cpu = attack.attack(model, dataset.test)
    on_gpu = attack.attack(model.cuda(), dataset.test)
    assert (on_gpu.adversarial == on_cpu.adversarial).double().mean() > 0.98
    assert torch.allclose(on_gpu.size, on_cpu.size, atol=1e-4)


def test_lira_gives_the_same_scores(dataset: AmuletDataset) -> None:
    split, attack = Split(seed=0), LiRA(shadows=4)
    division = split.divide(len(dataset.train))
    members, others = dataset.train[division.members], dataset.train[division.auxiliary]
    target = RECIPE.fit(members, seed=0).model
    shadows = fit_shadows(RECIPE, dataset, split, 4)
    on_cpu = attack.attack(target, members, others, models={"shadow": shadows})
    moved = tuple(replace(shadow, model=shadow.model.cuda()) for shadow in shadows)
    on_gpu = attack.attack(target.cuda(), members, others, models={"shadow": moved})
    assert torch.equal(on_gpu.index, on_cpu.index)
    assert torch.allclose(on_gpu.scores, on_cpu.scores, atol=1e-2)


def test_shapley_values_are_the_same(dataset: AmuletDataset) -> None:
    found = []
    for device in ("cpu", "cuda"):
        train, test = dataset.train.to(device), dataset.test.to(device)
        found.append(knn_shapley(train.x, train.y, test.x, test.y, 5).cpu())
    assert torch.allclose(found[1], found[0], atol=1e-9)
