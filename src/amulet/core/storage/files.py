"""Files that appear whole or not at all, and one sentence where they cannot be written."""

import errno
import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from io import BufferedReader
from os import PathLike
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import IO, Annotated, Final, TypeAlias

from amulet.core.errors import Unwritable

StrPath: TypeAlias = str | PathLike[str]
"""A file or folder, as everything that takes one accepts it."""


@dataclass(frozen=True)
class _NamesFile:
    """Marks fields whose text is the path of a file."""


NAMES_FILE: Final = _NamesFile()
FilePath = Annotated[str, NAMES_FILE]
"""The type of a spec's field that names a file. In a configuration, a relative path counts from its folder."""

PARTIAL: Final = ".partial-"
"""How the temporary names of unfinished files and folders begin; nobody reads what lies under them."""


@contextmanager
def replacing(place: Path) -> Iterator[IO[bytes]]:
    """A file written under a temporary name that takes its own when it is complete.

    Raises:
        Unwritable: the file, or the folder it belongs into, cannot be written.
    """
    with writing(place):
        place.parent.mkdir(parents=True, exist_ok=True)
        with partial(place.parent) as unfinished:
            with unfinished.open("wb") as file:
                yield file
            unfinished.chmod(0o644)
            unfinished.replace(place)


@contextmanager
def partial(folder: Path) -> Iterator[Path]:
    """An empty file under a temporary name, to be renamed when its content is known; removed if it is not.

    Raises:
        Unwritable: the folder cannot be written.
    """
    with writing(folder):
        folder.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=folder, prefix=PARTIAL, delete=False) as file:
            place = Path(file.name)
    try:
        yield place
    finally:
        with suppress(OSError):
            place.unlink(missing_ok=True)


@contextmanager
def writing(place: Path) -> Iterator[None]:
    """Whatever keeps the block from writing is told as what keeps `place` from being written.

    Raises:
        Unwritable: for every error of the system.
    """
    try:
        yield
    except OSError as error:
        raise Unwritable(place, error.strerror or str(error)) from error


def moved_if_unchanged(place: Path, listed: os.stat_result, to: Path) -> bool:
    """Rename a file unless another process has put a new one in its place since it was listed.

    A new one that is met is put back, so that nothing is lost between looking at a file and moving it.

    Args:
        place: the file.
        listed: its `lstat` when it was listed.
        to: its new path on the same file system, which nobody else uses.

    Returns:
        Whether the file has been moved; False if it is gone or another one.
    """
    try:
        place.replace(to)
    except FileNotFoundError:
        return False
    if _identity(to.lstat()) == _identity(listed):
        return True
    to.replace(place)
    return False


def _identity(status: os.stat_result) -> tuple[int, ...]:
    """What tells a file from one that replaces it, and does not change when it is renamed."""
    return status.st_dev, status.st_ino, status.st_mtime_ns, status.st_size


def open_regular(place: Path) -> BufferedReader:
    """A regular file, or a link to one, open for reading.

    Raises:
        OSError: it cannot be read, or is a folder, a pipe or a device, reading which might never end.
    """
    if not stat.S_ISREG(place.stat().st_mode):
        raise OSError(errno.EINVAL, "It is no regular file", str(place))
    return place.open("rb")


def read_regular(place: Path, most: int = -1) -> bytes:
    """The content of a regular file, up to `most` bytes of it if that is not negative; raises as `open_regular`."""
    with open_regular(place) as file:
        return file.read(most)


def checksum_of(place: Path) -> str:
    """The SHA-256 of the content of a regular file; raises as `open_regular`."""
    with open_regular(place) as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def write_text(place: Path, text: str) -> None:
    """Write a whole text file.

    Raises:
        Unwritable: the file, or the folder it belongs into, cannot be written.
    """
    with replacing(place) as file:
        file.write(text.encode())
