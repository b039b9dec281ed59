"""Articles of clothing, 28x28 grey pixels. Xiao et al. 2017, https://arxiv.org/abs/1708.07747."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from amulet.core.data import Modality, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.dataset_spec import DatasetSpec
from amulet.core.records.outline import Outline
from amulet.core.spec import Count, NonNegativeInt
from amulet.datasets.official.cache import Key, cached
from amulet.datasets.official.download import Remote, download
from amulet.datasets.official.idx import MOST, read_idx
from amulet.datasets.official.places import Root, candidates, find
from amulet.datasets.official.reading import checksum, read_within, refused
from amulet.datasets.official.records import dataset, drawn, official, without_attributes

_FOLDER: Final = "fashion-mnist"
_SOURCE: Final = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"
_CHECKSUMS: Final = {
    "train-images-idx3-ubyte": "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
    "train-labels-idx1-ubyte": "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
    "t10k-images-idx3-ubyte": "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
    "t10k-labels-idx1-ubyte": "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
}
"""SHA-256 of each file as packed."""

_SIDE: Final = 28
_SCHEMA: Final = Schema(
    modality=Modality.IMAGE,
    shape=(1, _SIDE, _SIDE),
    classes=(
        "T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot",
    ),
)  # fmt: skip


@dataclass(frozen=True)
class FashionMNIST(DatasetSpec):
    """60,000 training and 10,000 test images of ten classes, 7,000 a class, one channel of bytes as they are.

    Attributes:
        root: the folder that holds `fashion-mnist/` with the four official idx files, packed or not.
        train_records, test_records: how many to draw by `seed`, None for all.
        seed: of what is drawn.
    """

    root: Root = None
    train_records: Count | None = None
    test_records: Count | None = None
    seed: NonNegativeInt = 0

    def files(self) -> tuple[Path, ...]:
        """The official files, packed and unpacked, in the folder of the data set."""
        return candidates(self.root, _FOLDER, *_names(*_CHECKSUMS), unmistakable=False)

    def load(self) -> AmuletDataset:
        """Read the files, or what the cache has of them; download what is not there."""
        places = _places(self.root)
        key = Key("FashionMNIST", self.version, {name: checksum(place) for name, place in places.items()}, {})
        arrays = cached(key, lambda: _read(places))
        records = without_attributes(arrays["x"], arrays["y"])
        whole = official(first := int(arrays["train"][0]), len(records.y) - first)
        parts = drawn(whole, "FashionMNIST", train=self.train_records, test=self.test_records, seed=self.seed)
        return dataset("FashionMNIST", _SCHEMA, records, parts)

    def outline(self) -> Outline:
        """The official numbers of images, or those to draw."""
        return Outline("FashionMNIST", _SCHEMA, self.train_records or 60_000, self.test_records or 10_000)


def _places(root: str | None) -> Mapping[str, Path]:
    remotes = [Remote(f"{name}.gz", f"{_SOURCE}/{name}.gz", f"sha256:{_CHECKSUMS[name]}") for name in _CHECKSUMS]
    lacking = [remote for remote in remotes if _find(root, remote.name.removesuffix(".gz")) is None]
    download(lacking, root, _FOLDER, "FashionMNIST")
    return {name: place for name in _CHECKSUMS if (place := _find(root, name))}


def _find(root: str | None, name: str) -> Path | None:
    """MNIST's files have the same names, so the folder's name must tell them apart."""
    return find(root, _FOLDER, *_names(name), unmistakable=False)


def _names(*files: str) -> tuple[str, ...]:
    """Each file as packed, and as it is without."""
    return tuple(name for file in files for name in (f"{file}.gz", file))


def _read(places: Mapping[str, Path]) -> dict[str, NDArray[Any]]:
    """x, y and the number of training records, which come first."""
    images, labels = zip(*(pair(places, part) for part in ("train", "t10k")), strict=True)
    return {"x": np.concatenate(images)[:, None], "y": np.concatenate(labels), "train": np.array([len(labels[0])])}


def pair(places: Mapping[str, Path], part: str) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """Images (n, 28, 28) and labels (n,) of one part, which belong together."""
    image_file, label_file = places[f"{part}-images-idx3-ubyte"], places[f"{part}-labels-idx1-ubyte"]
    images = read_idx(read_within(image_file, 2 * MOST, "FashionMNIST"), image_file.name, "FashionMNIST", 3)
    labels = read_idx(read_within(label_file, 2 * MOST, "FashionMNIST"), label_file.name, "FashionMNIST", 1)
    if images.shape[1:] != (_SIDE, _SIDE):
        raise refused(image_file.name, "FashionMNIST", "hold images of 28 x 28", images.shape[1:])
    if len(images) != len(labels):
        raise refused(label_file.name, "FashionMNIST", f"label {len(images)} images", f"{len(labels)} labels")
    if len(labels) == 0 or labels.max() >= len(_SCHEMA.classes):
        raise refused(label_file.name, "FashionMNIST", "hold labels 0..9", sorted(set(labels.tolist()))[-3:])
    return images, labels
