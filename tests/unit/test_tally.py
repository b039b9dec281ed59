"""Counts of records by class and group."""

from dataclasses import replace

import torch

from amulet.core.tally import Tally
from amulet.testing import toy_dataset


def test_records_are_counted_by_class_and_by_group_and_class() -> None:
    data = toy_dataset().test[torch.arange(4)]
    data = replace(data, y=torch.tensor([0, 1, 1, 1]), z=data.z.clone())
    data.z[:, 0] = torch.tensor([0, 0, 1, -1])
    first, second = data.schema.classes
    name, (one, other, *_) = data.schema.attributes[0].name, data.schema.attributes[0].values
    counted = Tally.of(data)
    assert counted.classes == {first: 1, second: 3}
    assert counted.total == 4
    assert counted.groups[name][one] == {first: 1, second: 1}
    assert counted.groups[name][other] == {first: 0, second: 1}  # a group that is not recorded is in none


def test_nothing_counted_is_no_records() -> None:
    assert Tally().total == 0
