"""The cache of processed arrays: nothing stale, nothing half, nothing trusted unseen."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from numpy.typing import NDArray

from amulet.core.errors import AmuletError
from amulet.core.storage.cache_folder import cache_root
from amulet.datasets.official import cache
from amulet.datasets.official.cache import Arrays, Blocks, Key, cached
from amulet.datasets.official.places import data_root

KEY = Key("Stamps", 1, {"file": "abc"}, {"size": 8})
ARRAY = np.arange(12, dtype=np.uint8).reshape(3, 4)

ROUNDS = 5
RACE = """
import time
from pathlib import Path
import numpy as np
from amulet.datasets.official.cache import Key, cached

ARRAY = np.arange(1_000_000, dtype=np.uint8).reshape(1000, 1000)

def together(version):
    def make():
        Path(f"{{version}} {me}").touch()
        until = time.monotonic() + 300
        while not Path(f"{{version}} {other}").exists():
            assert time.monotonic() < until
        return {{"x": ARRAY}}
    return make

for version in range({rounds}):
    found = cached(Key("Stamps", version, {{}}, {{}}), together(version))["x"]
    print("whole" if np.array_equal(found, ARRAY) else "torn")
"""
"""Makes arrays when the other process does: neither has written any before both have seen that there are none."""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AMULET_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "datasets"


def never() -> dict[str, NDArray[Any] | Blocks]:
    pytest.fail("made again")


def test_arrays_are_made_once_and_mapped() -> None:
    first = cached(KEY, lambda: {"x": ARRAY})["x"]
    again = cached(KEY, never)["x"]
    assert isinstance(again, np.memmap)
    assert np.array_equal(first, again)


def test_what_is_done_to_a_mapped_array_does_not_reach_the_file() -> None:
    cached(KEY, lambda: {"x": ARRAY})["x"][:] = 0
    assert np.array_equal(cached(KEY, never)["x"], ARRAY)


@pytest.mark.parametrize(
    "other",
    [
        Key("Coins", 1, {"file": "abc"}, {"size": 8}),
        Key("Stamps", 2, {"file": "abc"}, {"size": 8}),
        Key("Stamps", 1, {"file": "abd"}, {"size": 8}),
        Key("Stamps", 1, {"file": "abc"}, {"size": 9}),
    ],
    ids=["name", "version", "source", "setting"],
)
def test_whatever_shaped_an_array_is_part_of_its_key(other: Key) -> None:
    cached(KEY, lambda: {"x": ARRAY})
    assert np.array_equal(cached(other, lambda: {"x": ARRAY + 1})["x"], ARRAY + 1)
    assert np.array_equal(cached(KEY, never)["x"], ARRAY)


@pytest.mark.parametrize("damage", ["cut", "altered", "emptied", "gone", "listing"])
def test_a_damaged_entry_is_made_again(folder: Path, damage: str) -> None:
    cached(KEY, lambda: {"x": ARRAY})
    place = next(folder.rglob("*.json" if damage == "listing" else "*.npy"))
    content = place.read_bytes()
    if damage == "gone":
        place.unlink()
    else:
        place.write_bytes(
            {"cut": content[:-2], "altered": content[:-1] + b"!", "emptied": b"", "listing": b"{}"}[damage]
        )
    assert np.array_equal(cached(KEY, lambda: {"x": ARRAY})["x"], ARRAY)
    assert np.array_equal(cached(KEY, never)["x"], ARRAY)


def test_a_failure_leaves_nothing_behind(folder: Path) -> None:
    def failing() -> Iterator[NDArray[np.uint8]]:
        yield ARRAY[:1]
        raise ValueError("a broken image")

    with pytest.raises(ValueError, match="a broken image"):
        cached(KEY, lambda: {"x": Blocks(ARRAY.shape, failing())})
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("damaged", [False, True], ids=["new", "damaged"])
def test_processes_that_write_one_entry_at_a_time_all_read_a_whole_one(
    folder: Path, tmp_path: Path, *, damaged: bool
) -> None:
    if damaged:
        for version in range(ROUNDS):
            cached(Key("Stamps", version, {}, {}), lambda: {"x": ARRAY})
        for place in folder.rglob("x.npy"):
            place.write_bytes(b"")
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", RACE.format(rounds=ROUNDS, me=me, other=1 - me)],
            cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )
        for me in (0, 1)
    ]  # fmt: skip
    assert [process.communicate()[0] for process in processes] == ["whole\n" * ROUNDS] * 2
    assert len(list(folder.iterdir())) == ROUNDS
    for version in range(ROUNDS):
        assert cached(Key("Stamps", version, {}, {}), never)["x"].shape == (1000, 1000)


def test_an_entry_that_another_process_takes_away_is_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    reads, read = count(), cache._read

    def disturbed(key: Key) -> Arrays | None:
        if next(reads) == 1:
            shutil.rmtree(key.folder)
        return read(key)

    monkeypatch.setattr(cache, "_read", disturbed)
    assert np.array_equal(cached(KEY, lambda: {"x": ARRAY})["x"], ARRAY)


NearlyFull = Callable[[int], AbstractContextManager[None]]


def test_a_full_disk_is_told_and_leaves_nothing_behind(folder: Path, nearly_full: NearlyFull) -> None:
    for array in (ARRAY.repeat(1000), Blocks((2000, 64), iter([np.zeros((1000, 64), np.uint8)] * 2))):
        with (
            nearly_full(1_000),
            pytest.raises(AmuletError, match=r"cannot be written \(File too large\)\. Set AMULET_"),
        ):
            cached(KEY, lambda array=array: {"x": array})  # type: ignore[misc]
        assert list(folder.iterdir()) == []
    assert np.array_equal(cached(KEY, lambda: {"x": ARRAY})["x"], ARRAY)


def test_what_killed_processes_left_is_removed_after_an_hour(folder: Path) -> None:
    for name in ("old", "new", "written"):
        (folder / f".partial-{name}").mkdir(parents=True)
        (folder / f".partial-{name}" / "x.npy").write_bytes(b"half")
    for place in (folder / ".partial-old", folder / ".partial-old" / "x.npy", folder / ".partial-written"):
        os.utime(place, (0, 0))

    cached(KEY, lambda: {"x": ARRAY})

    assert sorted(place.name for place in folder.glob(".partial-*")) == [".partial-new", ".partial-written"]


@pytest.mark.parametrize("array", [np.arange(6.0).reshape(2, 3).T, np.zeros((0, 3), np.int64), np.array([True, False])])
def test_files_are_those_of_numpy(folder: Path, array: NDArray[Any], tmp_path: Path) -> None:
    cached(KEY, lambda: {"x": array})
    np.save(tmp_path / "x.npy", np.ascontiguousarray(array))
    assert next(folder.rglob("x.npy")).read_bytes() == (tmp_path / "x.npy").read_bytes()


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only for the superuser")
def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir(mode=0o500)
    with pytest.raises(AmuletError, match=r"The cache folder .* cannot be written .* Set AMULET_CACHE"):
        cached(KEY, lambda: {"x": ARRAY})


def test_a_file_in_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "cache").write_text("")
    with pytest.raises(AmuletError, match=r"The cache folder .* cannot be written .* Set AMULET_CACHE"):
        cached(KEY, lambda: {"x": ARRAY})


@given(arrays(np.uint8, array_shapes(min_dims=1, max_dims=3)), st.integers(1, 3))
def test_blocks_are_one_array(array: NDArray[np.uint8], size: int) -> None:
    key = Key("Blocks", 1, {"content": array.tobytes().hex(), "shape": str(array.shape)}, {})
    blocks = (array[start : start + size] for start in range(0, len(array), size))
    assert np.array_equal(cached(key, lambda: {"x": Blocks(array.shape, blocks)})["x"], array)


def test_folders_follow_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AMULET_DATA", str(tmp_path))
    assert data_root(None) == tmp_path
    assert data_root("elsewhere") == Path("elsewhere")
    for variable in ("AMULET_DATA", "AMULET_CACHE"):
        monkeypatch.delenv(variable)
    assert data_root(None).name == cache_root().name == "amulet"
    assert data_root(None) != cache_root()
