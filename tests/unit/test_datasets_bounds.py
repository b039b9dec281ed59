"""Files that unpack to more than their layout allows never fill the memory."""

import gzip
import io
import os
import pickle
import resource
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from amulet.core.errors import InvalidData
from amulet.datasets import CIFAR10, Census, FashionMNIST, from_folder
from amulet.datasets.official.cifar_batches import python_batch
from amulet.datasets.official.idx import read_idx, write_idx
from amulet.datasets.official.sources import Layout, tree

LARGE = 300 * 2**20


def packed_with(folder: Path, **strangers: int) -> Path:
    """A CIFAR-10 archive of two small batches and files of zeros, each of a given size."""
    batch = b"".join(bytes([label]) + bytes(3072) for label in range(10))
    place = folder / "cifar10" / "cifar-10-binary.tar.gz"
    place.parent.mkdir(parents=True)
    with tarfile.open(place, "w:gz", compresslevel=1) as archive:
        for name, size in strangers.items():
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = size
            archive.addfile(member, _Zeros(size))
        for name in ("data_batch_1.bin", "test_batch.bin"):
            member = tarfile.TarInfo(f"cifar-10-batches-bin/{name}")
            member.size = len(batch)
            archive.addfile(member, io.BytesIO(batch))
    return folder


class _Zeros(io.RawIOBase):
    def __init__(self, size: int) -> None:
        super().__init__()
        self.left = size

    def read(self, size: int = -1, /) -> bytes:
        taken = min(size, self.left)
        self.left -= taken
        return bytes(taken)


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMULET_CACHE", str(tmp_path / "cache"))


def test_a_stranger_in_an_archive_is_never_unpacked_into_memory(tmp_path: Path) -> None:
    root = packed_with(tmp_path, stranger=LARGE)
    code = f"from amulet.datasets import CIFAR10; import resource as r; CIFAR10(root={str(root)!r}).load; "
    code += "before = r.getrusage(r.RUSAGE_SELF).ru_maxrss; "
    code += f"assert len(CIFAR10(root={str(root)!r}).load().train) == 10; "
    code += "print(r.getrusage(r.RUSAGE_SELF).ru_maxrss - before)"
    grown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(grown) * 1024 < LARGE / 3


def test_a_batch_that_is_too_large_is_refused(tmp_path: Path) -> None:
    root = packed_with(tmp_path, **{"data_batch_2.bin": 2**26})
    with pytest.raises(InvalidData, match=r"data_batch_2\.bin' of CIFAR10 must hold at most 33554432 bytes"):
        CIFAR10(root=str(root)).load()


def test_batches_without_end_are_refused(tmp_path: Path) -> None:
    root = packed_with(tmp_path, **{f"data_batch_{number}.bin": 2**25 for number in range(2, 12)})
    with pytest.raises(InvalidData, match=r"must hold at most \d+ bytes. Got 33554432"):
        CIFAR10(root=str(root)).load()


def test_a_header_of_false_length_is_refused(tmp_path: Path) -> None:
    place = tmp_path / "x.tgz"
    member = tarfile.TarInfo("long")
    member.type, member.size = tarfile.XHDTYPE, 2**31
    place.write_bytes(gzip.compress(member.tobuf() + bytes(4096)))
    with pytest.raises(InvalidData, match="be a whole archive"):
        _ = tree(place, "test").sizes


def test_members_of_one_path_are_refused(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "x.tgz", "w:gz") as archive:
        for content in (b"1", b"2"):
            member = tarfile.TarInfo("a")
            member.size = 1
            archive.addfile(member, io.BytesIO(content))
    with pytest.raises(InvalidData, match="hold each path once"):
        _ = tree(tmp_path / "x.tgz", "test").sizes
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as packed:
        packed.writestr("a", "1")
        with pytest.warns(UserWarning, match="Duplicate name"):
            packed.writestr("a", "2")
    with pytest.raises(InvalidData, match="hold each path once"):
        _ = tree(tmp_path / "x.zip", "test").sizes


def test_a_member_of_a_zip_archive_is_read_no_further_than_it_states(tmp_path: Path) -> None:
    place = tmp_path / "x.zip"
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.png", bytes(2**24))
    honest = place.read_bytes()
    with pytest.raises(InvalidData, match=r"The file 'a\.png' of test must hold at most 1048576 bytes\. Got 16777216"):
        tree(place, "test", Layout(largest=2**20)).read("a.png")
    size = (2**24).to_bytes(4, "little")
    place.write_bytes(honest.replace(size, (100).to_bytes(4, "little")))
    with pytest.raises(InvalidData, match="be a whole archive"):
        tree(place, "test", Layout(largest=2**20)).read("a.png")


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_packed_without_bounds_is_refused(tmp_path: Path, method: int) -> None:
    with zipfile.ZipFile(tmp_path / "x.zip", "w", method) as archive:
        archive.writestr("a.png", bytes(2**20))
    with pytest.raises(InvalidData, match="be packed by 'deflate' or not at all"):
        tree(tmp_path / "x.zip", "test").read("a.png")


def test_a_picture_in_a_folder_has_bounds(tmp_path: Path) -> None:
    for path in ("cat/0.png", "dog/0.png"):
        (tmp_path / "pets" / path).parent.mkdir(parents=True)
        with (tmp_path / "pets" / path).open("wb") as file:
            file.truncate(2**28)  # a file of holes takes no room
    with pytest.raises(InvalidData, match=r"The file '(cat|dog)/0\.png' of own data must hold at most 134217728 bytes"):
        from_folder(tmp_path / "pets", height=4, width=4)


@pytest.mark.parametrize("shape", [(2, 3, 4), (2**10, 2**10, 2**9)], ids=["more than stated", "too much stated"])
def test_an_idx_file_is_unpacked_no_further_than_it_states(shape: tuple[int, ...]) -> None:
    head = write_idx(np.zeros((0, 3, 4), np.uint8))[:4] + np.array(shape, dtype=">u4").tobytes()
    file = io.BytesIO()
    with gzip.open(file, "wb", compresslevel=1) as packed:
        packed.write(head)
        for _ in range(300):
            packed.write(bytes(2**20))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(InvalidData, match=r"must hold (24 bytes, as it states\. Got more|at most 67108864 bytes)"):
        read_idx(file.getvalue(), "images", "test", 3)
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < LARGE / 3


class _Nested:
    """Lists that hold one list many times: a few bytes in a pickle, a million numbers as an array."""

    @staticmethod
    def batch() -> bytes:
        labels: Any = [0] * 10
        for _ in range(8):
            labels = [labels] * 10
        return pickle.dumps({b"data": None, b"labels": labels}, protocol=2)


def test_lists_within_lists_are_no_labels() -> None:
    with pytest.raises(InvalidData, match="must be a whole pickled batch"):
        python_batch(_Nested.batch(), "data_batch_1")


@pytest.mark.parametrize(("folder", "file", "load"), [
    ("adult", "adult.data", lambda root: Census(root=root).load()),
    ("fashion-mnist", "train-images-idx3-ubyte", lambda root: FashionMNIST(root=root).load()),
    ("cifar10", "cifar-10-binary.tar.gz", lambda root: CIFAR10(root=root).load()),
])  # fmt: skip
def test_a_pipe_in_place_of_an_official_file_is_refused(tmp_path: Path, folder: str, file: str, load: Any) -> None:
    (tmp_path / folder).mkdir()
    others = ("adult.test", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
    for name in {*others, file}:
        os.mkfifo(tmp_path / folder / name)
    with pytest.raises(InvalidData, match=r"must be a regular file\. Got a pipe, device or socket"):
        load(str(tmp_path))


def test_an_idx_file_of_absurd_sides_is_refused_though_it_holds_nothing() -> None:
    content = bytes([0, 0, 8, 3]) + np.array([0, 2**32 - 1, 2**32 - 1], ">u4").tobytes()
    with pytest.raises(InvalidData, match=r"at most 67108864 bytes. Got an array of \(0, 4294967295, 4294967295\)"):
        read_idx(content, "images", "MNIST", 3)


@pytest.mark.parametrize("height", [True, 10**6, 10**12])
def test_pictures_are_scaled_to_a_size_that_can_be(tmp_path: Path, height: int) -> None:
    with pytest.raises(
        InvalidData, match="The 'height' of own data must be a whole number, at least 1 and at most 16384"
    ):
        from_folder(tmp_path, height=height, width=8)
