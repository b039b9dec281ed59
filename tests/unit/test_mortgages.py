"""Mortgages: the facts that its documentation states."""

import pytest
import torch

from amulet.core.data import Data, concatenate
from amulet.core.dataset import AmuletDataset
from amulet.datasets import Mortgages
from amulet.functional.roc import area_under, roc


@pytest.fixture(scope="module")
def mortgages() -> AmuletDataset:
    return Mortgages().load()


@pytest.fixture(scope="module")
def everyone(mortgages: AmuletDataset) -> Data:
    return concatenate(mortgages.train, mortgages.test)


def test_there_are_1989_applications(everyone: Data) -> None:
    assert len(everyone) == 1989


def test_most_are_approved_which_is_the_positive_class(everyone: Data) -> None:
    assert everyone.schema.classes == ("approved", "denied")
    assert everyone.schema.positive == "approved"
    approved = (everyone.y == everyone.schema.classes.index("approved")).double().mean().item()
    assert round(approved, 3) == 0.877


def test_race_has_three_groups_and_sex_two_with_15_not_recorded(everyone: Data) -> None:
    assert [(attribute.name, attribute.values) for attribute in everyone.schema.attributes] == [
        ("race", ("black", "hispanic", "white")),
        ("sex", ("female", "male")),
    ]
    assert (everyone.attribute("sex") == -1).sum() == 15
    assert (everyone.attribute("race") == -1).sum() == 0


def test_race_and_sex_are_not_in_x(everyone: Data) -> None:
    for attribute in everyone.schema.attributes:
        codes = everyone.attribute(attribute.name)
        for code in range(len(attribute.values)):
            group = (codes == code).float()
            for column in everyone.x.T:
                assert not torch.equal(column, group)
                assert not torch.equal(1 - column, group)


def test_no_column_gives_the_decision_away(everyone: Data) -> None:
    for column in everyone.x.T:
        area = area_under(*roc(column, everyone.y == 1))
        assert 0.1 < area < 0.9


def test_every_number_lies_between_zero_and_one(mortgages: AmuletDataset, everyone: Data) -> None:
    assert (mortgages.schema.low, mortgages.schema.high) == (0.0, 1.0)
    assert everyone.x.min() == 0
    assert everyone.x.max() == 1


def test_there_are_49_columns_and_all_of_them_vary(mortgages: AmuletDataset) -> None:
    assert mortgages.schema.shape == (49,)
    assert (mortgages.train.x.std(0) > 0).all()


def test_the_test_set_has_its_share_of_each_decision(mortgages: AmuletDataset) -> None:
    assert len(mortgages.test) == round(0.3 * 1989)
    shares = [(part.y == 1).double().mean().item() for part in (mortgages.train, mortgages.test)]
    assert shares[0] == pytest.approx(shares[1], abs=0.002)


def test_loading_twice_gives_the_same_content(mortgages: AmuletDataset) -> None:
    assert Mortgages().load().content == mortgages.content
    assert Mortgages(seed=1).load().content != mortgages.content
