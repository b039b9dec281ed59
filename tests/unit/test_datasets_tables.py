"""A table in a file is read as it is written."""

import gzip
import os
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import pandas as pd
import pytest

from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidData
from amulet.datasets import from_csv, from_frame

AGES = list(range(20, 60))
PAID = ["yes", "no", "no", "yes"]


def table(names: str, *columns: Any, records: int = 40) -> str:
    """A line of names, then records that repeat the values of each column."""
    lines = (",".join(str(column[number % len(column)]) for column in columns) for number in range(records))
    return "\n".join([names, *lines]) + "\n"


def read(folder: Path, text: str, target: str = "paid", **settings: Any) -> AmuletDataset:
    (folder / "loans.csv").write_text(text, encoding="utf-8")
    return from_csv(folder / "loans.csv", target=target, name="loans", **settings)


def refusal(folder: Path, text: str, target: str = "paid", **settings: Any) -> str:
    with pytest.raises(InvalidData) as caught:
        read(folder, text, target, **settings)
    return str(caught.value)


def test_a_name_twice_is_refused_by_name(tmp_path: Path) -> None:
    text = table("age,job,sex,sex,paid", AGES, "abc", "fm", "fm", PAID)
    found = refusal(tmp_path, text, sensitive=["sex"])
    assert "must begin with a line of names, all different" in found
    assert "Got ['sex']." in found


def test_a_file_without_permission_is_told(tmp_path: Path) -> None:
    text = table("age,paid", AGES, PAID)
    with patch.object(Path, "open", side_effect=PermissionError(13, "Permission denied")):
        (tmp_path / "loans.csv").touch()
        with pytest.raises(InvalidData, match=r"must be a file that can be read\. Got 'Permission denied'\."):
            from_csv(tmp_path / "loans.csv", target="paid", name="loans")
    read(tmp_path, text)


def test_a_saved_row_index_is_refused_and_can_be_dropped(tmp_path: Path) -> None:
    frame = pd.DataFrame({"age": AGES, "paid": PAID * 10})
    frame.to_csv(tmp_path / "saved.csv")
    with pytest.raises(InvalidData, match=r"a saved row index \(leave it out with drop=\['Unnamed: 0'\]"):
        from_csv(tmp_path / "saved.csv", target="paid")
    dropped = from_csv(tmp_path / "saved.csv", target="paid", drop=["Unnamed: 0"])
    assert dropped.content == from_frame(frame, target="paid").content


def test_text_is_what_it_says(tmp_path: Path) -> None:
    text = table("age,country,surname,code,paid", AGES, ["NA", "DE"], ["Null", "None", "Smith"], ["007", "7"], PAID)
    assert read(tmp_path, text).schema.features == (
        "age", "country=DE", "country=NA", "surname=None", "surname=Null", "surname=Smith", "code=007", "code=7",
    )  # fmt: skip


def test_what_else_is_missing_is_named(tmp_path: Path) -> None:
    text = table("age,country,paid", [1.5, 2, "?", 4, ""], ["NA", "DE", ""], PAID)
    assert "must hold numbers or text, not both" in refusal(tmp_path, text)
    frame = pd.DataFrame(
        {"age": [1.5, 2, None, 4, None] * 8, "country": ([None, "DE", None] * 14)[:40], "paid": PAID * 10}
    )
    same = from_frame(frame, target="paid", name="loans")
    assert read(tmp_path, text, missing=["?", "NA"]).content == same.content


@pytest.mark.parametrize("mark", ["NA", "nan", "None", "null", "-", "n/a", "#N/A"])
def test_numbers_with_a_mark_for_missing_are_never_categories(tmp_path: Path, mark: str) -> None:
    text = table("age,paid", [1, 2, mark, 4, 5], PAID)
    found = refusal(tmp_path, text)
    assert found.startswith("The column 'age' of loans must hold")
    assert "missing=[...] of from_csv" in found
    assert f"'{mark}'" in found
    assert read(tmp_path, text, missing=mark).schema.features == ("age",)


def test_blanks_around_cells_are_dropped_unless_they_tell_cells_apart(tmp_path: Path) -> None:
    spaced = table("age, job, paid", AGES, [" a", " b"], [" yes", " no", " no", " yes"])
    plain = table("age,job,paid", AGES, ["a", "b"], PAID)
    quoted = table("age, job, paid", AGES, [' "a"', ' "b"'], [" yes", " no", " no", " yes"])
    assert read(tmp_path, spaced).content == read(tmp_path, plain).content == read(tmp_path, quoted).content
    assert "Got ' a' and 'a'." in refusal(tmp_path, table("age,job,paid", AGES, [" a", "a", "b"], PAID))


def test_a_comma_between_quotes_after_a_blank_is_text(tmp_path: Path) -> None:
    text = table("age, job, paid", AGES, [' "smith, black"', " clerk"], [" yes", " no"])
    assert read(tmp_path, text).schema.features == ("age", "job=clerk", "job=smith, black")


def test_truth_values_are_numbers(tmp_path: Path) -> None:
    assert read(tmp_path, table("age,member,paid", AGES, ["True", "False"], PAID)).schema.features == ("age", "member")


def test_identifiers_of_many_digits_are_no_numbers(tmp_path: Path) -> None:
    text = table("age,card,paid", AGES, [12345678901234567890 + number for number in range(200)], PAID, records=200)
    assert "The column 'card' of loans must have at most 100 values" in refusal(tmp_path, text)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        (table("39,State,7,no", AGES, ["State", "Private"], range(40), ["no", "yes"]), "no"),
        (table("39,12,7,0", AGES, AGES, range(40), [0, 1]), "0"),
        (table("clerk,f,no", ["clerk", "smith"], "fm", ["no", "yes"]), "no"),
    ],
    ids=["mixed", "numbers", "text"],
)
def test_a_first_record_is_not_lost_as_names(tmp_path: Path, text: str, target: str) -> None:
    assert "so that no record is lost" in refusal(tmp_path, text, target)


@pytest.mark.parametrize(
    ("text", "target"),
    [
        (table("0,1,2,y", AGES, AGES, range(40), [0, 1]), "y"),
        (table("country,2018,2019,rich", "ab", AGES, range(40), ["yes", "no"]), "rich"),
        (table("label,0,1", [0, 1], AGES, range(40)), "label"),
    ],
    ids=["numbered columns", "years", "pixels"],
)
def test_names_may_be_numbers(tmp_path: Path, text: str, target: str) -> None:
    assert len(read(tmp_path, text, target).train) == 28


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ('age,paid\n1,"yes\n2,no\n', "be a table of comma-separated values"),
        ("age,paid\n1,yes\n2\n", "be a table of comma-separated values, 2 a line. Got 1 in record 2."),
        ("age,job,paid\n1,yes\n", "have as many names in its first line as values in the others. Got more names."),
    ],
    ids=["open quote", "short line", "short lines"],
)
def test_a_broken_table_is_refused(tmp_path: Path, text: str, given: str) -> None:
    assert given in refusal(tmp_path, text)


def test_numbers_are_read_exactly(tmp_path: Path) -> None:
    frame = pd.DataFrame(
        {"a": np.random.default_rng(0).normal(size=40), "b": 10.0 ** np.arange(-20, 20), "paid": PAID * 10}
    )
    frame.to_csv(tmp_path / "loans.csv", index=False)
    assert from_csv(tmp_path / "loans.csv", target="paid").content == from_frame(frame, target="paid").content


def test_a_marked_beginning_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    assert read(tmp_path, "\ufeff" + table("paid,age", PAID, AGES)).schema.features == ("age",)


def test_tables_packed_with_gzip_are_read_within_bounds(tmp_path: Path) -> None:
    place = tmp_path / "loans.csv.gz"
    place.write_bytes(gzip.compress(table("age,paid", AGES, PAID).encode()))
    assert from_csv(place, target="paid").schema.features == ("age",)
    with gzip.open(place, "wb") as file:
        file.write(b"age,paid\n")
        for _ in range(40):
            file.write(b"0,0\n" * 250_000)
    with pytest.raises(InvalidData, match=r"must hold at most 16777216 bytes, unpacked\. Got more"):
        from_csv(place, target="paid")


@pytest.mark.parametrize("ending", ["zip", "bz2", "xz"])
def test_other_packers_are_refused(tmp_path: Path, ending: str) -> None:
    place = tmp_path / f"loans.csv.{ending}"
    place.write_bytes(b"PK")
    with pytest.raises(InvalidData, match=r"must be plain text, or packed with gzip \(unpack it first\)"):
        from_csv(place, target="paid")


def test_a_pipe_is_no_table(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "loans.csv")
    with pytest.raises(InvalidData, match=r"must be a regular file\. Got a pipe, device or socket"):
        from_csv(tmp_path / "loans.csv", target="paid")


def test_a_path_is_a_path() -> None:
    with pytest.raises(InvalidData, match=r"The 'path' of own data must be a path\. Got 'int'"):
        from_csv(3, target="paid")  # type: ignore[arg-type]


def test_what_stands_for_missing_is_text(tmp_path: Path) -> None:
    text = table("age,paid", [1, 2, -999, 4], PAID)
    assert "The 'missing' of loans must be texts as they are written" in refusal(tmp_path, text, missing=[-999])
    frame = pd.DataFrame({"age": [1, 2, None, 4] * 10, "paid": PAID * 10})
    same = from_frame(frame, target="paid", name="loans")
    assert read(tmp_path, text, missing=["-999"]).content == same.content


@pytest.mark.parametrize(
    ("text", "target"),
    [
        (table("20,True,no", AGES, ["True", "False"], ["no", "yes"]), "no"),
        (table("20,,no", AGES, range(40), ["no", "yes"]), "no"),
    ],
    ids=["truth value", "empty cell"],
)
def test_a_first_record_of_other_kinds_is_not_lost_either(tmp_path: Path, text: str, target: str) -> None:
    assert "so that no record is lost" in refusal(tmp_path, text, target)


def test_names_may_be_years_alone(tmp_path: Path) -> None:
    assert len(read(tmp_path, table("2018,2019,2020", AGES, AGES, [0, 1]), "2020").train) == 28


def test_names_reach_no_terminal_raw(tmp_path: Path) -> None:
    assert "\x1b" not in refusal(tmp_path, table("age,\x1b[31mjob,paid", AGES, ["a", " a"], PAID))
