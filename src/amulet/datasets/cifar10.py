"""Ten kinds of objects, 32x32 colour pixels. Krizhevsky 2009, https://www.cs.toronto.edu/~kriz/cifar.html."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from amulet.core.data import Modality, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.dataset_spec import DatasetSpec
from amulet.core.records.outline import Outline
from amulet.core.spec import Count, NonNegativeInt
from amulet.datasets.official.cache import Key, cached
from amulet.datasets.official.cifar_batches import SIDE, binary_batch, python_batch
from amulet.datasets.official.download import Remote, found_or_downloaded
from amulet.datasets.official.places import Root
from amulet.datasets.official.reading import refused
from amulet.datasets.official.records import dataset, drawn, official, without_attributes
from amulet.datasets.official.sources import Layout, Tree, tree

_FOLDER: Final = "cifar10"
_REMOTE: Final = Remote(
    "cifar-10-binary.tar.gz",
    "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
    "md5:c32a1d4ab5d03f1284b67883e8d87530",
)
_LAYOUTS: Final = ("cifar-10-batches-bin", _REMOTE.name, "cifar-10-batches-py", "cifar-10-python.tar.gz")
_BATCH: Final = re.compile(r"(?:.*/)?(data_batch_\d+|test_batch)(\.bin)?")
_LAYOUT: Final = Layout(_BATCH, 2**25, 6 * 2**25)
"""Six batches of some 31 million bytes each."""

_NUMBERS: Final = [list(range(1, count + 1)) for count in range(1, 6)]
_SCHEMA: Final = Schema(
    modality=Modality.IMAGE,
    shape=(3, SIDE, SIDE),
    classes=("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"),
)


@dataclass(frozen=True)
class CIFAR10(DatasetSpec):
    """50,000 training and 10,000 test images, 6,000 of each class; three channels of bytes as they are.

    Both parts must hold as many images of each class as of any other, as the official ones do: else a batch is
    missing or cut short.

    Attributes:
        root: the folder that holds `cifar10/` with `cifar-10-batches-bin`, `cifar-10-batches-py`, or an official
            archive of either.
        train_records, test_records: how many to draw by `seed`, None for all.
        seed: of what is drawn.
    """

    root: Root = None
    train_records: Count | None = None
    test_records: Count | None = None
    seed: NonNegativeInt = 0

    def load(self) -> AmuletDataset:
        """Read the batches, or what the cache has of them; download them if they are not there."""
        place = found_or_downloaded(_REMOTE, _LAYOUTS, self.root, _FOLDER, "CIFAR10")
        source = tree(place, "CIFAR10", _LAYOUT)
        arrays = cached(Key("CIFAR10", self.version, {"batches": source.fingerprint}, {}), lambda: _read(source))
        records = without_attributes(arrays["x"], arrays["y"])
        whole = official(first := int(arrays["train"][0]), len(records.y) - first)
        parts = drawn(whole, "CIFAR10", train=self.train_records, test=self.test_records, seed=self.seed)
        return dataset("CIFAR10", _SCHEMA, records, parts)

    def outline(self) -> Outline:
        """The official numbers of images, or those to draw."""
        return Outline("CIFAR10", _SCHEMA, self.train_records or 50_000, self.test_records or 10_000)


def _read(source: Tree) -> Mapping[str, NDArray[Any]]:
    """x, y and the number of training records, which come first."""
    batches = {path: found for path in source.sizes if (found := _BATCH.fullmatch(path))}
    train = sorted((path for path, found in batches.items() if found[1] != "test_batch"), key=_number)
    test = [path for path, found in batches.items() if found[1] == "test_batch"]
    if [_number(path) for path in train] not in _NUMBERS or len(test) != 1:
        raise refused("batches", "CIFAR10", "be data_batch_1 to data_batch_5 and test_batch", sorted(batches))
    parts = [[_batch(source, path) for path in paths] for paths in (train, test)]
    labels = [np.concatenate([y for _, y in part]) for part in parts]
    for name, part in zip(("data_batch", "test_batch"), labels, strict=True):
        _check_balance(part, name)
    x = np.concatenate([x for part in parts for x, _ in part])
    return {"x": x, "y": np.concatenate(labels), "train": np.array([len(labels[0])])}


def _batch(source: Tree, path: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    read = binary_batch if path.endswith(".bin") else python_batch
    return read(source.read(path), path.rpartition("/")[2])


def _number(path: str) -> int:
    return int(path.removesuffix(".bin").rpartition("_")[2])


def _check_balance(labels: NDArray[np.uint8], name: str) -> None:
    counts = np.bincount(labels, minlength=len(_SCHEMA.classes))
    if counts.min() != counts.max():
        raise refused(name, "CIFAR10", "hold equally many images of each class, all batches together", counts.tolist())
