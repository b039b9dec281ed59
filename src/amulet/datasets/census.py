"""Census Income ("Adult"), 1994. Kohavi 1996, https://doi.org/10.24432/C5GP7S."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from amulet.core.data import Attribute, Modality, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.dataset_spec import DatasetSpec
from amulet.core.spec import Count, NonNegativeInt, OpenProbability
from amulet.datasets.official.cache import Key, cached
from amulet.datasets.official.download import Remote, download
from amulet.datasets.official.places import Root, candidates, find
from amulet.datasets.official.reading import checksum, read_within, refuse_web_page, refused
from amulet.datasets.official.records import Parts, Records, dataset, drawn, official
from amulet.datasets.official.scaling import scale_to_unit
from amulet.datasets.official.sources import Layout, Zip
from amulet.datasets.own import stratified_mask

_FOLDER: Final = "adult"
_PACKED: Final = "adult.zip"
_MOST: Final = 2**24
"""Bytes of one file; the larger one has four million."""

_SOURCE: Final = "https://archive.ics.uci.edu/ml/machine-learning-databases/adult"
_REMOTES: Final = (
    Remote(
        "adult.data",
        f"{_SOURCE}/adult.data",
        "sha256:5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d",
    ),
    Remote(
        "adult.test",
        f"{_SOURCE}/adult.test",
        "sha256:a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05",
    ),
)
_DESCRIPTION: Final = """
age: continuous.
workclass: Private, Self-emp-not-inc, Self-emp-inc, Federal-gov, Local-gov, State-gov, Without-pay, Never-worked, ?.
fnlwgt: continuous.
education: Bachelors, Some-college, 11th, HS-grad, Prof-school, Assoc-acdm, Assoc-voc, 9th, 7th-8th, 12th, Masters,
 1st-4th, 10th, Doctorate, 5th-6th, Preschool.
education-num: continuous.
marital-status: Married-civ-spouse, Divorced, Never-married, Separated, Widowed, Married-spouse-absent,
 Married-AF-spouse.
occupation: Tech-support, Craft-repair, Other-service, Sales, Exec-managerial, Prof-specialty, Handlers-cleaners,
 Machine-op-inspct, Adm-clerical, Farming-fishing, Transport-moving, Priv-house-serv, Protective-serv, Armed-Forces, ?.
relationship: Wife, Own-child, Husband, Not-in-family, Other-relative, Unmarried.
race: White, Asian-Pac-Islander, Amer-Indian-Eskimo, Other, Black.
sex: Female, Male.
capital-gain: continuous.
capital-loss: continuous.
hours-per-week: continuous.
native-country: United-States, Cambodia, England, Puerto-Rico, Canada, Germany, Outlying-US(Guam-USVI-etc), India,
 Japan, Greece, South, China, Cuba, Iran, Honduras, Philippines, Italy, Poland, Jamaica, Vietnam, Mexico, Portugal,
 Ireland, France, Dominican-Republic, Laos, Ecuador, Taiwan, Haiti, Columbia, Hungary, Guatemala, Nicaragua, Scotland,
 Thailand, Yugoslavia, El-Salvador, Trinadad&Tobago, Peru, Hong, Holand-Netherlands, ?.
income: <=50K, >50K.
"""
"""The columns as `adult.names` lists them, in the order of the file, and "?" where some values are missing."""


def _described(text: str) -> dict[str, tuple[str, ...]]:
    """The values of each column; none for numbers."""
    lines = (line.split(": ") for line in text.replace("\n ", " ").strip().splitlines())
    return {name: () if values == "continuous." else tuple(values[:-1].split(", ")) for name, values in lines}


RECORDS: Final = {"adult.data": 32561, "adult.test": 16281}
MISSING: Final = "?"
COLUMNS: Final[Mapping[str, tuple[str, ...]]] = _described(_DESCRIPTION)
SENSITIVE: Final = ("race", "sex")
NUMBERS: Final = tuple(name for name, values in COLUMNS.items() if not values and name != "fnlwgt")
CATEGORIES: Final = tuple(name for name, values in COLUMNS.items() if values and name not in {*SENSITIVE, "income"})


@dataclass(frozen=True)
class Census(DatasetSpec):
    """48,842 people: does one earn more than 50,000 dollars a year (23.93% do)?

    x has 100 columns, the same for every split: five numbers, scaled by least and largest value of the training
    part and clipped to [0, 1], and each category that the official description lists, missing ("?") among
    them, as 0 or 1. Sensitive attributes, kept out of x: `race` (5 groups) and `sex` (2). `fnlwgt`, a weight
    of the survey, is dropped.

    Attributes:
        root: the folder that holds `adult/` with `adult.data` and `adult.test`, or `adult.zip`.
        test_share: all records are pooled and this share of each class is drawn by `seed` for testing; None
            for the official split (32,561 and 16,281).
        drop_incomplete: leave out the 3,620 records with a missing category.
        train_records, test_records: how many to draw by `seed`, None for all.
        seed: of what is drawn.
    """

    root: Root = None
    test_share: OpenProbability | None = 0.3
    drop_incomplete: bool = False
    train_records: Count | None = None
    test_records: Count | None = None
    seed: NonNegativeInt = 0

    def files(self) -> tuple[Path, ...]:
        """The official files, packed and unpacked, wherever they are looked for."""
        return candidates(self.root, _FOLDER, *RECORDS, _PACKED)

    def load(self) -> AmuletDataset:
        """Read the files, or what the cache has of them; download what is not there."""
        table = _table(self.root)
        parts = drawn(self._parts(table), "Census", train=self.train_records, test=self.test_records, seed=self.seed)
        records = Records(inputs(table, parts.train), table["income"], np.stack([table[name] for name in SENSITIVE], 1))
        return dataset("Census", _SCHEMA, records, parts)

    def _parts(self, table: Mapping[str, NDArray[Any]]) -> Parts:
        kept = torch.from_numpy(complete(table)) if self.drop_incomplete else torch.ones(len(table["income"])).bool()
        if self.test_share is None:
            whole = official(*RECORDS.values())
            return Parts(whole.train[kept[whole.train]], whole.test[kept[whole.test]])
        places = kept.nonzero().flatten()
        held_out = stratified_mask(torch.from_numpy(table["income"])[places], self.test_share, self.seed)
        return Parts(places[~held_out], places[held_out])


_SCHEMA: Final = Schema(
    modality=Modality.TABULAR,
    shape=(len(NUMBERS) + sum(len(COLUMNS[name]) for name in CATEGORIES),),
    classes=COLUMNS["income"],
    attributes=tuple(Attribute(name, COLUMNS[name]) for name in SENSITIVE),
    positive=">50K",
    features=(*NUMBERS, *(f"{name}={value}" for name in CATEGORIES for value in COLUMNS[name])),
)


def inputs(table: Mapping[str, NDArray[Any]], train: torch.Tensor) -> NDArray[np.float32]:
    """(n, 100) in [0, 1]: the numbers, scaled by the training records, then the categories."""
    numbers = pd.DataFrame({name: table[name] for name in NUMBERS})
    scaled = scale_to_unit(numbers.iloc[train.numpy()], numbers, quantiles=(0.0, 1.0))[1]
    one_hot = [np.eye(len(COLUMNS[name]), dtype=np.float32)[table[name]] for name in CATEGORIES]
    return np.concatenate([scaled, *one_hot], 1)


def complete(table: Mapping[str, NDArray[Any]]) -> NDArray[np.bool_]:
    """(n,) whether a record has no missing category."""
    listed = [name for name in CATEGORIES if MISSING in COLUMNS[name]]
    known: NDArray[np.bool_] = np.all([table[name] != COLUMNS[name].index(MISSING) for name in listed], axis=0)
    return known


def parse(content: bytes, file: str) -> dict[str, NDArray[Any]]:
    """The columns of one official file: numbers as int32, categories as int8 codes of their official lists.

    Raises:
        InvalidData: a line without 15 fields, a value that the official description does not have.
    """
    refuse_web_page(content, file, "Census")
    rows = _rows(content, file)
    frame = pd.DataFrame(rows, columns=list(COLUMNS))
    frame["income"] = frame["income"].str.removesuffix(".")
    numbers = {name: _numbers(frame[name], file) for name in NUMBERS}
    return numbers | {name: _codes(frame[name], values, file) for name, values in COLUMNS.items() if values}


def _rows(content: bytes, file: str) -> list[list[str]]:
    """Fields of each record; the test file begins with a line that is none."""
    try:
        lines = content.decode("ascii").splitlines()
    except UnicodeDecodeError:
        raise refused(file, "Census", "be plain text", "other bytes") from None
    rows = [[field.strip() for field in line.split(",")] for line in lines if line.strip() and line[0] != "|"]
    short = next((row for row in rows if len(row) != len(COLUMNS)), None)
    if short is not None or not rows:
        raise refused(file, "Census", f"hold {len(COLUMNS)} fields a line", repr(", ".join(short or [])[:60]))
    return rows


def _numbers(column: "pd.Series[Any]", file: str) -> NDArray[np.int32]:
    wrong = ~column.str.fullmatch(r"\d{1,6}")
    if wrong.any():
        raise refused(file, "Census", f"hold whole numbers as '{column.name}'", repr(column[wrong].iloc[0]))
    return np.asarray(column.astype(np.int32), dtype=np.int32)


def _codes(column: "pd.Series[Any]", values: tuple[str, ...], file: str) -> NDArray[np.int8]:
    codes = pd.Index(values).get_indexer(pd.Index(column))
    if (codes < 0).any():
        raise refused(file, "Census", f"hold known values of '{column.name}'", repr(column[codes < 0].iloc[0]))
    return codes.astype(np.int8)


def _table(root: str | None) -> Mapping[str, NDArray[Any]]:
    """All records of both files, the official training records first."""
    files = _files(root)
    key = Key("Census", Census.version, {name: digest for name, (digest, _) in files.items()}, {})
    return cached(key, lambda: _parsed({name: read() for name, (_, read) in files.items()}))


def _parsed(contents: Mapping[str, bytes]) -> Mapping[str, NDArray[Any]]:
    tables = []
    for file, content in contents.items():
        table = parse(content, file)
        if (count := len(table["income"])) != RECORDS[file]:
            raise refused(file, "Census", f"hold {RECORDS[file]} records", f"{count}: it is cut short or altered")
        tables.append(table)
    return {name: np.concatenate([table[name] for table in tables]) for name in tables[0]}


def _files(root: str | None) -> Mapping[str, tuple[str, Callable[[], bytes]]]:
    """Checksum and content of both files, from wherever they lie."""
    if any(find(root, _FOLDER, file) is None for file in RECORDS) and (packed := find(root, _FOLDER, _PACKED)):
        archive, digest = Zip(packed, "Census", Layout(largest=_MOST)), checksum(packed)
        if lacking := [file for file in RECORDS if file not in archive.sizes]:
            raise refused(packed.name, "Census", f"hold {' and '.join(RECORDS)}", f"it without {lacking}")
        return {file: (digest, lambda file=file: archive.read(file)) for file in RECORDS}  # type: ignore[misc]
    places = {file: find(root, _FOLDER, file) for file in RECORDS}
    if None in places.values():
        download(_REMOTES, root, _FOLDER, "Census")
        places = {file: find(root, _FOLDER, file) for file in RECORDS}
    return {
        file: (checksum(place), partial(read_within, place, _MOST, "Census"))
        for file, place in places.items()
        if place is not None
    }
