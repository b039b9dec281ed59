"""One's own data: from arrays, from a frame, from a torch data set, from a function."""

from collections.abc import Callable
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch.utils.data import TensorDataset

from amulet.core.data import Attribute, Modality
from amulet.core.errors import AmuletError, InvalidData, InvalidParameter
from amulet.datasets import ImportedDataset, from_arrays, from_frame, from_torch
from amulet.datasets.official.scaling import scale_to_unit

UserModule = Callable[[str, str], None]
X = np.random.default_rng(0).random((10, 3))
Y = np.arange(10) % 2


def sentences(make: Callable[[], object]) -> list[str]:
    with pytest.raises((InvalidData, InvalidParameter)) as caught:
        make()
    return [problem.sentence for problem in caught.value.problems]


def test_arrays_of_rows_are_tabular() -> None:
    dataset = from_arrays((X, Y), (X[:4], Y[:4]), classes=["bad", "good"], positive="good", bounds=(0, 1))
    schema = dataset.schema
    assert (schema.modality, schema.shape, schema.classes, schema.positive) == (
        Modality.TABULAR,
        (3,),
        ("bad", "good"),
        "good",
    )
    assert dataset.train.x.dtype == torch.float32
    assert (schema.low, schema.high) == (0.0, 1.0)


def test_lists_are_arrays_too() -> None:
    dataset = from_arrays(([[0.0], [1.0]], [0, 1]), ([[0.5]], [1]))
    assert dataset.train.x.tolist() == [[0.0], [1.0]]


def test_every_record_has_an_identity_of_its_own() -> None:
    dataset = from_arrays((X, Y), (X[:4], Y[:4]))
    assert torch.cat([dataset.train.index, dataset.test.index]).tolist() == list(range(14))


def test_the_data_set_does_not_change_with_the_array_it_came_from() -> None:
    """Its content digest is taken once, and must stay true."""
    array = X.astype(np.float32)
    dataset = from_arrays((array, Y), (X, Y))
    array[:] = 0
    assert dataset.train.x.max() > 0


def test_bounds_default_to_those_of_all_records() -> None:
    dataset = from_arrays((X, Y), (X + 1, Y))
    assert dataset.schema.low == pytest.approx(X.min())
    assert dataset.schema.high == pytest.approx(X.max() + 1)


def test_images_stay_bytes() -> None:
    images = np.full((6, 1, 4, 4), 255, dtype=np.uint8)
    dataset = from_arrays((images, [0, 1] * 3), (images, [0, 1] * 3))
    assert dataset.train.x.dtype == torch.uint8
    assert (dataset.schema.modality, dataset.schema.low, dataset.schema.high) == (Modality.IMAGE, 0.0, 1.0)
    assert dataset.train.as_inputs().x.max() == 1


def test_sensitive_attributes_are_coded_over_both_parts_and_may_be_missing() -> None:
    dataset = from_arrays(
        (X[:3], Y[:3]),
        (X[:3], Y[:3]),
        sensitive=({"sex": np.array(["m", None, "f"])}, {"sex": ["x", "f", "m"]}),
    )
    assert dataset.schema.attributes == (Attribute("sex", ("f", "m", "x")),)
    assert dataset.train.attribute("sex").tolist() == [1, -1, 0]
    assert dataset.test.attribute("sex").tolist() == [2, 0, 1]


def test_missing_values_are_refused() -> None:
    gaps = X.copy()
    gaps[2, 1] = np.nan
    assert sentences(lambda: from_arrays((gaps, Y), (X, Y))) == [
        (
            "The 'x' of own data (train) must be finite (fill in or drop missing values). "
            "Got 'NaN or infinity in 1 records'."
        )
    ]


def test_nothing_but_missing_values_is_refused_alike() -> None:
    gaps = np.full_like(X, np.nan)
    assert "must be finite" in sentences(lambda: from_arrays((gaps, Y), (gaps, Y)))[0]


def test_no_records_are_refused() -> None:
    assert "at least one record" in sentences(lambda: from_arrays((X[:0], Y[:0]), (X, Y)))[0]


def test_lengths_that_differ_are_named_in_both_parts() -> None:
    assert sentences(lambda: from_arrays((X[:9], Y), (X, Y[:5]))) == [
        "The 'x' of own data (train) must be of shape (10, 3). Got (9, 3).",
        "The 'x' of own data (test) must be of shape (5, 3). Got (10, 3).",
    ]


def test_a_sensitive_attribute_of_another_length_is_refused_beside_a_right_one() -> None:
    columns = {"sex": Y[:5], "race": Y}, {"sex": Y, "race": Y}
    assert sentences(lambda: from_arrays((X, Y), (X, Y), sensitive=columns)) == [
        "The 'sensitive[sex]' of own data must be of lengths (10, 10). Got (5, 10)."
    ]


def test_sensitive_attributes_of_one_part_only_are_refused() -> None:
    assert sentences(lambda: from_arrays((X, Y), (X, Y), sensitive=({"sex": Y}, {}))) == [
        "The 'sensitive' of own data must be ['sex'] for test as for train. Got []."
    ]


@pytest.mark.parametrize("labels", [Y + 0.5, np.where(Y == 1, "good", "bad"), np.where(Y == 1, 1.0, np.nan)])
def test_labels_must_be_whole_numbers(labels: np.ndarray) -> None:
    assert "must be whole numbers 0..k-1" in sentences(lambda: from_arrays((X, labels), (X, Y)))[0]


@pytest.mark.parametrize("labels", [Y + 1, 2 * Y], ids=["from one", "with a gap"])
def test_labels_must_start_at_zero_and_leave_no_gap(labels: np.ndarray) -> None:
    assert "'y'" in sentences(lambda: from_arrays((X, labels), (X, labels)))[0]


def test_a_class_without_training_records_is_allowed_where_the_classes_are_named() -> None:
    dataset = from_arrays((X, 2 * Y), (X, Y), classes=["a", "b", "c"])
    assert dataset.schema.classes == ("a", "b", "c")


def test_a_positive_class_that_is_not_there_is_refused() -> None:
    assert sentences(lambda: from_arrays((X, Y), (X, Y), positive="yes")) == [
        "The 'positive' of own data must be one of 0, 1. Got 'yes'."
    ]


def test_torch_data_sets_are_read_once() -> None:
    images = torch.randint(0, 256, (6, 3, 4, 4), dtype=torch.uint8)
    pairs = TensorDataset(images, torch.arange(6) % 3)
    dataset = from_torch(pairs, pairs, name="stamps")
    assert torch.equal(dataset.train.x, images)
    assert dataset.train.y.tolist() == [0, 1, 2, 0, 1, 2]
    assert dataset.name == "stamps"


FRAME = pd.DataFrame(
    {
        "age": np.arange(40.0),
        "job": ["baker", "clerk", "smith", "clerk"] * 10,
        "sex": ["f", "m", None, "f"] * 10,
        "paid": ["yes", "no"] * 20,
    }
)


def test_a_frame_becomes_numbers_between_zero_and_one() -> None:
    dataset = from_frame(FRAME, target="paid", sensitive=["sex"], positive="yes")
    assert dataset.schema.shape == (4,)
    assert dataset.schema.classes == ("no", "yes")
    assert dataset.schema.positive == "yes"
    for part in (dataset.train, dataset.test):
        assert part.x.min() >= 0
        assert part.x.max() <= 1


def test_sensitive_columns_go_to_z_and_out_of_x() -> None:
    dataset = from_frame(FRAME, target="paid", sensitive=["sex", "job"])
    assert dataset.schema.attribute_names == ("sex", "job")
    assert dataset.schema.shape == (1,)


def test_the_test_part_holds_its_share_of_every_class() -> None:
    frame = pd.DataFrame({"age": np.arange(100.0), "paid": [1] * 20 + [0] * 80})
    dataset = from_frame(frame, target="paid", test_share=0.25)
    assert dataset.test.y.bincount().tolist() == [20, 5]
    assert dataset.train.y.bincount().tolist() == [60, 15]


def test_the_split_follows_the_seed() -> None:
    first, again, other = (from_frame(FRAME, target="paid", seed=seed).content for seed in (0, 0, 1))
    assert first == again != other


def test_test_records_cannot_move_the_scale_or_leave_it() -> None:
    train = pd.DataFrame({"age": np.arange(40.0)})
    near, far = (scale_to_unit(train, pd.DataFrame({"age": ages})) for ages in ([1.0, 2.0], [-1e6, 1e6]))
    assert np.array_equal(near[0], far[0])
    assert far[1].tolist() == [[0.0], [1.0]]


def test_missing_numbers_become_the_training_median() -> None:
    frame = pd.DataFrame({"age": [0.0, 1.0, 0.5, np.nan] * 10, "paid": [0, 1] * 20})
    x = from_frame(frame, target="paid").train.x
    assert set(x.flatten().tolist()) == {0.0, 0.5, 1.0}


def test_truth_values_are_numbers() -> None:
    frame = FRAME.assign(member=FRAME["age"] > 20)
    assert from_frame(frame, target="paid", sensitive=["sex", "job"]).schema.shape == (2,)


def test_a_column_of_another_kind_is_refused_by_name() -> None:
    frame = FRAME.assign(born=pd.date_range("1990", periods=40))
    assert "born" in sentences(lambda: from_frame(frame, target="paid"))[0]


@pytest.mark.parametrize("value", [np.inf, np.nan])
def test_a_column_without_end_or_without_values_is_refused_by_name(value: float) -> None:
    assert "['age']" in sentences(lambda: from_frame(FRAME.assign(age=value), target="paid"))[0]


@pytest.mark.parametrize(
    "values",
    [
        pd.period_range("1990", periods=40),
        [date(1990, 1, 1 + number % 20) for number in range(40)],
        [Decimal(number) for number in range(40)],
        np.arange(40) * 1j,
        [[number] for number in range(40)],
    ],
    ids=["periods", "dates as objects", "decimals", "complex", "lists"],
)
def test_nothing_but_numbers_and_text_is_taken_for_either(values: Any) -> None:
    assert "['born']" in sentences(lambda: from_frame(FRAME.assign(born=values), target="paid"))[0]


def test_numbers_in_a_column_of_objects_are_numbers() -> None:
    objects = from_frame(FRAME.astype({"age": object}), target="paid", sensitive=["sex"])
    assert objects.content == from_frame(FRAME, target="paid", sensitive=["sex"]).content


def test_a_column_that_is_rarely_other_than_zero_keeps_what_it_says() -> None:
    arrests = pd.DataFrame({"arrests": [0.0] * 998 + [2.0, 4.0]})
    assert scale_to_unit(arrests, arrests)[0][-3:].tolist() == [[0.0], [0.5], [1.0]]


@pytest.mark.parametrize("share", [-0.3, 0, 1, 30, float("nan"), "0.3"])
def test_a_share_for_testing_is_a_share(share: Any) -> None:
    assert sentences(lambda: from_frame(FRAME, target="paid", test_share=share)) == [
        f"The 'test_share' of own data must be greater than 0 and less than 1. Got {share!r}."
    ]


@pytest.mark.parametrize("seed", [-1, 1.0, "a", None])
def test_a_seed_is_a_whole_number(seed: Any) -> None:
    assert "must be a whole number, at least 0" in sentences(lambda: from_frame(FRAME, target="paid", seed=seed))[0]


def test_a_target_of_many_numbers_looks_continuous() -> None:
    found = sentences(lambda: from_frame(FRAME, target="age"))[0]
    assert found.startswith("The target 'age' of own data must hold at most 20 different numbers")
    assert found.endswith("Got 40 different numbers: it looks continuous.")


def test_columns_of_one_name_are_refused() -> None:
    assert (
        "all of different names. Got ['age']"
        in sentences(lambda: from_frame(pd.concat([FRAME, FRAME[["age"]]], axis=1), target="paid"))[0]
    )


@pytest.mark.parametrize("sensitive", [["paid"], ["sex", "sex"]])
def test_the_target_and_what_was_named_already_cannot_be_sensitive(sensitive: list[str]) -> None:
    assert (
        "all different and other than the target 'paid'"
        in sentences(lambda: from_frame(FRAME, target="paid", sensitive=sensitive))[0]
    )


def test_a_target_of_several_kinds_is_refused() -> None:
    assert (
        "of values of one kind, which can be sorted. Got ['int', 'str']"
        in sentences(lambda: from_frame(FRAME.assign(paid=[1, "no"] * 20), target="paid"))[0]
    )


def test_a_column_that_does_not_vary_becomes_zero() -> None:
    dataset = from_frame(FRAME.assign(age=7.0), target="paid", sensitive=["sex", "job"], seed=0)
    assert set(dataset.train.x.flatten().tolist()) == {0.0}


def test_columns_that_are_not_there_are_named() -> None:
    assert sentences(lambda: from_frame(FRAME, target="pay", sensitive=["gender"])) == [
        "The 'columns' of own data must be among ['age', 'job', 'sex', 'paid']. Got ['pay', 'gender']."
    ]


def test_a_target_with_missing_values_is_refused() -> None:
    frame = FRAME.assign(paid=FRAME["paid"].where(FRAME["paid"] == "yes"))
    assert sentences(lambda: from_frame(frame, target="paid")) == [
        "The target 'paid' of own data must be known. Got missing values."
    ]


MODULE = """
import numpy as np
from amulet.datasets import from_arrays

def load(records):
    x = np.linspace(0, 1, records)[:, None]
    y = np.arange(records) % 2
    return from_arrays((x, y), (x, y))

def wrong():
    return 1
"""


@pytest.fixture
def module(user_module: UserModule) -> str:
    user_module("own_records", MODULE)
    return "own_records"


def test_a_function_of_ones_own_is_a_data_set(module: str) -> None:
    assert len(ImportedDataset(f"{module}:load", (("records", 8),)).load().train) == 8


def test_a_function_that_gives_something_else_is_refused(module: str) -> None:
    with pytest.raises(TypeError, match=r"'own_records:wrong' must return an AmuletDataset\. Got int\."):
        ImportedDataset(f"{module}:wrong").load()


def test_a_function_that_is_not_there_is_refused() -> None:
    with pytest.raises(AmuletError, match="The 'function' of ImportedDataset must be an import path like"):
        ImportedDataset("no.such:thing")


@pytest.mark.parametrize("labels", [[0.2, 1.7], ["a", "b"], [[0, 1], [1, 0]]], ids=["fractions", "text", "one-hot"])
def test_labels_of_a_torch_data_set_are_never_rounded(labels: list[Any]) -> None:
    pairs: Any = [(torch.rand(3), label) for label in labels * 4]
    assert sentences(lambda: from_torch(pairs, pairs))


def test_items_of_a_torch_data_set_must_be_of_one_shape() -> None:
    pairs: Any = [(torch.rand(3), 0), (torch.rand(4), 1)]
    assert (
        "pairs (x, y) of a tensor, each of one shape, and a class code"
        in sentences(lambda: from_torch(pairs, pairs))[0]
    )


def test_rows_of_zeros_and_ones_as_bytes_would_be_nearly_nothing() -> None:
    x = np.eye(2, dtype=np.uint8)[[0, 1, 0]]
    given = ((x, [0, 1, 0]), (x, [0, 1, 0]))
    assert "floating where rows hold zeros and ones" in sentences(lambda: from_arrays(*given))[0]


def test_masked_values_are_missing_values() -> None:
    x = np.ma.masked_greater(np.random.default_rng(0).random((4, 2)), 0.5)
    assert "without masked values" in sentences(lambda: from_arrays((x, [0, 1, 0, 1]), (x, [0, 1, 0, 1])))[0]


def test_bounds_have_an_end() -> None:
    given = ((np.eye(2), [0, 1]), (np.eye(2), [0, 1]))
    assert sentences(lambda: from_arrays(*given, bounds=(0.0, np.inf))) == [
        "The 'high' of Schema must be finite. Got inf."
    ]


@pytest.mark.parametrize("shape", [(4, 28, 28, 3), (4, 32, 24, 4), (4, 28, 28, 1), (4, 28, 28), (4,)], ids=str)
def test_images_have_their_channels_first(shape: tuple[int, ...]) -> None:
    given = (np.random.default_rng(0).random(shape), [0, 1, 0, 1])
    assert sentences(lambda: from_arrays(given, given)) == [
        f"The 'x' of own data must be (n, features) or (n, channels, height, width). Got {shape}."
    ]
