"""CIFAR10: both official formats, packed and unpacked, and what is refused."""

import io
import pickle
import tarfile
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
from amulet.core.errors import InvalidData
from amulet.datasets import CIFAR10, load_data
from amulet.datasets.official.cifar_batches import PIXELS, binary_batch, python_batch

RealData = Callable[[str], Path]
Bytes = NDArray[np.uint8]
RNG = np.random.default_rng(0)


def rows(count: int) -> Bytes:
    """So many images of each class, label first."""
    labels = RNG.permutation(np.arange(10, dtype=np.uint8).repeat(count))
    return np.concatenate([labels[:, None], RNG.integers(0, 256, (10 * count, PIXELS), dtype=np.uint8)], 1)


SMALL = {"data_batch_1": rows(2), "data_batch_2": rows(1), "test_batch": rows(1)}


def pickled(batch: Bytes) -> bytes:
    """A batch as Python 2 wrote it: protocol 2, byte strings for keys and content."""

    def string(content: bytes) -> bytes:
        return b"T" + len(content).to_bytes(4, "little") + content

    kind = (
        b"cnumpy\ndtype\n("
        + string(b"u1")
        + b"K\x00K\x01tR(K\x03"
        + string(b"|")
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb"
    )
    array = b"cnumpy.core.multiarray\n_reconstruct\n(cnumpy\nndarray\n(K\x00t" + string(b"b") + b"tR"
    shape = b"(M" + len(batch).to_bytes(2, "little") + b"M" + PIXELS.to_bytes(2, "little") + b"t"
    state = b"(K\x01" + shape + kind + b"\x89" + string(batch[:, 1:].tobytes()) + b"tb"
    labels = b"](" + b"".join(b"K" + bytes([label]) for label in batch[:, 0].tolist()) + b"e"
    return b"\x80\x02}(" + string(b"data") + array + state + string(b"labels") + labels + b"u."


def write_batches(folder: Path, **changed: bytes) -> None:
    folder.mkdir(parents=True)
    for name, batch in SMALL.items():
        (folder / f"{name}.bin").write_bytes(changed.get(name, batch.tobytes()))


def test_batches_are_read_in_their_order_with_their_labels(tmp_path: Path) -> None:
    write_batches(tmp_path / "cifar10" / "cifar-10-batches-bin")
    dataset = CIFAR10(root=str(tmp_path)).load()
    train = np.concatenate([SMALL["data_batch_1"], SMALL["data_batch_2"]])
    assert dataset.train.y.tolist() == train[:, 0].tolist()
    assert np.array_equal(dataset.train.x.numpy().reshape(30, -1), train[:, 1:])
    assert dataset.schema.shape == (3, 32, 32)
    assert dataset.schema.modality is Modality.IMAGE
    assert dataset.train.x.dtype == torch.uint8


@pytest.mark.parametrize("layout", ["cifar-10-binary.tar.gz", "cifar-10-batches-py", "cifar-10-python.tar.gz"])
def test_every_official_layout_gives_the_same_data_set(tmp_path: Path, layout: str) -> None:
    write_batches(tmp_path / "plain" / "cifar-10-batches-bin")
    place = tmp_path / "cifar10" / layout
    place.parent.mkdir()
    python = "binary" not in layout
    contents = {
        (name if python else f"{name}.bin"): pickled(batch) if python else batch.tobytes()
        for name, batch in SMALL.items()
    }
    if place.suffix == ".gz":
        with tarfile.open(place, "w:gz") as archive:
            for name, content in contents.items():
                member = tarfile.TarInfo(f"cifar-10-batches/{name}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
    else:
        place.mkdir()
        for name, content in contents.items():
            (place / name).write_bytes(content)
    assert load_data("cifar-10", root=tmp_path).content == CIFAR10(root=str(tmp_path / "plain")).load().content


def test_the_genuine_records_are_images(real_data: RealData) -> None:
    """4,000 official records: neighbouring pixels are alike, as in no other arrangement of the bytes."""
    images, labels = binary_batch(real_data("cifar10/data_batch_1_first4000.bin").read_bytes(), "data_batch_1")
    assert images.shape == (4000, 3, 32, 32)
    assert labels[:10].tolist() == [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]
    interleaved = images.reshape(4000, 32, 32, 3).transpose(0, 3, 1, 2)
    planes, mixed = (np.abs(np.diff(x.astype(int), axis=3)).mean() for x in (images, interleaved))
    assert planes < 14 < 1.5 * planes < mixed


def test_the_expanded_images_are_equally_many_of_each_class(real_data: RealData) -> None:
    dataset = CIFAR10(root=str(real_data("cifar10/cifar-10-batches-bin").parents[1])).load()
    for part in (dataset.train, dataset.test):
        assert part.y.bincount().tolist() == [len(part) // 10] * 10


@pytest.mark.parametrize(
    ("changed", "sentence"),
    [
        ({"data_batch_1": SMALL["data_batch_1"].tobytes()[:-5]}, "hold whole records of 3073 bytes"),
        ({"data_batch_1": SMALL["data_batch_1"][:-1].tobytes()}, "hold equally many images of each class"),
        ({"test_batch": np.full((10, 3073), 10, np.uint8).tobytes()}, "hold labels 0..9. Got [10]"),
        ({"test_batch": b"<html>"}, "hold data. Got a web page"),
    ],
    ids=["cut in a record", "cut between records", "labels", "web page"],
)
def test_damaged_batches_are_refused_and_never_cached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, changed: dict[str, bytes], sentence: str
) -> None:
    monkeypatch.setenv("AMULET_CACHE", str(tmp_path / "cache"))
    write_batches(tmp_path / "cifar10" / "cifar-10-batches-bin", **changed)
    for _ in range(2):
        with pytest.raises(InvalidData) as caught:
            CIFAR10(root=str(tmp_path)).load()
        assert sentence in str(caught.value)
    assert list((tmp_path / "cache").rglob("*.npy")) == []


def test_a_missing_batch_is_noticed(tmp_path: Path) -> None:
    write_batches(tmp_path / "cifar-10-batches-bin")
    (tmp_path / "cifar-10-batches-bin" / "data_batch_1.bin").unlink()
    with pytest.raises(InvalidData, match="be data_batch_1 to data_batch_5 and test_batch"):
        CIFAR10(root=str(tmp_path)).load()


class Harmful:
    """A pickle that would run something."""

    def __reduce__(self) -> tuple[Callable[[str], object], tuple[str]]:
        return eval, ("1 + 1",)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            pickle.dumps({b"data": Harmful(), b"labels": [0]}),
            "nothing but an array of bytes and labels. Got 'builtins.eval'",
        ),
        (pickle.dumps({b"data": np.zeros((2, PIXELS)), b"labels": [0, 1]}), "be a whole pickled batch"),
        (pickle.dumps({b"data": np.zeros((2, 7), np.uint8), b"labels": [0, 1]}), "be a whole pickled batch"),
        (pickle.dumps({b"data": np.zeros((2, PIXELS), np.uint8), b"labels": [0]}), "have a label for each image"),
        (pickle.dumps({b"data": np.zeros((1, PIXELS), np.uint8), b"labels": [11]}), "hold labels 0..9"),
        (pickle.dumps({b"data": np.zeros((1, PIXELS), np.uint8), b"labels": [3.7]}), "be a whole pickled batch"),
        (pickle.dumps({b"data": np.zeros((1, PIXELS), np.uint8), b"labels": [[3]]}), "be a whole pickled batch"),
        (pickle.dumps([1, 2]), "be a whole pickled batch"),
        (pickled(SMALL["test_batch"])[:-9], "be a whole pickled batch"),
    ],
    ids=["code", "floats", "shape", "lengths", "labels", "fractions", "columns", "list", "cut"],
)
def test_pickles_of_anything_else_are_refused(content: bytes, sentence: str) -> None:
    with pytest.raises(InvalidData) as caught:
        python_batch(content, "data_batch_1")
    assert sentence in str(caught.value)


@given(
    st.integers(1, 4).flatmap(lambda n: arrays(np.uint8, (n, 1 + PIXELS), elements=st.integers(0, 9), fill=st.just(3)))
)
def test_both_formats_are_read_as_they_were_written(batch: Bytes) -> None:
    for images, labels in (binary_batch(batch.tobytes(), "b"), python_batch(pickled(batch), "b")):
        assert np.array_equal(labels, batch[:, 0])
        assert np.array_equal(images.reshape(len(batch), -1), batch[:, 1:])


@given(st.binary(max_size=200))
def test_other_bytes_never_pass_for_a_batch(content: bytes) -> None:
    for read in (binary_batch, python_batch):
        with pytest.raises(InvalidData, match=r"The file '(b|batch)' of CIFAR10 must"):
            read(content, "b")
