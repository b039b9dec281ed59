"""Membership on over-fitted models of Census: members are found, and nobody is where there is nothing to find.

A model without regularisation learns 1,350 records by heart. The attacks share its 16 shadow models.
"""

import os
from dataclasses import replace

import pytest
import torch
from torch import Generator

from amulet.core.dataset import AmuletDataset
from amulet.core.probe import Game
from amulet.core.roles import TARGET
from amulet.core.split import Split
from amulet.core.threat import TrainedModel
from amulet.datasets import Census
from amulet.experiments import game_for
from amulet.functional.roc import area_under, roc
from amulet.membership_inference import MembershipInferenceAttack, MembershipOutcome
from amulet.membership_inference.attacks import RMIA, LiRA, LossThreshold, SignalThreshold
from amulet.membership_inference.metrics import accuracy_at_threshold, auc, balanced_accuracy
from amulet.models import LinearNet
from amulet.training import Adam, Recipe

pytestmark = pytest.mark.skipif("AMULET_DATA" not in os.environ, reason="needs the files of $AMULET_DATA")

BY_HEART = Recipe(LinearNet((512,), norm="none"), epochs=60, batch_size=64, optimizer=Adam(lr=3e-3))
ATTACKS: tuple[MembershipInferenceAttack, ...] = (
    LossThreshold(),
    SignalThreshold(),
    LiRA(),
    LiRA(online=False),
    RMIA(shadows=1, online=False),
    RMIA(shadows=2),
    RMIA(shadows=16),
)
SHUFFLES = 500
"""Permutations of the membership; with so many, p below 1% would be no accident."""


@pytest.fixture(scope="module")
def census() -> AmuletDataset:
    return Census(train_records=3000, test_records=1500).load()


@pytest.fixture(scope="module")
def game(census: AmuletDataset) -> Game:
    return game_for(LiRA(shadows=16), BY_HEART, census, Split())


@pytest.fixture(scope="module")
def outcomes(game: Game) -> dict[str, MembershipOutcome]:
    return {str(attack): attack.play(game) for attack in ATTACKS}


def area(outcome: MembershipOutcome) -> float:
    found = auc(outcome)
    assert isinstance(found, float)
    return found


def test_lira_knows_members_of_an_over_fitted_model(outcomes: dict[str, MembershipOutcome]) -> None:
    loss, online, offline = (area(outcomes[name]) for name in ("LossThreshold", "LiRA", "LiRA(online=False)"))
    assert online >= 0.60
    assert offline >= 0.57
    assert min(online, offline) > loss


def test_rmia_beats_the_loss_with_one_and_with_two_references(outcomes: dict[str, MembershipOutcome]) -> None:
    loss = area(outcomes["LossThreshold"])
    for attack in (RMIA(shadows=1, online=False), RMIA(shadows=2)):
        assert area(outcomes[str(attack)]) > loss + 0.02


def test_a_threshold_of_a_shadow_model_is_nearly_as_good_as_the_best_and_better_than_guessing(
    outcomes: dict[str, MembershipOutcome],
) -> None:
    outcome = outcomes["SignalThreshold"]
    reached, best = accuracy_at_threshold(outcome), balanced_accuracy(outcome)
    assert isinstance(reached, float)
    assert isinstance(best, float)
    assert 0.53 < reached < best + 0.01


@pytest.fixture(scope="module")
def stranger(game: Game, census: AmuletDataset) -> Game:
    """The same game with a target that was trained on test records, none of which is a candidate."""
    model = BY_HEART.fit(census.test, seed=0).model
    return replace(game, models={**game.models, TARGET: (TrainedModel(model, census.test.index),)})


@pytest.mark.parametrize("attack", ATTACKS, ids=str)
def test_a_model_that_never_saw_the_records_gives_nothing_away(
    attack: MembershipInferenceAttack, stranger: Game
) -> None:
    """A permutation test: the truth fits the scores no better than a random half of the records does."""
    outcome = attack.play(stranger)
    rng = Generator().manual_seed(0)
    shuffled = (outcome.members[torch.randperm(len(outcome), generator=rng)] for _ in range(SHUFFLES))
    distances = torch.tensor([abs(area_under(*roc(outcome.scores, members)) - 0.5) for members in shuffled])
    p = (1 + int((distances >= abs(area(outcome) - 0.5)).sum())) / (1 + SHUFFLES)
    assert p > 0.01
