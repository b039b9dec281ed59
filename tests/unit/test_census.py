"""Census: the published counts on the real files, and what is done with files that are not theirs."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from amulet.core.data import Data, concatenate
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import AmuletError, InvalidData, InvalidParameter
from amulet.datasets import Census, load_data
from amulet.datasets.census import CATEGORIES, COLUMNS, NUMBERS, parse
from amulet.models import LinearNet
from amulet.training import Adam, OneCycle, Recipe
from amulet.training.loop import accuracy

RealData = Callable[[str], Path]
LINE = (
    "39, State-gov, 77516, Bachelors, 13, Never-married, Adm-clerical, Not-in-family, White, Male, 2174, 0, 40, Cuba, "
)


@pytest.fixture(scope="module")
def root(real_data: RealData) -> Path:
    return real_data("adult/adult.data").parents[1]


@pytest.fixture(scope="module")
def census(root: Path) -> AmuletDataset:
    return Census(root=str(root)).load()


@pytest.fixture(scope="module")
def everyone(census: AmuletDataset) -> Data:
    return concatenate(census.train, census.test)


def count(data: Data, attribute: str, value: str) -> int:
    values = next(each.values for each in data.schema.attributes if each.name == attribute)
    return int((data.attribute(attribute) == values.index(value)).sum())


def test_counts_are_the_published_ones(everyone: Data) -> None:
    assert len(everyone) == 48842
    assert everyone.schema.classes == ("<=50K", ">50K")
    assert everyone.schema.positive == ">50K"
    assert round(everyone.y.double().mean().item(), 4) == 0.2393
    assert count(everyone, "race", "White") == 41762
    assert count(everyone, "sex", "Male") == 32650


def test_45222_records_miss_nothing(root: Path) -> None:
    dataset = Census(root=str(root), drop_incomplete=True, test_share=None).load()
    assert (len(dataset.train), len(dataset.test)) == (30162, 15060)


def test_the_official_split_has_its_own_balance(root: Path) -> None:
    dataset = Census(root=str(root), test_share=None).load()
    assert (len(dataset.train), len(dataset.test)) == (32561, 16281)
    assert (int(dataset.train.y.sum()), int(dataset.test.y.sum())) == (7841, 3846)
    assert dataset.test.index.tolist() == list(range(32561, 48842))


def test_columns_do_not_depend_on_the_split(root: Path, census: AmuletDataset) -> None:
    """One-hot columns are sums of one over each category whatever the records."""
    few = Census(root=str(root), train_records=20, test_records=10, seed=3).load()
    assert few.schema == census.schema
    assert few.schema.shape == (100,)
    start = len(NUMBERS)
    for name in CATEGORIES:
        stop = start + len(COLUMNS[name])
        assert torch.equal(few.train.x[:, start:stop].sum(1), torch.ones(20))
        start = stop


def test_numbers_are_scaled_by_training_records_only(census: AmuletDataset) -> None:
    numbers = census.train.x[:, : len(NUMBERS)]
    assert numbers.min(0).values.tolist() == [0.0] * 5
    assert numbers.max(0).values.tolist() == [1.0] * 5
    assert (census.schema.low, census.schema.high) == (0.0, 1.0)


def test_race_and_sex_are_not_in_x(everyone: Data) -> None:
    for attribute in everyone.schema.attributes:
        for code in range(len(attribute.values)):
            group = (everyone.attribute(attribute.name) == code).float()
            assert not any(torch.equal(column, group) for column in everyone.x.T)


def test_the_seed_draws_the_split_and_x_y_z_stay_aligned(root: Path, census: AmuletDataset) -> None:
    """Every record of a smaller draw is the same record of the larger one."""
    assert Census(root=str(root)).load().content == census.content
    assert not torch.equal(Census(root=str(root), seed=1).load().train.index, census.train.index)
    few = Census(root=str(root), train_records=500).load().train
    more = Census(root=str(root), train_records=900).load().train
    assert set(few.index.tolist()) < set(more.index.tolist())
    places = torch.searchsorted(census.train.index, few.index)
    assert torch.equal(census.train.y[places], few.y)
    assert torch.equal(census.train.z[places], few.z)
    assert torch.equal(census.train.x[places][:, len(NUMBERS) :], few.x[:, len(NUMBERS) :])


def test_the_files_are_read_once(root: Path, census: AmuletDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amulet.datasets.official.cache._write", lambda *_: pytest.fail("made again"))
    assert Census(root=str(root)).load().content == census.content


def test_the_files_may_lie_in_the_root_itself_or_in_the_archive(
    root: Path, census: AmuletDataset, tmp_path: Path
) -> None:
    with zipfile.ZipFile(tmp_path / "adult.zip", "w") as archive:
        for file in ("adult.data", "adult.test", "adult.names"):
            archive.write(root / "adult" / file, file)
    for place in (root / "adult", tmp_path):
        assert load_data("census", root=place).content == census.content


def test_a_linear_net_reaches_the_documented_accuracy(census: AmuletDataset) -> None:
    """15 epochs reach 85.5-85.7%; a third of them is enough for a test."""
    recipe = Recipe(LinearNet(dropout=0.3), epochs=5, optimizer=Adam(lr=3e-3), schedule=OneCycle())
    assert accuracy(recipe.fit(census.train, seed=0).model, census.test) >= 0.845


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda text: text[: len(text) // 2], "The file 'adult.data' of Census must hold"),
        (lambda text: text[: text.index("\n", 10**6) + 1], "must hold 32561 records. Got "),
        (lambda _: "<!DOCTYPE html><html>404</html>", "must hold data. Got a web page"),
        (lambda text: text.replace(">50K", ">60K", 1), "must hold known values of 'income'. Got '>60K'."),
        (lambda text: text.replace("Bachelors", "Bachelor", 1), "must hold known values of 'education'."),
        (lambda text: text.replace("39, State-gov", "x, State-gov", 1), "must hold whole numbers as 'age'. Got 'x'."),
        (lambda _: "", "must hold 15 fields a line"),
    ],
    ids=["cut in a line", "cut between lines", "web page", "label", "category", "number", "empty"],
)
def test_damaged_files_are_refused_and_never_cached(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, damage: Callable[[str], str], sentence: str
) -> None:
    monkeypatch.setenv("AMULET_CACHE", str(tmp_path / "cache"))
    (tmp_path / "adult").mkdir()
    (tmp_path / "adult" / "adult.test").write_bytes((root / "adult" / "adult.test").read_bytes())
    (tmp_path / "adult" / "adult.data").write_text(damage((root / "adult" / "adult.data").read_text()))
    for _ in range(2):
        with pytest.raises(InvalidData) as caught:
            Census(root=str(tmp_path)).load()
        assert sentence in str(caught.value)
        assert len(caught.value.problems) == 1
    assert list((tmp_path / "cache").rglob("*.npy")) == []


@given(st.data())
def test_what_the_format_allows_is_read_as_it_was_written(data: st.DataObject) -> None:
    rows = data.draw(
        st.lists(
            st.tuples(*(st.sampled_from(values) if values else st.integers(0, 99999) for values in COLUMNS.values())),
            min_size=1,
            max_size=5,
        )
    )
    end = data.draw(st.sampled_from(["", "."]))
    text = "|1x3 Cross validator\n" + "".join(", ".join(map(str, row)) + f"{end}\n" for row in rows) + "\n"
    table = parse(text.encode(), "adult.test")
    for row, place in zip(rows, range(len(rows)), strict=True):
        for name, value in zip(COLUMNS, row, strict=True):
            if name != "fnlwgt":
                code = table[name][place]
                assert value == (COLUMNS[name][code] if COLUMNS[name] else code)


@given(st.text(st.characters(codec="utf-8"), max_size=60))
def test_any_other_value_is_refused(value: str) -> None:
    if value.strip() not in {*COLUMNS["income"], *(f"{name}." for name in COLUMNS["income"])}:
        with pytest.raises(InvalidData, match=r"The file 'adult\.data' of Census must"):
            parse(f"{LINE}{value}\n{LINE}{value}".encode(), "adult.data")


def test_more_records_than_there_are_is_an_error(root: Path) -> None:
    with pytest.raises(InvalidData, match=r"The 'train_records' of Census must be at most 34190\. Got 40000\."):
        Census(root=str(root), train_records=40000).load()


def test_load_data_names_what_it_does_not_know() -> None:
    with pytest.raises(InvalidParameter, match=r"The 'name' of load_data must be one of census, .* Got 'censuses'\."):
        load_data("censuses")
    with pytest.raises(InvalidParameter, match=r"Census has no 'size'\. It has: root, test_share,"):
        load_data("census", size=3)
    with pytest.raises(AmuletError, match="test_share"):
        load_data("census", test_share=1.5)


def test_no_record_is_in_both_parts(everyone: Data) -> None:
    assert np.unique(everyone.index).tolist() == list(range(48842))
