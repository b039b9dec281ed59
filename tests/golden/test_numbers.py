"""Numbers that must not move unless a `version` is raised, and identities that must not change by accident.

A test here that fails after a change says: the same settings now mean other numbers, so results in users'
stores would be stale. Raise `version` of the spec that changed, then write down the new values.
"""

import pytest
import torch
from torch.nn.functional import cross_entropy

from amulet.core.data import Data
from amulet.core.spec import Spec
from amulet.core.split import MemberDraw, ShadowDraw, Split
from amulet.core.trainable import Trainable
from amulet.data_reconstruction.attacks import ModelInversion, RegularizedInversion
from amulet.data_reconstruction.metrics import mse
from amulet.datasets import Digits
from amulet.evasion.attacks import PGD
from amulet.evasion.defenses import AdversarialTraining
from amulet.experiments.graph.tasks import Backend, Source, Train
from amulet.membership_inference.attacks import LiRA, LossThreshold
from amulet.membership_inference.defenses import DPSGD, EarlyStopping
from amulet.models import LinearNet, SimpleCNN
from amulet.poisoning.attacks import BadNets, Patch
from amulet.poisoning.defenses import OutlierRemoval, SpectralSignatures
from amulet.testing import TOY_RECIPE, toy_dataset, toy_game
from amulet.training import Defense, Held, LogitAdjustment, Recipe

DPSGD_TOY = DPSGD(epsilon=None, noise_multiplier=1.0, delta=1e-3)


@pytest.mark.parametrize(
    ("defense", "loss"),
    [
        (None, 0.2777),
        (AdversarialTraining(epsilon=0.1), 0.5785),
        (EarlyStopping(), 0.5570),
        (DPSGD_TOY, 0.5120),
    ],
    ids=["plain", "adversarial training", "early stopping", "dp-sgd"],
)
def test_the_loss_after_training(defense: Defense | None, loss: float) -> None:
    data = toy_dataset().train
    recipe = defense.apply(TOY_RECIPE) if defense else TOY_RECIPE
    assert mean_loss(recipe, data) == pytest.approx(loss, abs=2e-4)


def mean_loss(recipe: Trainable, data: Data) -> float:
    model = recipe.fit(data, seed=3).model
    with torch.no_grad():
        return cross_entropy(model(data.x), data.y).item()


def test_the_scores_of_membership_inference() -> None:
    found = [attack.play(toy_game(attack)).scores.mean().item() for attack in (LossThreshold(), LiRA(shadows=4))]
    assert found == pytest.approx([-0.4426, 0.0667], abs=2e-3)


def test_the_errors_of_reconstructions() -> None:
    found = [mse(attack.play(toy_game(attack))) for attack in (ModelInversion(), RegularizedInversion())]
    assert found == pytest.approx([0.0928, 0.0874], abs=2e-3)


def test_the_records_that_are_poisoned_and_those_that_are_removed() -> None:
    data, held = toy_dataset().train, Held(validation=toy_dataset(seed=1).test)
    attack = BadNets(fraction=0.05)
    assert attack.poisoned(data, seed=3).index.tolist() == [13, 106, 64, 95, 6, 79]
    for defense, removed in (
        (OutlierRemoval(5), [7, 21, 70, 72, 94, 122]),
        (SpectralSignatures(5), [4, 11, 21, 70, 91, 93]),
    ):
        fitted = defense.train(TOY_RECIPE, attack.tamper(data, seed=3), seed=3, held=held)
        assert fitted.artifacts[type(defense).__name__]["removed"].tolist() == removed


def test_the_perturbations_of_pgd() -> None:
    outcome = PGD(epsilon=0.1, steps=5).play(toy_game(PGD()))
    assert outcome.size.mean().item() == pytest.approx(0.0663, abs=2e-3)


def test_the_draws_of_a_split() -> None:
    split = Split(seed=1)
    assert split.divide(20).members.tolist() == [0, 1, 2, 7, 13, 16, 17, 18, 19]
    assert ShadowDraw(split, 2).choose(toy_dataset(25).train).tolist() == [0, 1, 2, 4, 8, 10, 11, 18, 19]


@pytest.mark.parametrize(
    ("spec", "digest"),
    [
        (Recipe(LinearNet((64, 32), norm="group"), epochs=5), "aa56addca233aa8c"),
        (Recipe(SimpleCNN(), objective=LogitAdjustment((0.5, 0.5))), "71403ae49ca85726"),
        (PGD(epsilon=8 / 255), "75124fb56efecb03"),
        (LiRA(shadows=16), "1d008138312ec04b"),
        (BadNets(pattern=Patch()), "324eb9f77d0d4578"),
        (OutlierRemoval(20).apply(TOY_RECIPE), "4e0f66690fb90cf3"),
        (OutlierRemoval(20).apply(AdversarialTraining().apply(TOY_RECIPE)), "73f2a1329b462c71"),
        (
            Train(TOY_RECIPE, Source("toy", "0" * 64), MemberDraw(Split()), 0, Backend("cpu", "2.13.0")),
            "7c69f22344c75731",
        ),
    ],
    ids=["recipe", "images", "pgd", "lira", "badnets", "outlier removal", "two defenses", "a training task"],
)
def test_identities(spec: Spec, digest: str) -> None:
    assert spec.digest[:16] == digest


def test_the_content_of_a_data_set() -> None:
    assert Digits().load().content[:16] == "015accf199eeef0b"
