"""Your own files as an AmuletDataset: a table with a line a record, a folder of images with a folder a class."""

import os
import re
from collections.abc import Sequence
from numbers import Integral
from pathlib import Path
from typing import Final

import pandas as pd
import torch

from amulet.core.dataset import AmuletDataset
from amulet.datasets.official.images import View, decoded
from amulet.datasets.official.sources import Layout, Tree, tree
from amulet.datasets.own import from_arrays, from_frame, test_records
from amulet.datasets.users_data.arrays import invalid
from amulet.datasets.users_data.columns import names_of
from amulet.datasets.users_data.tables import SEPARATORS, read_table

_PICTURES: Final = (".jpg", ".jpeg", ".png", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm", ".pgm")
_LAYOUT: Final = Layout(re.compile(rf".*({'|'.join(map(re.escape, _PICTURES))})", re.IGNORECASE | re.DOTALL))
_NOTES: Final = ("", ".txt", ".md", ".rst", ".csv", ".tsv", ".json", ".yaml", ".yml", ".xml", ".html", ".pdf")
_MOST_PIXELS: Final = 2**14
"""Of a side to which pictures are scaled."""
_LEFT_BEHIND: Final = ("thumbs.db", "desktop.ini")


def from_csv(  # noqa: PLR0913 - each is one property of a data set
    path: str | Path,
    *,
    target: str,
    sensitive: Sequence[str] = (),
    positive: object = None,
    drop: Sequence[str] = (),
    missing: Sequence[str] = (),
    sep: str = ",",
    test: str | Path | None = None,
    keep_sensitive: bool = False,
    test_share: float | None = None,
    seed: int = 0,
    name: str = "own data",
) -> AmuletDataset:
    """A data set from a CSV file, plain or packed with gzip, with a line of column names.

    A column is numbers where every known cell is a plain one, truth values where every known cell is true or false,
    else text as it is written: a country 'NA', a name 'Null' and a code '007' stay what they are. Blanks around cells
    are dropped.

    Args:
        path: the file.
        target: as in `from_frame`, like all that follow but `missing`, `sep` and `test`.
        sensitive: columns with sensitive attributes.
        positive: the favourable value of the target.
        drop: columns to leave out, such as identifiers and saved row indices.
        missing: what stands for a missing value beside an empty cell, such as "NA" or "?".
        sep: what separates cells: ",", ";", a tab or "|".
        test: a second file of the same columns with the test records, where they are in a file of their own.
        keep_sensitive: whether sensitive columns also stay among the inputs.
        test_share: share of the records kept for the test; by default 0.3.
        seed: of the split.
        name: what to call it in results.

    Raises:
        InvalidData: the file is no table, or one that `from_frame` refuses.
    """
    place = _file(path, name)
    absent, unused = names_of(missing, "missing", name), names_of(drop, "drop", name)
    if not all(isinstance(text, str) for text in absent):
        raise invalid("missing", name, "texts as they are written in the file, such as '-999'", absent)
    if sep not in SEPARATORS:
        raise invalid("sep", name, "one of ',', ';', a tab and '|'", sep)
    return from_frame(
        read_table(place, absent, unused, name, sep),
        target=target,
        sensitive=sensitive,
        positive=positive,
        drop=unused,
        test=None if test is None else read_table(_file(test, name), absent, unused, name, sep),
        keep_sensitive=keep_sensitive,
        test_share=test_share,
        seed=seed,
        name=name,
    )


def from_folder(
    path: str | Path,
    *,
    height: int,
    width: int,
    sensitive: pd.DataFrame | None = None,
    positive: str | None = None,
    test_share: float = 0.3,
    seed: int = 0,
    name: str = "own data",
) -> AmuletDataset:
    """A data set from a folder, or a zip archive, that holds one folder of images a class.

    Images become three channels of bytes, without transparency; they are decoded once and cached. The test part is
    drawn with equal shares of each class.

    Args:
        path: the folder; its folders' sorted names are the classes.
        height: of the images, to which each is scaled.
        width: likewise.
        sensitive: a column an attribute and a row an image, whose index is the image's path in the folder,
            "class/file.png". An image without a row counts as not recorded.
        positive: the name of the favourable class.
        test_share: share of the records kept for the test.
        seed: of the split.
        name: what to call it in results.

    Raises:
        InvalidData: broken images, images beside the folders or deeper in them, a folder without any, rows without
            an image.
    """
    _check_sides(height, width, name)
    source = tree(_there(path, name), name, _LAYOUT)
    paths, classes = _pictures(source, name)
    y = torch.tensor([classes.index(each.split("/")[0]) for each in paths])
    table = _aligned(sensitive, paths, name)
    x = decoded(source, paths, View(height, width), name)
    held_out = test_records(y, test_share, seed, name)
    train, test = (
        (x[rows], y[rows], {str(column): table[column].to_numpy()[rows] for column in table})
        for rows in (~held_out, held_out)
    )
    return from_arrays(
        train[:2], test[:2], sensitive=(train[2], test[2]), classes=classes, positive=positive, name=name
    )


def _file(path: object, name: str) -> Path:
    place = _there(path, name)
    if place.is_dir():
        raise invalid("path", name, "a file", str(place))
    return place


def _there(path: object, name: str) -> Path:
    if not isinstance(path, str | os.PathLike):
        raise invalid("path", name, "a path", type(path).__name__)
    place = Path(path)
    try:
        there = place.exists()
    except OSError as error:  # such as a name that is too long
        raise invalid("path", name, "one that is there", error.strerror) from None
    if not there:
        raise invalid("path", name, "one that is there", str(place))
    return place


def _check_sides(height: object, width: object, name: str) -> None:
    for side, pixels in (("height", height), ("width", width)):
        if isinstance(pixels, bool) or not isinstance(pixels, Integral) or not 1 <= int(pixels) <= _MOST_PIXELS:
            raise invalid(side, name, f"a whole number, at least 1 and at most {_MOST_PIXELS}", pixels)


def _pictures(source: Tree, name: str) -> tuple[list[str], list[str]]:
    """Paths of all pictures, and the names of their classes; every other file and folder is refused by name."""
    shown = [path for path in source.sizes if not _hidden(path)]
    folders = sorted(path for path in source.folders if not _hidden(path))
    paths = [path for path in shown if _is_picture(path)]
    allowed = "a folder with one folder a class, images in those only"
    if elsewhere := [path for path in paths if path.count("/") != 1] or list(filter(_is_picture, folders)):
        raise invalid("path", name, allowed, elsewhere[:3])
    classes = sorted({path.split("/")[0] for path in paths})
    if len(classes) < 2:
        raise invalid("path", name, "a folder with images in at least two folders, one a class", classes)
    if empty := sorted(
        {path.split("/")[0] for path in (*folders, *(each for each in shown if "/" in each))} - {*classes}
    ):
        raise invalid("path", name, f"a folder of folders with images ({', '.join(_PICTURES)})", f"{empty} without any")
    if others := [path for path in shown if not _is_picture(path) and not _is_note(path)]:
        raise invalid("path", name, f"a folder with images only ({', '.join(_PICTURES)})", others[:3])
    return paths, classes


def _is_picture(path: str) -> bool:
    return path.lower().endswith(_PICTURES)


def _is_note(path: str) -> bool:
    """Whether it is a text beside the folders, such as a licence or a list."""
    return "/" not in path and Path(path).suffix.lower() in _NOTES


def _hidden(path: str) -> bool:
    """Whether it is a file that systems leave behind, such as `.thumbnails/` or `__MACOSX/`."""
    return any(part.startswith((".", "__")) or part.lower() in _LEFT_BEHIND for part in path.split("/"))


def _aligned(sensitive: pd.DataFrame | None, paths: Sequence[str], name: str) -> pd.DataFrame:
    """The attributes in the order of the images."""
    if sensitive is None:
        return pd.DataFrame(index=range(len(paths)))
    if not isinstance(sensitive, pd.DataFrame):
        raise invalid("sensitive", name, "a pandas DataFrame with a row an image", type(sensitive).__name__)
    if len({str(column) for column in sensitive}) < len(sensitive.columns):
        raise invalid("sensitive", name, "of columns with different names", list(sensitive.columns))
    known = set(paths)
    unknown = [str(path) for path in sensitive.index if path not in known]
    if unknown or sensitive.index.has_duplicates:
        raise invalid("sensitive", name, "indexed by the images' paths in the folder, each once", unknown[:3])
    return sensitive.reindex(pd.Index(paths)).reset_index(drop=True)
