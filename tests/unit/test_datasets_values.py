"""What is missing, what is one value and what is a group, whatever container holds a column."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidData
from amulet.datasets import from_arrays, from_frame

LETTERS: list[Any] = ["a", "b", np.nan, "a"]
NUMBERS: list[Any] = [1, 0, np.nan, 1]
FRAME = pd.DataFrame({"age": np.arange(40.0) + 0.5, "sex": ["f", "m"] * 20, "paid": ["yes", "no", "no", "yes"] * 10})


def names(dataset: AmuletDataset) -> tuple[str, ...]:
    (attribute,) = dataset.schema.attributes
    return attribute.values  # noqa: PD011 - no frame


def groups(column: Any) -> tuple[tuple[str, ...], list[int]]:
    """Names and codes of a sensitive attribute with these values, in train and in test."""
    n = len(column)
    x, y = np.linspace(0, 1, 2 * n)[:, None], np.arange(2 * n) % 2
    dataset = from_arrays((x[:n], y[:n]), (x[n:], y[n:]), sensitive=({"g": column}, {"g": column}))
    assert torch.equal(dataset.train.z, dataset.test.z)
    return names(dataset), dataset.train.z.flatten().tolist()


def sentence(make: Callable[[], object]) -> str:
    with pytest.raises(InvalidData) as caught:
        make()
    return str(caught.value)


@pytest.mark.parametrize(
    "column",
    [
        LETTERS,
        tuple(LETTERS),
        np.array(LETTERS),
        np.array(LETTERS, dtype=object),
        pd.Series(LETTERS),
        pd.Series(LETTERS, dtype="category"),
        pd.Series(LETTERS, dtype="string"),
        pd.Series(LETTERS, dtype=object),
        pd.Categorical(LETTERS),
        pd.Index(LETTERS),
        ["a", "b", None, "a"],
        ["a", "b", pd.NA, "a"],
        ["a", "b", pd.NaT, "a"],
        np.ma.array(["a", "b", "c", "a"], mask=[False, False, True, False]),
    ],
    ids=lambda column: f"{type(column).__name__} {getattr(column, 'dtype', '')}",
)
def test_missing_text_is_missing_in_every_container(column: Any) -> None:
    assert groups(column) == (("a", "b"), [0, 1, -1, 0])


@pytest.mark.parametrize(
    "column",
    [
        NUMBERS,
        tuple(NUMBERS),
        np.array(NUMBERS),
        np.array(NUMBERS, dtype=object),
        np.array(NUMBERS, dtype=np.float16),
        torch.tensor(NUMBERS),
        torch.tensor(NUMBERS, dtype=torch.bfloat16),
        pd.Series(NUMBERS),
        pd.Series([1, 0, None, 1], dtype="Int64"),
        [1, 0, None, 1],
        [1.0, 0, None, True + 0],
    ],
    ids=lambda column: f"{type(column).__name__} {getattr(column, 'dtype', '')}",
)
def test_a_number_has_one_name_in_every_container(column: Any) -> None:
    assert groups(column) == (("0", "1"), [1, 0, -1, 1])


def test_whole_numbers_and_floats_of_the_two_parts_are_the_same_numbers() -> None:
    x = np.eye(4)
    dataset = from_arrays((x, [0, 1] * 2), (x, [0, 1] * 2), sensitive=({"g": [0, 1, 1, 0]}, {"g": [0.0, np.nan] * 2}))
    assert names(dataset) == ("0", "1")
    assert dataset.test.z.flatten().tolist() == [0, -1, 0, -1]


def test_numbers_that_differ_are_never_merged() -> None:
    assert groups([2**60, 2**60 + 1, np.nan]) == ((str(2**60), str(2**60 + 1)), [0, 1, -1])


def test_short_floats_have_the_names_that_they_were_given() -> None:
    assert groups(np.array([0.1, 0.2], dtype=np.float32))[0] == ("0.1", "0.2") == groups(torch.tensor([0.1, 0.2]))[0]


@pytest.mark.parametrize(
    ("column", "given"),
    [
        ([1, "1", 2], "must not hold a number beside the same number as text. Got 1 and '1'."),
        ([True, 1, 0], "must hold truth values or numbers. Got both, of which True and 1 cannot be told apart."),
        (["a", " a"], "must hold values that differ by more than the blanks around them. Got ' a' and 'a'."),
        (np.array([b"a", b"b"]), "must hold text, not bytes"),
        ([b"a", b"b"], "must hold text, not bytes"),
        (["nan", "b"], "Got the text 'nan', which is how a missing value is written."),
        (np.array(["nan", "b"]), "Got the text 'nan', which is how a missing value is written."),
        ([["a"], ["b"]], "must hold texts, numbers, dates or truth values."),
        (["1", "2", "?"], "must hold numbers or text, not both"),
    ],
    ids=str,
)
def test_what_could_be_taken_for_something_else_is_refused(column: Any, given: str) -> None:
    found = sentence(lambda: groups(column))
    assert found.startswith("The 'sensitive[g]' of own data must")
    assert given in found


def test_ranges_are_groups() -> None:
    assert groups(pd.cut(pd.Series([1, 2, 30, np.nan]), [0, 5, 50]))[1] == [0, 0, 1, -1]


@pytest.mark.parametrize(
    ("column", "given"),
    [
        (np.linspace(18, 90, 382), "at most 10 different numbers that are not whole, as groups do"),
        (np.arange(18, 90), "at most 20 different numbers, as groups do (make ranges of them, with pandas.cut"),
        ([f"street {number}" for number in range(150)], "at most 100 different values (join rare ones"),
    ],
    ids=["fractions", "whole", "text"],
)
def test_a_quantity_is_no_sensitive_attribute(column: Any, given: str) -> None:
    assert given in sentence(lambda: groups(column))
    frame = pd.DataFrame({"g": column, "x": 1.0, "y": np.arange(len(column)) % 2})
    assert given in sentence(lambda: from_frame(frame, target="y", sensitive=["g"]))


@pytest.mark.parametrize(
    ("column", "given"),
    [
        ([1, "1"] * 20, "The column 'a' of own data must not hold a number beside the same number as text."),
        ([True, 1] * 20, "The column 'a' of own data must hold truth values or numbers."),
        ([" x", "x"] * 20, "differ by more than the blanks around them"),
        (["x", "nan"] * 20, "Got the text 'nan'"),
        ([1, 2, "?", 3] * 10, "must hold numbers or text, not both"),
        (["1", "2", "None", "3"] * 10, "Got 3 different numbers and 'None'."),
        ([*map(str, range(39)), "1O"], "Got 39 different numbers and '1O'."),
        (pd.Categorical(["x"] * 40, [*map(str, range(8000)), "x"]), "have at most 100 values, each an input"),
    ],
    ids=["1 and '1'", "True and 1", "blanks", "nan", "question mark", "None", "typing error", "categories"],
)
def test_columns_of_a_frame_are_what_they_seem(column: Any, given: str) -> None:
    assert given in sentence(lambda: from_frame(FRAME.assign(a=column), target="paid"))


def test_text_of_one_value_a_record_is_refused_before_it_fills_the_memory() -> None:
    frame = pd.DataFrame({"name": [f"person {number}" for number in range(20_000)], "paid": [0, 1] * 10_000})
    assert sentence(lambda: from_frame(frame, target="paid")) == (
        "The column 'name' of own data must have at most 100 values, each an input of its own (leave the column out "
        "with 'drop', join rare values, or make numbers of it). Got 20000."
    )
    with_age = frame.assign(age=np.arange(20_000) % 50)
    assert from_frame(with_age, target="paid", drop=["name"]).schema.features == ("age",)


def test_a_hundred_values_are_allowed() -> None:
    frame = pd.DataFrame({"town": [f"town {number % 100}" for number in range(400)], "paid": [0, 0, 1, 1] * 100})
    assert from_frame(frame, target="paid").schema.shape == (100,)


@pytest.mark.parametrize("column", [np.linspace(0, 1e5, 40), np.arange(40), np.arange(40.0)])
def test_a_target_of_many_numbers_looks_continuous(column: Any) -> None:
    found = sentence(lambda: from_frame(FRAME.assign(wage=column), target="wage"))
    assert found.startswith("The target 'wage' of own data must hold at most")
    assert found.endswith("Got 40 different numbers: it looks continuous.")


def test_a_target_of_names_is_refused() -> None:
    found = sentence(lambda: from_frame(FRAME.assign(who=[f"p{number}" for number in range(40)]), target="who"))
    assert found == (
        "The target 'who' of own data must hold each of its values in several records. "
        "Got 40 different values in 40 records."
    )


def test_columns_to_drop_must_be_there_and_of_no_other_use() -> None:
    assert "must be among" in sentence(lambda: from_frame(FRAME, target="paid", drop=["wage"]))
    assert (
        sentence(lambda: from_frame(FRAME, target="paid", drop=["paid"]))
        == "The 'drop' of own data must be other than the target and the sensitive columns. Got ['paid']."
    )
    assert from_frame(FRAME, target="paid", drop="sex").schema.features == ("age",)


@pytest.mark.parametrize("frame", [{"a": [1]}, np.eye(3), "loans.csv", None])
def test_what_is_no_frame_is_refused(frame: Any) -> None:
    assert "The 'frame' of own data must be a pandas DataFrame" in sentence(lambda: from_frame(frame, target="a"))


@pytest.mark.parametrize("column", ["Unnamed: 0", "", "index"])
def test_a_saved_row_index_is_no_feature(column: str) -> None:
    found = sentence(lambda: from_frame(FRAME.assign(**{column: range(40)}), target="paid"))
    assert f"a saved row index (leave it out with drop=['{column}']" in found


def test_an_index_that_does_not_count_rows_is_a_feature() -> None:
    assert "index" in from_frame(FRAME.assign(index=np.arange(40) % 7), target="paid").schema.features


def test_a_copy_that_pandas_renamed_is_no_feature() -> None:
    found = sentence(lambda: from_frame(FRAME.assign(**{"sex.1": FRAME["sex"]}), target="paid", sensitive=["sex"]))
    assert "without copies of the target and the sensitive columns (leave them out with drop=['sex.1'])" in found


def test_an_attribute_that_is_missing_everywhere_is_refused() -> None:
    assert "must hold at least one known value. Got missing values only." in sentence(lambda: groups([None, np.nan]))


def test_images_of_zeros_and_ones_as_bytes_would_be_nearly_nothing() -> None:
    x = np.random.default_rng(0).integers(0, 2, (8, 1, 4, 4), dtype=np.uint8)
    assert "floating where rows hold zeros and ones" in sentence(lambda: from_arrays(x, [0, 1] * 4))


@pytest.mark.parametrize(
    ("settings", "given"),
    [
        ({"target": ["paid"]}, "The 'target' of own data must be the name of one column. Got ['paid']."),
        ({"target": "paid", "sensitive": None}, "The 'sensitive' of own data must be a list of names of columns."),
        ({"target": "paid", "drop": {"sex": 1}}, "The 'drop' of own data must be a list of names of columns."),
    ],
    ids=str,
)
def test_columns_are_given_by_name(settings: Any, given: str) -> None:
    assert given in sentence(lambda: from_frame(FRAME, **settings))


def test_numbers_beyond_single_precision_are_infinite() -> None:
    assert "must be finite" in sentence(lambda: from_arrays(np.full((8, 2), 1e300), [0, 1] * 4, bounds=(0, 1)))
