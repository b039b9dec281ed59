"""Metrics that cannot have a value on the records: left out before training, out of the family, told once."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidParameter
from amulet.datasets import from_arrays
from amulet.discriminatory_behavior import Discrimination
from amulet.discriminatory_behavior.metrics import demographic_parity, equalized_odds
from amulet.experiments import Experiment, Results, Row, Store, plan
from amulet.experiments.assess import carry_out
from amulet.experiments.planning.left_out import LeftOut, possible_rows
from amulet.experiments.results.collect import columns_of
from amulet.experiments.results.conditions import conditions
from amulet.membership_inference.defenses import DPSGD, EarlyStopping
from amulet.poisoning.defenses import OutlierRemoval
from amulet.report.pages.matrix_markdown import render
from amulet.testing import TOY_RECIPE
from amulet.utility import Utility


def lenders(denied: int) -> AmuletDataset:
    """200 applications for training, 200 for testing, half of each sex; so many of each sex are denied when testing."""
    x = torch.rand(400, 6, generator=torch.Generator().manual_seed(0))
    sex = torch.arange(400) % 2
    y = torch.ones(400, dtype=torch.int64)
    y[:100], y[200 : 200 + 2 * denied] = 0, 0
    parts = [(x[:200], y[:200]), (x[200:], y[200:])]
    sensitive = ({"sex": sex[:200]}, {"sex": sex[200:]})
    return from_arrays(*parts, sensitive=sensitive, classes=("denied", "approved"), positive="approved", bounds=(0, 1))


BY_SEX = Experiment(
    "lenders", None, TOY_RECIPE, (Row("early", (EarlyStopping(),)),), (), (Discrimination("sex"),), seeds=2
)


def test_too_few_records_of_a_class_leave_out_the_gaps_among_them() -> None:
    audit = Discrimination("sex")
    assert audit.without_value(equalized_odds, lenders(denied=30)) is None
    assert audit.without_value(demographic_parity, lenders(denied=29)) is None
    reason = "Fewer than two groups have at least 30 records outside the positive class."
    assert audit.without_value(equalized_odds, lenders(denied=29)) == reason


def test_they_have_no_cells_and_are_told_once(tmp_path: Path) -> None:
    planned = plan(BY_SEX, lenders(denied=29))
    assert {column.metric for column in columns_of(planned)}.isdisjoint({"equalized_odds", "false_positive_parity"})
    [left_out] = planned.left_out
    assert left_out.name == "equalized_odds and false_positive_parity of Discrimination(attribute=sex)"
    assert str(left_out) in planned.notices
    _, results = carry_out(planned, Store(tmp_path), workers=1)
    assert [column.metric for _, column in results.verdicts if column.primary] == ["demographic_parity"]
    assert results.left_out == (left_out,)


def test_one_that_is_listed_is_left_out_as_well() -> None:
    planned = plan(replace(BY_SEX, metrics=(equalized_odds,)), lenders(denied=29))
    assert any("equalized_odds" in each.name for each in planned.left_out)


def test_a_condition_on_it_is_refused_with_the_reason() -> None:
    planned = plan(BY_SEX, lenders(denied=29))
    rows = [row.label for row in planned.experiment.rows]
    with pytest.raises(InvalidParameter, match=r"equalized_odds.* are left out: Fewer than two groups"):
        conditions(["equalized_odds may increase"], rows, columns_of(planned), planned.left_out)


def test_an_audit_without_any_metric_is_told_of_and_shows_its_rates(tmp_path: Path) -> None:
    small = Experiment("small", None, TOY_RECIPE, (), (), (Utility(), Discrimination("sex", fewest=150)), seeds=1)
    _, results = carry_out(plan(small, lenders(denied=30)), Store(tmp_path), workers=1)
    assert {column.risk for column in results.columns} == {"utility"}
    assert [rated.probe for rated in results.rates] == [str(small.audits[1])]
    assert results.left_out[0].name.startswith("demographic_parity, p_rule and worst_group_accuracy of Discrimination")
    assert Results.from_json(results.to_json()) == results
    assert "Fewer than two groups have at least 150 records." in render(results, {})


def test_pairs_of_a_defense_that_is_left_out_are_counted_with_it() -> None:
    private, stopped, removed = DPSGD(), EarlyStopping(), OutlierRemoval()
    pairs = [(private, stopped), (private, removed), (stopped, removed)]
    rows = [Row(str(each), each) for each in [(private,), (stopped,), (removed,), *pairs]]
    reasons = {rows[0].label: ("It is refused.",), rows[-1].label: ("They are in conflict.",)}
    kept, left_out = possible_rows(rows, lambda row: reasons.get(row.label, ()))
    assert kept == rows[1:3]
    assert left_out == [
        LeftOut("membership_inference", "DPSGD", "It is refused.", pairs=2),
        LeftOut("membership_inference, poisoning", "EarlyStopping and OutlierRemoval", "They are in conflict."),
    ]


@pytest.mark.parametrize(
    ("left_out", "sentence"),
    [
        (LeftOut("evasion", "PGD", "PGD needs a gradient."), "PGD (evasion) is left out: it needs a gradient."),
        (LeftOut("", "A and B", "A: no such thing."), "A and B are left out: A: no such thing."),
        (LeftOut("", "A", "A: no such thing."), "A is left out: no such thing."),
        (LeftOut("", "A", "No.", pairs=7), "A is left out: No. So are its 7 pairs."),
    ],
)  # fmt: skip
def test_what_is_left_out_is_a_sentence(left_out: LeftOut, sentence: str) -> None:
    assert str(left_out) == sentence
