"""Features that an attacker cannot change keep their values, named one by one, by group or all groups at once."""

from typing import get_args

import pandas as pd
import pytest
import torch

from amulet.core.data import Modality, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidParameter
from amulet.datasets import census, from_frame
from amulet.evasion.attacks import PGD, AutoAttack, Transfer, WorstCase
from amulet.evasion.perturbation import Frozen, ball_of
from amulet.functional.perturbations.balls import Norm
from amulet.models import LinearNet

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def _weights_are_the_same_every_time() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="module")
def people() -> AmuletDataset:
    rng = torch.Generator().manual_seed(0)
    age, pay, coin = torch.rand(3, 120, generator=rng).numpy()
    job = [("clerk", "nurse", "smith")[int(3 * value)] for value in coin]
    frame = pd.DataFrame({"age": age, "pay": pay, "job": job, "good": pay + 0.2 * coin > 0.6})
    return from_frame(frame, target="good", name="people")


def test_columns_have_names_and_groups(people: AmuletDataset) -> None:
    assert people.schema.features == ("age", "pay", "job=clerk", "job=nurse", "job=smith")


@pytest.mark.parametrize(
    ("frozen", "held"),
    [(("pay",), [1]), ((0, "pay"), [0, 1]), (("job",), [2, 3, 4]), (("one-hot",), [2, 3, 4]), (("job=nurse",), [3])],
)
@pytest.mark.parametrize("norm", get_args(Norm))
def test_frozen_features_keep_their_values(people: AmuletDataset, frozen: Frozen, held: list[int], norm: Norm) -> None:
    model = LinearNet((8,)).build(people.schema)
    attack = PGD(epsilon=0.3, norm=norm, frozen=frozen)
    free = ball_of(attack, people.schema, CPU).free
    assert free is not None
    assert (~free).nonzero().flatten().tolist() == held
    outcome = attack.attack(model, people.test)
    assert outcome.size.max() > 0.05


def test_holding_all_features_leaves_nothing_to_do(people: AmuletDataset) -> None:
    model = LinearNet((8,)).build(people.schema)
    for attack in (PGD(epsilon=0.5, frozen=(0, 1, 2, 3, 4)), AutoAttack(0.5, queries=20, frozen=(0, 1, 2, 3, 4))):
        outcome = attack.attack(model, people.test)
        assert (outcome.size == 0).all()
        assert torch.equal(outcome.withstood, outcome.correct)


def test_features_that_are_not_there_are_said(people: AmuletDataset) -> None:
    attack = WorstCase((PGD(frozen=("wage", 7)), Transfer(PGD(frozen=("wage",)))))
    sentences = list(attack.demands(people.schema))
    assert sentences == [
        "There is no feature 'wage' to be frozen. The data set has age, pay, job=clerk, job=nurse, job=smith.",
        "There is no feature 7 to be frozen. The data set has age, pay, job=clerk, job=nurse, job=smith.",
    ]


def test_they_are_said_outside_a_plan_too(people: AmuletDataset) -> None:
    with pytest.raises(InvalidParameter, match="no feature 'wage'"):
        PGD(frozen=("wage",)).attack(LinearNet((8,)).build(people.schema), people.test)


def test_features_without_names_have_places(dataset: AmuletDataset) -> None:
    assert list(PGD(frozen=(4,)).demands(dataset.schema)) == []
    (sentence,) = PGD(frozen=("sex",)).demands(dataset.schema)
    assert sentence.endswith("The data set has places 0..4, for its features have no names.")


def test_census_knows_its_columns() -> None:
    features = census._SCHEMA.features
    assert features[:6] == (
        "age",
        "education-num",
        "capital-gain",
        "capital-loss",
        "hours-per-week",
        "workclass=Private",
    )
    free = ball_of(PGD(frozen=("one-hot",)), census._SCHEMA, CPU).free
    assert free is not None
    assert free.nonzero().flatten().tolist() == [0, 1, 2, 3, 4]


def test_pixels_cannot_be_frozen(images: AmuletDataset) -> None:
    assert list(AutoAttack(frozen=(0,)).demands(images.schema)) == ["Only features of tabular data can be frozen."]


def test_names_are_one_for_each_input() -> None:
    with pytest.raises(InvalidParameter, match="'features' of Schema must be a different name for each input"):
        Schema(Modality.TABULAR, (2,), ("a", "b"), features=("age", "age"))
