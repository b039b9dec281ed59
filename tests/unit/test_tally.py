"""Counts of records by class and group."""

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from amulet.core.measurements.tally import Tally
from amulet.discriminatory_behavior import Discrimination
from amulet.evasion.attacks import PGD
from amulet.evasion.metrics import balanced_robust_accuracy, robust_accuracy
from amulet.testing import toy_dataset
from amulet.utility import Utility
from amulet.utility.metrics import accuracy, balanced_accuracy


class Always(nn.Module):
    """Names one class, whatever it sees."""

    def __init__(self, label: int) -> None:
        super().__init__()
        self.label = label

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.one_hot(torch.full((len(x),), self.label), 2) * 10 + 1e-3 * x.flatten(1).mean(
            1, keepdim=True
        )


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


@pytest.mark.parametrize("label", [0, 1])
def test_a_model_that_names_one_class_gets_its_share_attacked_or_not(label: int) -> None:
    """What the report sets numbers beside: balanced, it is one over the number of classes."""
    data = toy_dataset().test
    counted = Tally.of(data)
    share = counted.classes[data.schema.classes[label]] / counted.total
    attacked, predicted = PGD(epsilon=0.1, steps=2).attack(Always(label), data), Utility().audit(Always(label), data)
    assert accuracy(predicted) == robust_accuracy(attacked) == pytest.approx(share)
    assert balanced_accuracy(predicted) == balanced_robust_accuracy(attacked) == 0.5


def test_groups_are_those_that_the_audit_compares() -> None:
    data = toy_dataset().test
    outcome = Discrimination("sex").audit(Always(0), data)
    sizes = [sum(of.values()) for of in Tally.of(data).groups["sex"].values()]
    assert sizes == outcome.groups[outcome.groups >= 0].bincount().tolist()
