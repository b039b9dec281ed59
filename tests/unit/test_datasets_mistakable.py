"""Data that could be taken for other data: names that look alike, records out of order, numbers in other spellings."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import amulet
from amulet.core.data import Attribute, Modality, Schema
from amulet.core.errors import InvalidData, InvalidParameter
from amulet.core.text import alike, is_line, look_of
from amulet.datasets import from_arrays, from_csv, from_frame

COUNT = 100
RNG = np.random.default_rng(0)
X = RNG.random((COUNT, 3))
Y = np.arange(COUNT) % 2
FRAME = pd.DataFrame(
    {"age": 20 + np.arange(COUNT) % 40, "sex": list("fm") * (COUNT // 2), "paid": ["no", "yes", "yes", "no"] * 25}
)
PERMUTED = RNG.permutation(COUNT)


def told(make: Any) -> str:
    with pytest.raises((InvalidData, InvalidParameter)) as caught:
        make()
    return str(caught.value)


def framed(column: Any, **settings: Any) -> Any:
    return from_frame(FRAME.assign(other=column), target="paid", sensitive=["sex"], **settings)


def written(place: Path, cells: Any, missing: tuple[str, ...] = ()) -> Any:
    lines = [f'"{cell}",{"fm"[number % 2]},{"no" if number % 4 else "yes"}' for number, cell in enumerate(cells)]
    (place / "loans.csv").write_text("\n".join(["other,sex,paid", *lines]), encoding="utf-8")
    return from_csv(place / "loans.csv", target="paid", sensitive=["sex"], missing=missing)


def test_a_look_is_what_a_reader_sees() -> None:
    assert look_of("cafe\u0301\u200b") == look_of("  caf\u00e9\u00a0") == "caf\u00e9"
    assert alike(["a", "A", "a b", "a\u00a0b"]) == ("a b", "a\u00a0b")
    assert alike(["x\u00b2", "x2", "\U0001f600", "\U0001fae8"]) is None
    assert [is_line(text) for text in ("a", "", "\u200b", "a\nb", "a\u2028b")] == [True, False, False, False, False]


@pytest.mark.parametrize(
    ("values", "given"),
    [
        (["Male", "male"], "Got 'Male' and 'male'"),
        (["caf\u00e9", "cafe\u0301"], r"Got 'cafe\u0301' and 'caf\xe9'"),
        (["male", "male\u200b"], r"Got 'male' and 'male\u200b'"),
        (["a b", "a\u00a0b"], r"Got 'a b' and 'a\xa0b'"),
        (["", "a"], "one line of visible text. Got ''"),
        (["a\nReport: here", "b"], r"one line of visible text. Got 'a\nReport: here'"),
        ([object(), None], "objects of object, which have no text of their own"),
    ],
)
def test_groups_that_a_reader_cannot_tell_apart_are_refused(values: list[Any], given: str) -> None:
    assert given in told(lambda: from_arrays(X, Y, sensitive={"group": values * (COUNT // 2)}))


def test_short_codes_of_features_may_differ_by_case() -> None:
    assert framed(["AA", "Aa"] * (COUNT // 2)).schema.features[-2:] == ("other=AA", "other=Aa")
    assert "Got 'Male' and 'male'" in told(lambda: framed(["Male", "male"] * (COUNT // 2)))
    assert "Got 'Yes' and 'yes'" in told(lambda: from_frame(FRAME.assign(paid=["yes", "Yes"] * 50), target="paid"))


@pytest.mark.parametrize("field", ["classes", "features", "attributes"])
def test_names_of_a_schema_look_different(field: str) -> None:
    names: Any = ("caf\u00e9", "cafe\u0301")
    if field == "attributes":
        names = tuple(Attribute(name, ("a", "b")) for name in names)
    given = {"modality": Modality.TABULAR, "shape": (2,), "classes": ("a", "b"), field: names}
    assert rf"The '{field}' of Schema must be of names that look different" in told(lambda: Schema(**given))


def test_columns_that_look_alike_are_refused() -> None:
    assert "look different" in told(lambda: _with("age\u200b"))
    assert r"among ['age', 'sex', 'pay\xe9']. Got ['paye\u0301']" in told(
        lambda: from_frame(FRAME.rename(columns={"paid": "pay\u00e9"}), target="paye\u0301")
    )


def _with(name: str) -> Any:
    return from_frame(FRAME.assign(**{name: FRAME.sex}), target="paid", sensitive=["sex"])


@pytest.mark.parametrize("name", ["Sex", "SEX", "sex.1", "Paid"])
def test_a_copy_of_a_secret_column_is_no_feature(name: str) -> None:
    assert f"leave them out with drop=['{name}']" in told(lambda: _with(name))


@pytest.mark.parametrize(
    "arrays",
    [
        (pd.DataFrame(X).iloc[PERMUTED], pd.Series(Y), None),
        (pd.DataFrame(X), pd.Series(Y).iloc[PERMUTED], None),
        (pd.DataFrame(X), Y, {"sex": FRAME.sex.iloc[PERMUTED]}),
        (X, pd.Series(Y), FRAME[["sex"]].iloc[PERMUTED]),
        (pd.DataFrame(X, index=np.arange(COUNT) + 7), pd.Series(Y, index=np.arange(COUNT) + 8), None),
    ],
)
def test_records_in_another_order_are_not_paired(arrays: Any) -> None:
    x, y, sensitive = arrays
    assert "whose index has the same names" in told(lambda: from_arrays(x, y, sensitive=sensitive))


def test_indices_that_say_nothing_of_an_order_are_taken() -> None:
    some = pd.DataFrame(X).iloc[::2]
    from_arrays(some, pd.Series(Y).iloc[:50].reset_index(drop=True))
    from_arrays(some, pd.Series(Y[:50], index=[f"r{number}" for number in range(50)]))
    from_arrays(pd.DataFrame(X, index=[0] * COUNT), pd.Series(Y, index=[0] * COUNT))


def test_columns_of_train_and_test_are_in_one_order() -> None:
    first, second = pd.DataFrame(X, columns=list("abc")), pd.DataFrame(X, columns=list("cab"))
    assert "['a', 'b', 'c'] for test as for train" in told(lambda: from_arrays((first, Y), (second, Y)))
    assert "'features' of own data must be those of x" in told(lambda: from_arrays(first, Y, features=list("cab")))
    from_arrays((first, Y), (pd.DataFrame(X), Y))


@pytest.mark.parametrize("offset", [1e12, 1.7e9])
def test_values_that_single_precision_makes_the_same_are_refused(offset: float) -> None:
    x = np.column_stack([offset + np.arange(COUNT), X])
    assert "100 different ones in column 0" in told(lambda: from_arrays(x, Y))
    from_arrays(np.column_stack([np.arange(COUNT) * 1e10, 0.3 + X[:, :1] * 1e-16, X]), Y)


@pytest.mark.parametrize(
    ("x", "given"),
    [
        (torch.eye(2).to_sparse(), "to_dense()"),
        (torch.empty(2, 3, device="meta"), "no data"),
        ([torch.rand(3, requires_grad=True)] * 2, "requires grad"),
        ([[10**400, 1], [0, 1]], "NaN or infinity in 1 records"),
        (np.zeros((2, 0)), "at least one feature"),
    ],
)
def test_what_is_no_array_of_numbers_is_told(x: Any, given: str) -> None:
    assert given in told(lambda: from_arrays((x, [0, 1]), (x, [0, 1])))


@pytest.mark.parametrize("y", [[10**30, 0] * 50, Y * 1e300, Y.astype(np.uint64) * np.uint64(2**63)])
def test_labels_beyond_all_bounds_are_told(y: Any) -> None:
    assert "labels 0..k-1" in told(lambda: from_arrays(X, y))


def test_settings_come_in_any_container() -> None:
    expected = from_arrays(X, Y, classes=["no", "yes"], bounds=(0.0, 1.0), features=["a", "b", "c"], positive="yes")
    given: dict[str, Any] = {"classes": np.array(["no", "yes"]), "features": pd.Index(["a", "b", "c"])}
    given |= {"bounds": np.array([0, 1]), "positive": np.str_("yes")}
    assert from_arrays(X, Y, **given).content == expected.content
    number: Any = 1
    assert from_arrays(X, Y, positive=number).schema.positive == "1"


@pytest.mark.parametrize(
    ("settings", "given"),
    [
        ({"classes": "ab"}, "a list of names. Got 'ab'"),
        ({"features": 3}, "a list of names. Got 3"),
        ({"bounds": (1,)}, "two numbers"),
        ({"bounds": 1}, "two numbers"),
        ({"seed": ""}, "a whole number, at least 0. Got ''"),
        ({"name": "a\nb"}, "one line of visible text"),
    ],
)
def test_settings_of_no_use_are_told(settings: Any, given: str) -> None:
    assert given in told(lambda: from_arrays(X, Y, **settings))


def test_dates_of_nanoseconds_are_dates() -> None:
    dates = np.array(["2020-01-01", "NaT"] * (COUNT // 2), dtype="M8[ns]")
    for column in (dates, pd.Series(dates)):
        attribute = from_arrays(X, Y, sensitive={"g": column}).schema.attributes[0]
        assert attribute == Attribute("g", ("2020-01-01 00:00:00",))


def test_missing_numbers_among_objects_are_missing_numbers() -> None:
    column = pd.Series([1, pd.NA, 3, 4] * (COUNT // 4), dtype=object)
    assert torch.equal(framed(column).train.x, framed(column.astype("Int64")).train.x)


@pytest.mark.parametrize(
    ("cells", "given"),
    [
        ([f"{number % 7},5" for number in range(COUNT)], "a decimal point and nothing between thousands"),
        ([f"1,{number:03}" for number in range(COUNT)], "a decimal point and nothing between thousands"),
        ([f"{number % 30}%" for number in range(COUNT)], "plain numbers, or at most 10"),
        ([f"\u20ac {number % 30}" for number in range(COUNT)], "plain numbers, or at most 10"),
        ([f"'{number % 30}'" for number in range(COUNT)], "plain numbers, or at most 10"),
        ([f"\u2212{number % 30 + 1}" for number in range(COUNT)], "plain numbers, or at most 10"),
        ([f"2020-01-{number % 28 + 1:02}" for number in range(COUNT)], "28 different days"),
        (["True", "1", "0", "False"] * 25, "truth values in one spelling"),
    ],
)
def test_quantities_in_another_spelling_are_no_categories(tmp_path: Path, cells: Any, given: str) -> None:
    assert given in told(lambda: written(tmp_path, cells))
    assert given in told(lambda: framed(cells))


@pytest.mark.parametrize("cells", [["5%", "10%"], ["2020-01-01", "2021-01-01"], ["0.125", "0.25"], ["<18", "18-65"]])
def test_a_few_texts_with_numbers_are_categories(cells: Any) -> None:
    assert len(framed(cells * (COUNT // 2)).schema.features) == 3


def test_a_target_of_numbers_with_a_mark_is_refused() -> None:
    assert "2 different numbers and 'NA'" in told(
        lambda: from_frame(FRAME.assign(paid=["0", "1", "NA", "1"] * 25), target="paid")
    )


def test_a_number_that_stands_for_missing_does_so_however_it_is_written(tmp_path: Path) -> None:
    cells = [-999.0 if number % 7 == 0 else number % 40 for number in range(COUNT)]
    named = written(tmp_path, cells, missing=(" -999 ",))
    assert torch.equal(named.train.x, written(tmp_path, ["" if cell < 0 else cell for cell in cells]).train.x)


@pytest.mark.parametrize(
    ("content", "given"),
    [
        (b"a;b;c\n1,5;2;3\n", "have several names in its first line, separated by commas. Got one, with ';' in it"),
        ("a,b\n1,2\n".encode("utf-16-le"), "in UTF-8 (save it in that encoding). Got characters of value zero"),
        ("a,b\n\u00e9,2\n".encode("latin-1"), "in UTF-8 (save it in that encoding)"),
    ],
)
def test_tables_of_another_form_are_told(tmp_path: Path, content: bytes, given: str) -> None:
    (tmp_path / "t.csv").write_bytes(content)
    assert given in told(lambda: from_csv(tmp_path / "t.csv", target="b"))


def test_a_second_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    lines = "\n".join(["age,paid", *(f"{number % 40},{number % 2}" for number in range(COUNT))])
    (tmp_path / "t.csv").write_text(f"\ufeff\ufeff{lines}", encoding="utf-8")
    assert from_csv(tmp_path / "t.csv", target="paid").schema.features == ("age",)


def test_paths_and_names_that_cannot_be() -> None:
    assert "must be one that is there" in told(lambda: from_csv("a" * 5000, target="b"))
    assert "must be a folder that can be read" in told(lambda: amulet.load_data("census", root="a" * 5000))
    assert "must be one of census" in told(lambda: amulet.load_data(None))  # type: ignore[arg-type]
