"""PGD against confident models: logits times any factor are the same decisions, hence the same robustness.

Where the softmax saturates, the gradient of cross-entropy vanishes and the model only looks robust, as in Carlini
and Wagner 2016, https://arxiv.org/abs/1607.04311.
"""

from typing import get_args

import pytest
import torch
from torch import Generator, Tensor, nn

from amulet.core.dataset import AmuletDataset
from amulet.evasion.attacks import PGD
from amulet.evasion.defenses import AdversarialTraining
from amulet.evasion.metrics import clean_accuracy, robust_accuracy
from amulet.functional.perturbations.balls import Ball, Norm
from amulet.functional.perturbations.pgd import pgd
from amulet.models import LinearNet
from amulet.training import Adam, Recipe

SCALES = (1, 10, 100, 1000)
EPSILON: dict[Norm, float] = {"linf": 0.05, "l2": 0.1}


class Scaled(nn.Module):
    """A model whose logits are multiplied: as confident as one likes, and never of another opinion."""

    def __init__(self, model: nn.Module, scale: float) -> None:
        super().__init__()
        self.model, self.scale = model, scale

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x) * self.scale  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def models(dataset: AmuletDataset) -> list[nn.Module]:
    """One trained net, by scale of its logits."""
    recipe = Recipe(LinearNet(hidden=(16, 16), norm="none"), epochs=20, batch_size=32, optimizer=Adam(lr=0.01))
    trained = recipe.fit(dataset.train, seed=0).model
    return [Scaled(trained, scale) for scale in SCALES]


@pytest.mark.parametrize("norm", get_args(Norm))
def test_confidence_is_no_robustness(models: list[nn.Module], dataset: AmuletDataset, norm: Norm) -> None:
    outcomes = [PGD(epsilon=EPSILON[norm], norm=norm).attack(model, dataset.test) for model in models]
    clean, *_ = (clean_accuracy(outcome) for outcome in outcomes)
    robust, *others = (robust_accuracy(outcome) for outcome in outcomes)
    assert 0 < float(robust) < float(clean)  # type: ignore[arg-type]
    assert others == [robust] * 3


@pytest.mark.parametrize("norm", get_args(Norm))
def test_the_climb_is_the_same_whatever_the_confidence(
    models: list[nn.Module], dataset: AmuletDataset, norm: Norm
) -> None:
    data, ball = dataset.test, Ball(norm, EPSILON[norm], 0.0, 1.0)
    ends = [
        pgd(model, data.x, data.y, ball, steps=10, step_size=0.25, rng=Generator().manual_seed(0)) for model in models
    ]
    for end in ends:
        torch.testing.assert_close(end, ends[0])


def test_adversarial_training_sees_the_same_examples(models: list[nn.Module], dataset: AmuletDataset) -> None:
    defense = AdversarialTraining(epsilon=0.05)
    seen = [defense.perturb(model, dataset.train, Generator().manual_seed(0)).x for model in models]
    assert (seen[0] - dataset.train.x).abs().amax(1) == pytest.approx(0.05, abs=1e-6)
    for examples in seen:
        torch.testing.assert_close(examples, seen[0])
