"""Discriminatory behavior: any number of groups, the favourable decision named, and undefined where it is."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidData
from amulet.core.metric import Undefined
from amulet.discriminatory_behavior import Discrimination, DiscriminationOutcome
from amulet.discriminatory_behavior.metrics import (
    demographic_parity,
    equalized_odds,
    false_positive_parity,
    p_rule,
    true_positive_parity,
    worst_group_accuracy,
)
from amulet.functional.rates import rates_by_group

Measure = Callable[[DiscriminationOutcome], float | Undefined]
ALL: list[Measure] = [
    demographic_parity,
    equalized_odds,
    false_positive_parity,
    p_rule,
    true_positive_parity,
    worst_group_accuracy,
]


def outcome_of(*records: tuple[int, int, int]) -> DiscriminationOutcome:
    """From (deserves, is granted, group) of each record."""
    deserves, granted, groups = torch.tensor(records).T
    return DiscriminationOutcome(deserves.bool(), granted.bool(), groups, torch.arange(len(records)))


THREE_GROUPS = outcome_of(
    *[(1, 1, 0)] * 4, *[(0, 1, 0)] * 1, *[(0, 0, 0)] * 3,
    *[(1, 1, 1)] * 2, *[(1, 0, 1)] * 2, *[(0, 0, 1)] * 4,
    *[(1, 1, 2)] * 3, *[(1, 0, 2)] * 1, *[(0, 1, 2)] * 3, *[(0, 0, 2)] * 1,
)  # fmt: skip
"""Granted: 5/8, 2/8, 6/8; of the deserving 1, 1/2, 3/4; of the others 1/4, 0, 3/4."""


def test_all_groups_count() -> None:
    assert demographic_parity(THREE_GROUPS) == 6 / 8 - 2 / 8
    assert true_positive_parity(THREE_GROUPS) == 1 - 1 / 2
    assert false_positive_parity(THREE_GROUPS) == 3 / 4
    assert p_rule(THREE_GROUPS) == pytest.approx(2 / 6)
    assert worst_group_accuracy(THREE_GROUPS) == 4 / 8


def test_equalized_odds_is_the_larger_gap_and_not_the_sum() -> None:
    assert equalized_odds(THREE_GROUPS) == 3 / 4
    worst = outcome_of((1, 1, 0), (0, 1, 0), (1, 0, 1), (0, 0, 1))
    assert equalized_odds(worst) == 1.0


def test_records_whose_group_is_not_recorded_are_left_out() -> None:
    known = [(1, 1, 0), (1, 0, 0), (0, 0, 0), (1, 1, 1), (0, 1, 1)]
    for metric in ALL:
        assert metric(outcome_of(*known, (1, 0, -1), (0, 1, -1))) == metric(outcome_of(*known))


@pytest.mark.parametrize("groups", [(0, 0), (-1, -1), (-1, 1)])
def test_one_group_has_no_gap(groups: tuple[int, int]) -> None:
    outcome = outcome_of(*[(deserves, 1, group) for deserves in (0, 1) for group in groups])
    for metric in ALL:
        value = metric(outcome)
        assert isinstance(value, Undefined)
        assert value.reason.startswith("fewer than two groups have records")


def test_a_group_without_deserving_records_has_no_true_positive_rate() -> None:
    outcome = outcome_of((1, 1, 0), (0, 1, 0), (0, 0, 1), (0, 1, 1))
    assert true_positive_parity(outcome) == Undefined("fewer than two groups have records of the positive class")
    assert equalized_odds(outcome) == Undefined("fewer than two groups have records of the positive class")
    assert demographic_parity(outcome) == 0.5


def test_a_group_of_deserving_records_only_has_no_false_positive_rate() -> None:
    outcome = outcome_of((1, 1, 0), (0, 1, 0), (1, 0, 1), (1, 1, 1))
    assert false_positive_parity(outcome) == Undefined("fewer than two groups have records outside the positive class")
    assert equalized_odds(outcome) == Undefined("fewer than two groups have records outside the positive class")
    assert true_positive_parity(outcome) == 0.5


def test_where_nobody_is_favoured_the_p_rule_says_nothing() -> None:
    outcome = outcome_of((1, 0, 0), (0, 0, 0), (1, 0, 1), (0, 0, 1))
    assert p_rule(outcome) == Undefined("no group has a favourable decision")
    assert demographic_parity(outcome) == 0


def test_groups_need_not_be_numbered_without_gaps() -> None:
    rates = rates_by_group(torch.tensor([True, False, True]), torch.tensor([5, 5, 9]), torch.ones(3, dtype=torch.bool))
    assert rates.tolist() == [0.5, 1.0]


class GrantsFirst(nn.Module):
    """Grants where the first number exceeds one half: class 1 of (refused, granted)."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([torch.full_like(x[:, 0], 0.5), x[:, 0]], dim=1)


def test_the_audit_reads_decisions_for_the_positive_class(dataset: AmuletDataset) -> None:
    outcome = Discrimination("sex").audit(GrantsFirst(), dataset.test)
    assert torch.equal(outcome.predictions, dataset.test.x[:, 0] > 0.5)
    assert torch.equal(outcome.labels, dataset.test.y == dataset.schema.classes.index("granted"))
    assert torch.equal(outcome.groups, dataset.test.attribute("sex"))


def test_the_audit_takes_the_attribute_asked_for(dataset: AmuletDataset) -> None:
    outcome = Discrimination("race", fewest=1).audit(GrantsFirst(), dataset.test)
    assert set(outcome.groups.tolist()) == {-1, 0, 1, 2}
    assert isinstance(demographic_parity(outcome), float)


def test_an_attribute_that_is_not_there_is_refused(dataset: AmuletDataset) -> None:
    with pytest.raises(InvalidData) as caught:
        Discrimination("age").audit(GrantsFirst(), dataset.test)
    assert str(caught.value) == (
        "Discrimination(attribute=age) needs the sensitive attribute 'age'; the data set has: sex, race."
    )


def test_everything_that_the_data_lack_is_said_at_once(images: AmuletDataset) -> None:
    with pytest.raises(InvalidData) as caught:
        Discrimination("sex").audit(GrantsFirst(), images.test)
    assert [problem.sentence for problem in caught.value.problems] == [
        "Discrimination(attribute=sex) needs the sensitive attribute 'sex'; the data set has: none.",
        "Discrimination(attribute=sex) needs the data set to name its positive class.",
    ]


def test_a_resample_without_some_of_a_group_has_no_gap() -> None:
    groups, labels = torch.tensor([0, 0, 1, 1]), torch.tensor([True, False, True, False])
    outcome = DiscriminationOutcome(labels, labels, groups)
    assert false_positive_parity(outcome) == 0.0
    without = outcome.resample(torch.tensor([0, 0, 2, 3]))  # no record of group 0 outside the positive class
    assert isinstance(false_positive_parity(without), Undefined)
    assert isinstance(demographic_parity(outcome.resample(torch.tensor([2, 2, 3, 3]))), Undefined)
