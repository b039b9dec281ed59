"""FashionMNIST and the idx format: the published counts, round trips, and what is refused."""

import gzip
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from amulet.core.data import Modality
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidData
from amulet.datasets import FashionMNIST, load_data
from amulet.datasets.official.idx import read_idx, write_idx

RealData = Callable[[str], Path]
Bytes = NDArray[np.uint8]
RNG = np.random.default_rng(0)
SMALL = {
    "train-images-idx3-ubyte": RNG.integers(0, 256, (12, 28, 28), dtype=np.uint8),
    "train-labels-idx1-ubyte": np.arange(12, dtype=np.uint8) % 10,
    "t10k-images-idx3-ubyte": RNG.integers(0, 256, (4, 28, 28), dtype=np.uint8),
    "t10k-labels-idx1-ubyte": np.arange(4, dtype=np.uint8),
}


@pytest.fixture(scope="module")
def clothes(real_data: RealData) -> AmuletDataset:
    return FashionMNIST(root=str(real_data("fashion-mnist/t10k-images-idx3-ubyte.gz").parents[1])).load()


def write_small(root: Path, **changed: bytes) -> None:
    folder = root / "fashion-mnist"
    folder.mkdir()
    for name, array in SMALL.items():
        (folder / f"{name}.gz").write_bytes(changed.get(name, gzip.compress(write_idx(array))))


def test_there_are_6000_training_and_1000_test_images_a_class(clothes: AmuletDataset) -> None:
    assert clothes.train.y.bincount().tolist() == [6000] * 10
    assert clothes.test.y.bincount().tolist() == [1000] * 10
    assert clothes.schema.modality is Modality.IMAGE
    assert clothes.schema.shape == (1, 28, 28)
    assert clothes.schema.classes[0] == "T-shirt/top"


def test_images_are_the_bytes_of_the_files(clothes: AmuletDataset, real_data: RealData) -> None:
    """Byte by byte, in their order: neither part is augmented."""
    for part, data in (("train", clothes.train), ("t10k", clothes.test)):
        packed = real_data(f"fashion-mnist/{part}-images-idx3-ubyte.gz").read_bytes()
        assert gzip.decompress(packed)[16:] == data.x.numpy().tobytes()


def test_images_stay_mapped_bytes(clothes: AmuletDataset) -> None:
    """Both parts look into one file: neither is a copy."""
    assert clothes.train.x.dtype == torch.uint8
    assert clothes.train.x.untyped_storage().nbytes() >= 70_000 * 784
    assert clothes.train.x.data_ptr() + 60_000 * 784 == clothes.test.x.data_ptr()


def test_the_files_are_read_once(clothes: AmuletDataset, real_data: RealData, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amulet.datasets.official.cache._write", lambda *_: pytest.fail("made again"))
    root = str(real_data("fashion-mnist").parent)
    assert FashionMNIST(root=root).load().content == clothes.content


def test_a_draw_keeps_images_and_labels_together(tmp_path: Path) -> None:
    write_small(tmp_path)
    few = load_data("fashion-mnist", root=tmp_path, train_records=5, test_records=2, seed=1)
    assert (len(few.train), len(few.test)) == (5, 2)
    for image, label, place in zip(few.train.x, few.train.y, few.train.index, strict=True):
        assert np.array_equal(image[0], SMALL["train-images-idx3-ubyte"][place])
        assert label == SMALL["train-labels-idx1-ubyte"][place]
    assert (few.test.index >= 12).all()


def test_files_of_mnist_in_the_root_are_not_taken_for_these(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They have the same names."""
    write_small(tmp_path)
    (tmp_path / "fashion-mnist").rename(tmp_path / "mnist")
    monkeypatch.setattr("amulet.datasets.fashion_mnist.download", lambda remotes, *_: pytest.fail(f"{len(remotes)}"))
    with pytest.raises(pytest.fail.Exception, match="4"):
        FashionMNIST(root=str(tmp_path / "mnist")).load()


def test_unpacked_files_are_the_same_data_set(tmp_path: Path) -> None:
    write_small(tmp_path)
    plain = tmp_path / "plain" / "fashion-mnist"
    plain.mkdir(parents=True)
    for name, array in SMALL.items():
        (plain / name).write_bytes(write_idx(array))
    assert FashionMNIST(root=str(plain)).load().content == FashionMNIST(root=str(tmp_path)).load().content


PACKED = {name: gzip.compress(write_idx(array)) for name, array in SMALL.items()}


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("train-images-idx3-ubyte", PACKED["train-images-idx3-ubyte"][:500], "be a whole gzip file"),
        ("train-images-idx3-ubyte", gzip.compress(write_idx(SMALL["train-images-idx3-ubyte"])[:-1]), "hold 9408 bytes"),
        ("train-images-idx3-ubyte", b"<html><body>404</body></html>", "hold data. Got a web page"),
        ("train-images-idx3-ubyte", PACKED["train-labels-idx1-ubyte"], "be an idx file of bytes with 3 dimensions"),
        ("train-labels-idx1-ubyte", PACKED["t10k-labels-idx1-ubyte"], "label 12 images. Got 4 labels"),
        (
            "train-labels-idx1-ubyte",
            gzip.compress(write_idx(np.arange(12, dtype=np.uint8))),
            "hold labels 0..9. Got [9, 10, 11]",
        ),
        ("t10k-images-idx3-ubyte", gzip.compress(write_idx(np.zeros((4, 14, 14), np.uint8))), "images of 28 x 28"),
    ],
    ids=["cut", "cut before packing", "web page", "another file", "another part", "labels", "size"],
)
def test_damaged_files_are_refused_and_never_cached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes, sentence: str
) -> None:
    monkeypatch.setenv("AMULET_CACHE", str(tmp_path / "cache"))
    write_small(tmp_path, **{name: content})
    for _ in range(2):
        with pytest.raises(InvalidData) as caught:
            FashionMNIST(root=str(tmp_path)).load()
        assert f"The file '{name}.gz' of FashionMNIST must " in str(caught.value)
        assert sentence in str(caught.value)
    assert list((tmp_path / "cache").rglob("*.npy")) == []


@given(arrays(np.uint8, st.lists(st.integers(0, 4), min_size=1, max_size=3).map(tuple)), st.booleans())
def test_idx_files_are_read_as_they_were_written(array: Bytes, packed: bool) -> None:
    content = gzip.compress(write_idx(array)) if packed else write_idx(array)
    assert np.array_equal(read_idx(content, "file", "test", array.ndim), array)


@given(arrays(np.uint8, (3, 2, 2)), st.integers(0, 27))
def test_any_idx_file_cut_short_is_refused(array: Bytes, length: int) -> None:
    with pytest.raises(InvalidData, match="The file 'images' of test must"):
        read_idx(write_idx(array)[:length], "images", "test", 3)
