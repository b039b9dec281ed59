"""Rates of groups with their counts: which groups are compared, which are shown only, and what is refused."""

import pandas as pd
import pytest
import torch

from amulet.core.data import Attribute, Data, Modality, Schema
from amulet.core.errors import InvalidData, InvalidParameter
from amulet.core.metric import Undefined
from amulet.datasets import from_frame
from amulet.discriminatory_behavior import Discrimination, DiscriminationOutcome, metrics
from amulet.discriminatory_behavior.metrics import (
    demographic_parity,
    equalized_odds,
    false_positive_parity,
    true_positive_parity,
)
from amulet.testing import check_metric, toy_dataset


class Grants(torch.nn.Module):
    """Grants where the first number exceeds one half."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.stack([torch.full_like(x[:, 0], 0.5), x[:, 0]], dim=1)


def outcome_of(groups: dict[str, list[tuple[int, int, int]]], fewest: int) -> DiscriminationOutcome:
    """From (deserves, is granted, how many) for each group by name."""
    lines = [(deserves, granted, code, n) for code, of in enumerate(groups.values()) for deserves, granted, n in of]
    columns = [torch.tensor([line[at] for line in lines for _ in range(line[3])]) for at in range(3)]
    labels, granted, codes = columns[0].bool(), columns[1].bool(), columns[2]
    return DiscriminationOutcome(labels, granted, codes, fewest=torch.tensor(fewest)).named(tuple(groups))


THREE = {
    "white": [(1, 1, 60), (1, 0, 20), (0, 1, 10), (0, 0, 40)],
    "black": [(1, 1, 20), (1, 0, 20), (0, 1, 5), (0, 0, 45)],
    "other": [(1, 1, 1), (0, 0, 9)],
}


def test_a_small_group_is_shown_and_not_compared() -> None:
    outcome = outcome_of(THREE, fewest=30)
    assert demographic_parity(outcome) == pytest.approx(70 / 130 - 25 / 90)
    assert demographic_parity(outcome_of(THREE, fewest=1)) == pytest.approx(70 / 130 - 1 / 10)
    lines = str(outcome.rates()).splitlines()
    assert lines[0] == "favourable decisions (highest: white, lowest: black, gap 0.261)"
    assert lines[3] == "  other  0.100 (0.018 to 0.404)  1 of 10  (fewer than 30: not compared)"


def test_the_denominator_of_each_rate_decides() -> None:
    """Only 40 black records deserve; with at least 45 of a rate's own records, only the other two rates compare."""
    outcome = outcome_of(THREE, fewest=45)
    assert isinstance(demographic_parity(outcome), float)
    assert isinstance(false_positive_parity(outcome), float)
    found = true_positive_parity(outcome)
    assert found == Undefined("fewer than two groups have at least 45 records of the positive class")
    assert equalized_odds(outcome) == found


def test_a_group_without_records_is_undefined_and_not_zero() -> None:
    outcome = outcome_of({**THREE, "nobody": []}, fewest=1)
    assert demographic_parity(outcome) == pytest.approx(70 / 130 - 1 / 10)
    frame = outcome.rates().frame
    assert frame[frame.group == "nobody"].value.isna().all()
    assert "  nobody  undefined  0 of 0" in str(outcome.rates())


@pytest.mark.parametrize("name", metrics.__all__)
def test_metrics_keep_their_promises_where_groups_are_large_enough(name: str) -> None:
    check_metric(getattr(metrics, name), outcome_of(THREE, fewest=30))


def test_the_frame_has_every_rate_with_its_counts() -> None:
    frame = outcome_of(THREE, fewest=30).rates().frame
    assert list(frame.columns) == ["rate", "group", "value", "low", "high", "count", "of", "enters"]
    assert set(frame.rate) == {"favourable decisions", "true positive rate", "false positive rate", "accuracy"}
    [line] = frame[(frame.rate == "false positive rate") & (frame.group == "black")].to_dict("records")
    assert (line["count"], line["of"], line["value"]) == (5, 50, 0.1)
    assert line["low"] < 0.1 < line["high"]


def test_the_audit_names_the_groups() -> None:
    data = toy_dataset(records=800)
    outcome = Discrimination("sex").audit(Grants(), data.test)
    assert outcome.group_names == ("0", "1")
    assert int(outcome.fewest) == 30


def two_attributes() -> Data:
    """400 records of two sexes and three races, some of them not recorded."""
    attributes = (Attribute("sex", ("f", "m")), Attribute("race", ("a", "b", "c")))
    schema = Schema(Modality.TABULAR, (2,), ("no", "yes"), attributes, positive="yes")
    rng = torch.Generator().manual_seed(0)
    z = torch.stack([torch.randint(2, (400,), generator=rng), torch.randint(-1, 3, (400,), generator=rng)], 1)
    x = torch.rand(400, 2, generator=rng)
    return Data(x, (x[:, 1] > 0.5).long(), z, torch.arange(400), schema)


def test_intersections_are_the_groups_of_every_combination() -> None:
    data = two_attributes()
    outcome = Discrimination(("sex", "race")).audit(Grants(), data)
    assert outcome.group_names == ("f/a", "f/b", "f/c", "m/a", "m/b", "m/c")
    assert torch.equal(outcome.groups < 0, data.z[:, 1] < 0)
    frame = outcome.rates().frame.query("rate == 'favourable decisions'").set_index("group")
    which = (data.z[:, 0] == 1) & (data.z[:, 1] == 2)
    assert frame.loc["m/c", "of"] == int(which.sum())
    assert frame.loc["m/c", "count"] == int((data.x[which, 0] > 0.5).sum())


def test_attributes_of_a_combination_differ() -> None:
    for names in ((), ("sex", "sex")):
        with pytest.raises(InvalidParameter, match="the name of an attribute, or several different names"):
            Discrimination(names)


def test_a_quantity_is_refused_with_advice() -> None:
    ages = tuple(str(age) for age in range(382))
    schema = Schema(Modality.TABULAR, (2,), ("no", "yes"), (Attribute("age", ages),), positive="yes")
    data = Data(torch.rand(400, 2), torch.ones(400).long(), torch.arange(400)[:, None] % 382, torch.arange(400), schema)
    with pytest.raises(InvalidData) as caught:
        Discrimination("age").audit(Grants(), data)
    assert str(caught.value) == (
        "Discrimination(attribute=age) needs at most 50 groups, and 'age' would make 382. Make ranges of a quantity, "
        "with pandas.cut for instance, and join rare values."
    )


def test_ranges_by_pandas_are_groups() -> None:
    """What the refusal advises."""
    ages = pd.Series(range(18, 78)).repeat(10)
    frame = pd.DataFrame({"age": ages, "income": ages * 100.0, "paid": ages.to_numpy() % 2})
    frame["age"] = pd.cut(frame["age"], [0, 30, 50, 100], labels=["to 30", "31 to 50", "over 50"])
    data = from_frame(frame, target="paid", sensitive=["age"], positive=1)
    outcome = Discrimination("age").audit(Grants(), Data(data.test.x.expand(-1, 2), *_rest(data.test)))
    assert set(outcome.group_names) == {"to 30", "31 to 50", "over 50"}


def _rest(data: Data) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, Schema]:
    schema = Schema(Modality.TABULAR, (2,), data.schema.classes, data.schema.attributes, data.schema.positive)
    return data.y, data.z, data.index, schema
