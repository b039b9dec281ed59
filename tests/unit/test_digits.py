"""Digits: the facts that its documentation states."""

import pytest

from amulet.core.data import Modality
from amulet.core.dataset import AmuletDataset
from amulet.datasets import Digits


@pytest.fixture(scope="module")
def digits() -> AmuletDataset:
    return Digits().load()


def test_there_are_1797_images_of_one_channel(digits: AmuletDataset) -> None:
    assert len(digits.train) + len(digits.test) == 1797
    assert digits.schema.modality is Modality.IMAGE
    assert digits.schema.shape == (1, 8, 8)
    assert digits.schema.classes == tuple("0123456789")


def test_grey_levels_fill_zero_to_one(digits: AmuletDataset) -> None:
    assert digits.train.x.min() == 0
    assert digits.train.x.max() == 1


def test_every_digit_is_in_both_parts_by_its_share(digits: AmuletDataset) -> None:
    train, test = digits.train.y.bincount(), digits.test.y.bincount()
    assert ((test / (train + test) - 0.3).abs() < 0.01).all()


def test_there_are_no_sensitive_attributes(digits: AmuletDataset) -> None:
    assert digits.schema.attributes == ()
    assert digits.train.z.shape == (len(digits.train), 0)
