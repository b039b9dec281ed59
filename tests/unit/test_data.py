"""Data: aligned tensors, checked once, with a sentence for everything that is wrong."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch

from amulet.core.data import Attribute, Data, Modality, Schema, as_inputs, concatenate
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidData, InvalidParameter

SCHEMA = Schema(Modality.TABULAR, (2,), ("no", "yes"), attributes=(Attribute("sex", ("f", "m")),), positive="yes")


def records(count: int = 4, start: int = 0) -> Data:
    return Data(
        x=torch.linspace(0, 1, 2 * count).view(count, 2),
        y=torch.arange(count) % 2,
        z=torch.arange(count)[:, None] % 2,
        index=torch.arange(start, start + count),
        schema=SCHEMA,
    )


def sentences(make: Callable[[], object]) -> list[str]:
    with pytest.raises((InvalidData, InvalidParameter)) as caught:
        make()
    return [problem.sentence for problem in caught.value.problems]


def test_indexing_takes_the_same_records_of_every_tensor() -> None:
    data = replace(records(), weight=torch.tensor([1.0, 2.0, 3.0, 4.0]))
    part = data[torch.tensor([3, 1])]
    assert len(part) == 2
    assert part.index.tolist() == [3, 1]
    assert part.weight is not None
    assert part.weight.tolist() == [4.0, 2.0]
    assert torch.equal(part.x, data.x[[3, 1]])


def test_indexing_takes_masks() -> None:
    assert records()[torch.tensor([True, False, True, False])].index.tolist() == [0, 2]


def test_an_attribute_is_found_by_name() -> None:
    assert records().attribute("sex").tolist() == [0, 1, 0, 1]


def test_bytes_count_as_zero_to_one_and_floats_are_left_alone() -> None:
    assert as_inputs(torch.tensor([0, 255], dtype=torch.uint8)).tolist() == [0.0, 1.0]
    floats = torch.tensor([3.0, -2.0])
    assert as_inputs(floats) is floats


def test_concatenate_puts_records_one_after_the_other() -> None:
    assert concatenate(records(2), records(3, start=2)).index.tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("weighted_first", [True, False])
def test_concatenate_drops_no_weights(weighted_first: bool) -> None:
    weighted = replace(records(2), weight=torch.tensor([2.0, 3.0]))
    parts = (weighted, records(2, start=2)) if weighted_first else (records(2, start=2), weighted)
    weight = concatenate(*parts).weight
    assert weight is not None
    assert sorted(weight.tolist()) == [1.0, 1.0, 2.0, 3.0]


BROKEN: dict[str, tuple[dict[str, Any], str]] = {
    "fewer x than y": (
        {"x": torch.rand(3, 2)},
        "The 'x' of own (train) must be of shape (4, 2). Got (3, 2).",
    ),
    "labels that are no codes": (
        {"y": torch.tensor([0, 1, 2, 1])},
        "The 'y' of own (train) must be codes 0..1. Got [0, 1, 2].",
    ),
    "negative labels": (
        {"y": torch.tensor([0, -1, 0, 1])},
        "The 'y' of own (train) must be codes 0..1. Got [-1, 0, 1].",
    ),
    "labels that are not int64": (
        {"y": torch.tensor([0, 1, 0, 1], dtype=torch.int32)},
        "The 'y' of own (train) must be int64. Got torch.int32.",
    ),
    "a missing value": (
        {"x": torch.tensor([[0.0, 1.0], [0.0, float("nan")], [0.0, 0.0], [float("inf"), 0.0]])},
        ("The 'x' of own (train) must be finite (fill in or drop missing values). Got 'NaN or infinity in 2 records'."),
    ),
    "inputs out of bounds": (
        {"x": torch.tensor([[0.0, 1.0], [0.0, 1.5], [0.0, 0.0], [-1.0, 0.0]])},
        "The 'x' of own (train) must be within its bounds [0.0, 1.0]. Got (-1.0, 1.5).",
    ),
    "no sensitive attribute": (
        {"z": torch.empty(4, 0, dtype=torch.int64)},
        "The 'z' of own (train) must be of shape (4, 1). Got (4, 0).",
    ),
    "a group that the schema does not name": (
        {"z": torch.tensor([[0], [1], [2], [-1]])},
        "The 'z[sex]' of own (train) must be codes -1..1. Got [-1, 0, 1, 2].",
    ),
    "one record twice": (
        {"index": torch.tensor([0, 1, 1, 2])},
        "The 'index' of own (train) must name each record once. It has repeated entries.",
    ),
    "weights of another length": (
        {"weight": torch.ones(3)},
        "The 'weight' of own (train) must be of shape (4,). Got (3,).",
    ),
}


@pytest.mark.parametrize("case", BROKEN)
def test_what_is_wrong_with_the_data_is_said_in_one_sentence(case: str) -> None:
    change, sentence = BROKEN[case]
    assert sentences(lambda: AmuletDataset("own", replace(records(), **change), records(start=4))) == [sentence]


def test_problems_of_both_parts_are_named_at_once() -> None:
    bad = replace(records(), y=torch.tensor([0, 1, 2, 3]), z=torch.tensor([[0], [1], [5], [0]]))
    found = sentences(lambda: AmuletDataset("own", bad, replace(bad, x=records().x + 1)))
    assert [sentence.split(" must ")[0] for sentence in found] == [
        "The 'y' of own (train)",
        "The 'z[sex]' of own (train)",
        "The 'x' of own (test)",
        "The 'y' of own (test)",
        "The 'z[sex]' of own (test)",
    ]


def test_missing_sensitive_attributes_are_allowed() -> None:
    data = replace(records(), z=torch.full((4, 1), -1))
    assert AmuletDataset("own", data, records(start=4)).train is data


def test_no_records_are_refused() -> None:
    assert "must hold at least one record" in sentences(lambda: AmuletDataset("own", records(0), records()))[0]


@pytest.mark.parametrize("weight", [float("nan"), -1.0])
def test_weights_must_be_finite_and_not_negative(weight: float) -> None:
    weighted = replace(records(), weight=torch.tensor([1.0, 1.0, 1.0, weight]))
    assert "'weight'" in sentences(lambda: AmuletDataset("own", weighted, records(start=4)))[0]


def test_inputs_must_be_floats_or_bytes() -> None:
    whole = replace(records(), x=torch.tensor([[0, 1], [1, 0], [0, 0], [1, 1]]))
    assert "'x'" in sentences(lambda: AmuletDataset("own", whole, records(start=4)))[0]


def test_train_and_test_share_one_schema() -> None:
    other = replace(records(start=4), schema=replace(SCHEMA, positive=None))
    assert sentences(lambda: AmuletDataset("own", records(), other)) == ["The two parts of own must share one schema."]


def test_a_schema_that_contradicts_itself_is_refused_at_once() -> None:
    found = sentences(
        lambda: Schema(Modality.IMAGE, (8, 8), ("a", "a"), positive="b", low=1.0, high=0.0),
    )
    assert [sentence.split("'")[1] for sentence in found] == ["classes", "positive", "shape", "low"]


def test_content_follows_the_bytes_and_not_the_name() -> None:
    dataset = AmuletDataset("own", records(), records(start=4))
    assert AmuletDataset("renamed", records(), records(start=4)).content == dataset.content


@pytest.mark.parametrize("name", ["x", "y", "z", "index"])
def test_content_covers_every_tensor(name: str) -> None:
    dataset = AmuletDataset("own", records(), records(start=4))
    flipped = replace(records(), **{name: getattr(records(), name).flip(0)})
    assert AmuletDataset("own", flipped, records(start=4)).content != dataset.content


def test_content_covers_weights_and_schema() -> None:
    contents = {
        AmuletDataset("own", train, test).content
        for train, test in [
            (records(), records(start=4)),
            (replace(records(), weight=torch.ones(4)), records(start=4)),
            (replace(records(), weight=torch.full((4,), 2.0)), records(start=4)),
            (
                replace(records(), schema=replace(SCHEMA, positive="no")),
                replace(records(start=4), schema=replace(SCHEMA, positive="no")),
            ),
        ]
    }
    assert len(contents) == 4


def test_content_follows_what_is_written_into_a_tensor() -> None:
    """Labels edited in a session must not meet the results of the labels before."""
    dataset = AmuletDataset("own", records(), records(start=4))
    before = dataset.content
    dataset.train.y[0] = 1
    edited = dataset.content
    dataset.train.y[0] = 0
    assert edited != before == dataset.content
