"""Processed arrays on disk, found by a digest of everything that shaped them and read back memory-mapped."""

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amulet.core.errors import AmuletError
from amulet.core.spec import Plain
from amulet.core.storage.cache_folder import CACHE_VARIABLE, cache_root
from amulet.core.storage.files import PARTIAL
from amulet.core.storage.folders import HOUR
from amulet.datasets.official.reading import checksum

Arrays = Mapping[str, NDArray[Any]]
_LISTING = "entry.json"
_FORMAT = 1
_ATTEMPTS = 3
"""Another process that met the same damaged entry may take away what has just been written, to put its own there."""


@dataclass(frozen=True, eq=False)
class Blocks:
    """A uint8 array that is made block by block along its first axis, so that it never has to be in memory whole."""

    shape: tuple[int, ...]
    blocks: Iterator[NDArray[np.uint8]]


@dataclass(frozen=True)
class Key:
    """Everything that shaped the arrays.

    Attributes:
        name: of the data set; part of the folder's name, for people.
        version: of the loader, to be raised when the same sources and settings come to mean other arrays.
        sources: of each official file, its checksum or fingerprint; never a path.
        settings: what else decides the arrays.
    """

    name: str
    version: int
    sources: Mapping[str, str]
    settings: Mapping[str, Plain]

    @property
    def plain(self) -> dict[str, Plain]:
        """As JSON."""
        return {
            "format": _FORMAT,
            "name": self.name,
            "version": self.version,
            "sources": dict(self.sources),
            "settings": dict(self.settings),
        }

    @property
    def folder(self) -> Path:
        """Where the arrays lie."""
        digest = hashlib.sha256(json.dumps(self.plain, sort_keys=True).encode()).hexdigest()
        name = "".join(letter if letter.isalnum() else "-" for letter in self.name.lower())
        return cache_root() / "datasets" / f"{name[:40]}-{digest[:32]}"


def cached(key: Key, make: Callable[[], Mapping[str, NDArray[Any] | Blocks]]) -> Arrays:
    """The arrays of a key: read if they are there and whole, else made, written and read.

    They are mapped privately, copy on write: torch can wrap them without a copy, and nothing that is done to
    them reaches the file.

    Raises:
        AmuletError: the cache folder cannot be written.
    """
    for _ in range(_ATTEMPTS):
        found = _read(key)
        if found is not None:
            return found
        with _room(key) as folder:
            _write(key, folder, make())
    found = _read(key)
    if found is None:
        raise AmuletError(f"The arrays just written to {key.folder} cannot be read back. Is the disk sound?")
    return found


def _read(key: Key) -> Arrays | None:
    """None unless every byte is what was written."""
    try:
        listing = json.loads((key.folder / _LISTING).read_bytes())
        if listing["key"] != key.plain:
            return None
        for name, expected in listing["checksums"].items():
            if checksum(key.folder / f"{name}.npy") != expected:
                return None
        return {name: np.load(key.folder / f"{name}.npy", mmap_mode="c") for name in listing["checksums"]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None


@contextmanager
def _room(key: Key) -> Iterator[Path]:
    """An empty folder that takes the entry's name once it is complete; a damaged entry makes way."""
    parent = key.folder.parent
    with _writing(key):
        parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(parent)
        partial = Path(mkdtemp(dir=parent, prefix=PARTIAL))
    try:
        yield partial
        try:
            partial.rename(key.folder)  # which replaces no folder that holds something
        except OSError:
            if _read(key) is None:  # damaged, not the same arrays from another process
                shutil.rmtree(key.folder, ignore_errors=True)
                with suppress(OSError):
                    partial.rename(key.folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _remove_leftovers(parent: Path) -> None:
    """Remove what killed processes left: unfinished entries in which nothing was written for an hour."""
    for left in parent.glob(f"{PARTIAL}*"):
        with suppress(OSError):
            if time.time() - max(place.stat().st_mtime for place in (left, *left.iterdir())) > HOUR:
                shutil.rmtree(left)


def _write(key: Key, folder: Path, arrays: Mapping[str, NDArray[Any] | Blocks]) -> None:
    for name, array in arrays.items():
        _write_array(key, folder / f"{name}.npy", array)
    checksums = {name: checksum(folder / f"{name}.npy") for name in arrays}
    text = json.dumps({"key": key.plain, "checksums": checksums}, indent=1)
    with _writing(key):
        (folder / _LISTING).write_text(text, encoding="utf-8")


def _write_array(key: Key, place: Path, array: NDArray[Any] | Blocks) -> None:
    """As `np.save` does, which would not say why it cannot write."""
    if isinstance(array, Blocks):
        header: dict[str, Any] = {"descr": "|u1", "fortran_order": False, "shape": array.shape}
        blocks: Iterator[NDArray[Any]] = array.blocks
    else:
        whole = np.ascontiguousarray(array)
        header, blocks = np.lib.format.header_data_from_array_1_0(whole), iter([whole])
    with _writing(key):
        file = place.open("wb")
    try:
        with _writing(key):
            np.lib.format.write_array_header_1_0(file, header)
        for block in blocks:
            with _writing(key):
                file.write(np.ascontiguousarray(block).view(np.uint8).data)
        with _writing(key):
            file.flush()
    finally:
        with suppress(OSError):
            file.close()


@contextmanager
def _writing(key: Key) -> Iterator[None]:
    """Whatever keeps the block from writing is told in a sentence."""
    try:
        yield
    except OSError as error:
        raise AmuletError(
            f"The cache folder {key.folder.parent} cannot be written ({error.strerror or error}). "
            f"Set {CACHE_VARIABLE} to one that can."
        ) from None
