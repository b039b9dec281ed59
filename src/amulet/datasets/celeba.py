"""Faces of celebrities with forty attributes. Liu et al. 2015, https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html."""

import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from amulet.core.data import Attribute, Modality, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.dataset_spec import DatasetSpec
from amulet.core.errors import InvalidData, Problem
from amulet.core.records.outline import Outline
from amulet.core.spec import Count, NonNegativeInt, OpenProbability
from amulet.datasets.official.download import unavailable
from amulet.datasets.official.images import View, decoded
from amulet.datasets.official.places import Root, find
from amulet.datasets.official.reading import read_within, refuse_web_page, refused
from amulet.datasets.official.records import Parts, Records, dataset, drawn, official, resplit
from amulet.datasets.official.sources import Layout, Tree, tree
from amulet.datasets.users_data.arrays import invalid

ATTRIBUTES: Final = "list_attr_celeba.txt"
PARTITION: Final = "list_eval_partition.txt"
_FOLDER: Final = "celeba"
_WHERE: Final = "https://mmlab.ie.cuhk.edu.hk/projects/CelebA.html (its terms allow research only)"
_ORIGINAL: Final = (178, 218)
_SQUARE: Final = (0, 20, 178, 198)
_COUNT: Final = 40
_MOST: Final = 2**26
"""Bytes of a list; that of the attributes has 27 million."""

_LAYOUT: Final = Layout(largest=2**20)
"""An image has some ten thousand bytes."""

_ALL: Final = 202_599
_TESTED: Final = 19_962
"""Images of the official test part."""

_TEST: Final = 2
"""The mark of test images in the official partition; 0 is for training, 1 for validation."""


@dataclass(frozen=True)
class CelebA(DatasetSpec):
    """202,599 faces of 178 x 218 pixels and forty attributes, any of which can be predicted.

    The square in the middle of each image is decoded to `size` x `size` pixels, three channels of bytes: only
    of the records that are drawn, once, and memory-mapped from then on. All of them at 64 x 64 take 2.5 GB on
    disk.

    Attributes:
        root: the folder that holds `celeba/` with `list_attr_celeba.txt`, the folder `img_align_celeba` or
            `img_align_celeba.zip`, and for the official split `list_eval_partition.txt`.
        target: the attribute to predict, the positive class.
        sensitive: the attributes in z.
        size: pixels of a side.
        test_share: the share of all records that is drawn by `seed` for testing; None for the official split,
            whose validation images go to the training part (Amulet carves out its own).
        train_records, test_records: how many to draw by `seed`, None for all.
        seed: of what is drawn.
    """

    root: Root = None
    target: str = "Smiling"
    sensitive: tuple[str, ...] = ("Male",)
    size: Count = 64
    test_share: OpenProbability | None = None
    train_records: Count | None = None
    test_records: Count | None = None
    seed: NonNegativeInt = 0

    def problems(self) -> Iterator[Problem]:
        """The target in z would be given away."""
        if self.target in self.sensitive:
            yield self.problem("sensitive", f"other than the target '{self.target}'")
        if len(set(self.sensitive)) < len(self.sensitive):
            yield self.problem("sensitive", "all different")

    def load(self) -> AmuletDataset:
        """Read the attributes, and the images or what the cache has of them.

        Raises:
            AmuletError: files that are not there.
            InvalidData: files that are not whole, or attributes that there are not.
        """
        table = parse_attributes(_content(self.root, ATTRIBUTES))
        self._check_names(list(table.columns))
        parts = drawn(self._parts(table), "CelebA", train=self.train_records, test=self.test_records, seed=self.seed)
        order = torch.cat([parts.train, parts.test])
        rows = table.iloc[order.numpy()]
        x = decoded(*_images(self.root, list(rows.index)), View(self.size, self.size, _ORIGINAL, _SQUARE), "CelebA")
        records = Records(x, _codes(rows[self.target]), _codes(rows[list(self.sensitive)]))
        return dataset("CelebA", self._schema(), records, official(len(parts.train), len(parts.test)), order)

    def outline(self) -> Outline:
        """The official numbers of images, or those to draw."""
        test = _TESTED if self.test_share is None else round(self.test_share * _ALL)
        return Outline("CelebA", self._schema(), self.train_records or _ALL - test, self.test_records or test)

    def _check_names(self, known: Sequence[str]) -> None:
        problems = [
            Problem.of(parameter, "CelebA", f"among {', '.join(known)}", name)
            for parameter, names in (("target", (self.target,)), ("sensitive", self.sensitive))
            for name in names
            if name not in known
        ]
        if problems:
            raise InvalidData(problems)

    def _parts(self, table: pd.DataFrame) -> Parts:
        if self.test_share is not None:
            return resplit(torch.arange(len(table)), self.test_share, self.seed)
        marks = parse_partition(_content(self.root, PARTITION), list(table.index))
        test = torch.from_numpy(marks == _TEST)
        return Parts((~test).nonzero().flatten(), test.nonzero().flatten())

    def _schema(self) -> Schema:
        return Schema(
            modality=Modality.IMAGE,
            shape=(3, self.size, self.size),
            classes=(f"not {self.target}", self.target),
            attributes=tuple(Attribute(name, ("no", "yes")) for name in self.sensitive),
            positive=self.target,
        )


def parse_attributes(content: bytes) -> pd.DataFrame:
    """±1 of each image, by its file's name, and attribute.

    Raises:
        InvalidData: not as many images as the first line says, other values, a name twice.
    """
    first, _, rest = content.partition(b"\n")
    names, _, body = rest.partition(b"\n")
    columns = names.decode("ascii", "replace").split()
    refuse_web_page(content, ATTRIBUTES, "CelebA")
    if not first.strip().isdigit() or len(columns) != _COUNT:
        raise refused(ATTRIBUTES, "CelebA", f"begin with the count and {_COUNT} names", repr(first[:40]))
    table = _table(body, ATTRIBUTES, columns)
    if len(table) != int(first):
        raise refused(ATTRIBUTES, "CelebA", f"list {int(first)} images, as it states", f"{len(table)}")
    if not table.isin([-1, 1]).all(axis=None):
        raise refused(ATTRIBUTES, "CelebA", "hold -1 and 1 only", "other values")
    return table


def parse_partition(content: bytes, images: Sequence[str]) -> NDArray[np.int8]:
    """(n,) 0, 1 or 2 of each image, in the order of the attributes.

    Raises:
        InvalidData: other images, other values.
    """
    refuse_web_page(content, PARTITION, "CelebA")
    table = _table(content, PARTITION, ["part"])
    if list(table.index) != list(images):
        raise refused(PARTITION, "CelebA", f"list the {len(images)} images of {ATTRIBUTES}", f"{len(table)} others")
    marks = table["part"].to_numpy()
    if not np.isin(marks, [0, 1, _TEST]).all() or not {0, _TEST} <= set(marks.tolist()):
        raise refused(PARTITION, "CelebA", "hold 0, 1 and 2", sorted(set(marks.tolist())))
    return marks


def _table(content: bytes, file: str, columns: list[str]) -> pd.DataFrame:
    """Lines of a file's name and small whole numbers."""
    try:
        table = pd.read_csv(
            io.BytesIO(content), sep=r"\s+", header=None, names=["file", *columns], index_col=False,
            dtype={"file": str, **dict.fromkeys(columns, np.int8)},
        ).set_index("file")  # fmt: skip
    except (ValueError, OverflowError, pd.errors.ParserError) as error:
        reason = str(error).partition("\n")[0]
        raise refused(file, "CelebA", f"hold a name and {len(columns)} numbers a line", f"'{reason}'") from None
    if table.index.has_duplicates or table.index.hasnans:
        raise refused(file, "CelebA", "list each image once", "some twice")
    return table


def _codes(values: "pd.DataFrame | pd.Series[Any]") -> NDArray[np.int8]:
    return (values.to_numpy() > 0).astype(np.int8)


def _content(root: str | None, file: str) -> bytes:
    place = find(root, _FOLDER, file, f"*/{file}")
    if place is None and file == PARTITION:
        raise invalid("test_share", "CelebA", f"given where {PARTITION}, the official split, is not there", None)
    if place is None:
        raise unavailable(f"'{file}'", _WHERE, root, _FOLDER, "CelebA")
    return read_within(place, _MOST, "CelebA")


def _images(root: str | None, files: Sequence[str]) -> tuple[Tree, list[str]]:
    """The folder or archive, and where each image lies in it."""
    place = find(root, _FOLDER, *(f"{folder}img_align_celeba{end}" for end in ("", ".zip") for folder in ("", "*/")))
    if place is None:
        raise unavailable("the folder 'img_align_celeba', or 'img_align_celeba.zip',", _WHERE, root, _FOLDER, "CelebA")
    source = tree(place, "CelebA", _LAYOUT)
    there = {path.rpartition("/")[2]: path for path in source.sizes}
    lacking = [file for file in files if file not in there]
    if lacking:
        raise refused(place.name, "CelebA", f"hold all images of {ATTRIBUTES}",
                      f"{len(there)}, without {lacking[:3]}")  # fmt: skip
    return source, [there[file] for file in files]
