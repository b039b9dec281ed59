"""Official files, packed or unpacked, read in place.

Nothing is ever unpacked to disk, so no member of an archive can be written outside its folder; an archive
with a member that asks for that is refused all the same.
"""

import hashlib
import tarfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TypeVar, final

from amulet.core.errors import AmuletError, InvalidData, Problem

T = TypeVar("T")
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, ValueError, RuntimeError)


def refused(file: str, owner: str, allowed: str, given: object) -> InvalidData:
    """The house's sentence about a file of a data set."""
    return InvalidData([Problem(file, f"The file '{file}' of {owner} must {allowed}. Got {given}.")])


def checksum(place: Path) -> str:
    """SHA-256 of a file, read in blocks."""
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_regular(place: Path, file: str, owner: str) -> None:
    """Raise InvalidData for what is there and no file: a pipe or a device may never end, a socket cannot be read."""
    if not place.is_file():
        raise refused(file, owner, "be a regular file", "a folder" if place.is_dir() else "a pipe, device or socket")


def read_within(place: Path, most: int, owner: str) -> bytes:
    """The content of a file that its layout keeps below so many bytes.

    Raises:
        InvalidData: it is no regular file, larger, or cannot be read.
    """
    check_regular(place, place.name, owner)
    if (size := place.stat().st_size) > most:
        raise refused(place.name, owner, f"hold at most {most} bytes", f"{size}")
    try:
        return place.read_bytes()
    except OSError as error:
        raise refused(place.name, owner, "be readable", f"'{error.strerror}'") from None


def is_web_page(content: bytes) -> bool:
    """Whether the content begins as the page that a server sends in place of a file."""
    start = content[:512].lstrip().lower()
    return start.startswith((b"<!doctype html", b"<html", b"<?xml", b"<head"))


def refuse_web_page(content: bytes, file: str, owner: str) -> None:
    """Raise InvalidData for a server's page saved under the name of a data file."""
    if is_web_page(content):
        raise refused(file, owner, "hold data", "a web page, as servers send it in place of a file")


class Tree(ABC):
    """Files under one folder or in one archive, by their paths with '/' from its top."""

    @property
    @abstractmethod
    def sizes(self) -> Mapping[str, int]:
        """Bytes of each file, in the order of their paths."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Changes when any file does."""

    @abstractmethod
    def read(self, path: str) -> bytes:
        """The content of one file."""


@final
@dataclass(frozen=True)
class Folder(Tree):
    """Files of a folder and the folders in it, links followed."""

    place: Path
    owner: str

    @cached_property
    def _listed(self) -> Mapping[str, tuple[int, int]]:
        found = {}
        for place in _files_under(self.place, frozenset()):
            name = place.relative_to(self.place).as_posix()
            try:
                status = place.stat()
            except OSError:
                raise refused(name, self.owner, "be there", "a link to nothing") from None
            changed = max(status.st_mtime_ns, status.st_ctime_ns)  # the second cannot be set by hand
            found[name] = (status.st_size, changed)
        return dict(sorted(found.items()))

    @property
    def sizes(self) -> Mapping[str, int]:
        """As the file system states them."""
        return {path: size for path, (size, _) in self._listed.items()}

    @property
    def fingerprint(self) -> str:
        """Of all names, sizes and times of change: reading 200,000 images to know them would take too long."""
        return _digest_of(f"{path}:{size}:{changed}" for path, (size, changed) in self._listed.items())

    def read(self, path: str) -> bytes:
        """From its own file."""
        return (self.place / path).read_bytes()


@final
@dataclass(frozen=True)
class Zip(Tree):
    """Members of a zip archive, read where they lie."""

    place: Path
    owner: str

    @cached_property
    def _archive(self) -> zipfile.ZipFile:
        return _opened(lambda: zipfile.ZipFile(self.place), self.place, self.owner)

    @cached_property
    def _members(self) -> Mapping[str, zipfile.ZipInfo]:
        found = {info.filename: info for info in self._archive.infolist() if not info.is_dir()}
        _refuse_escapes(found, self.place, self.owner)
        return dict(sorted(found.items()))

    @property
    def sizes(self) -> Mapping[str, int]:
        """As the archive's directory states them."""
        return {path: info.file_size for path, info in self._members.items()}

    @property
    def fingerprint(self) -> str:
        """Of all names, sizes and the archive's own checksums, which are verified whenever a member is read."""
        return _digest_of(f"{path}:{info.file_size}:{info.CRC}" for path, info in self._members.items())

    def read(self, path: str) -> bytes:
        """Unpacked in memory."""
        return _opened(lambda: self._archive.read(self._members[path]), self.place, self.owner)


@final
@dataclass(frozen=True)
class Tar(Tree):
    """Members of a packed tar archive. It can only be read from front to back, so it is held in memory."""

    place: Path
    owner: str

    @cached_property
    def _members(self) -> Mapping[str, bytes]:
        found = _opened(self._read_all, self.place, self.owner)
        return dict(sorted(found.items()))

    def _read_all(self) -> dict[str, bytes]:
        found = {}
        with tarfile.open(self.place, "r:gz") as archive:
            for member in archive:
                _refuse_escapes([member.name], self.place, self.owner)
                if not (member.isdir() or member.isfile()):
                    raise refused(self.place.name, self.owner, "hold files and folders only", f"link '{member.name}'")
                if content := archive.extractfile(member):
                    found[member.name.removeprefix("./")] = content.read()
        return found

    @property
    def sizes(self) -> Mapping[str, int]:
        """Of the members as unpacked."""
        return {path: len(content) for path, content in self._members.items()}

    @cached_property
    def fingerprint(self) -> str:
        """Of the archive's bytes."""
        return checksum(self.place)

    def read(self, path: str) -> bytes:
        """From memory."""
        return self._members[path]


def tree(place: Path, owner: str) -> Tree:
    """What lies there: a folder, a zip archive or a gzipped tar archive, by the name's ending."""
    if place.is_dir():
        return Folder(place, owner)
    return Zip(place, owner) if place.suffix.lower() == ".zip" else Tar(place, owner)


def _files_under(folder: Path, above: frozenset[Path]) -> Iterator[Path]:
    """Every file at any depth; a link to a folder that holds it leads nowhere new."""
    real = folder.resolve()
    if real in above:
        return
    for place in folder.iterdir():
        if place.is_dir():
            yield from _files_under(place, above | {real})
        else:
            yield place


def _digest_of(lines: Iterable[str]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(f"{line}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _refuse_escapes(paths: Iterable[str], place: Path, owner: str) -> None:
    for path in paths:
        pure = PurePosixPath(path.replace("\\", "/"))
        if pure.is_absolute() or ".." in pure.parts or any(":" in part for part in pure.parts[:1]):
            raise refused(place.name, owner, "keep its members inside its folder", repr(path))


def _opened(work: Callable[[], T], place: Path, owner: str) -> T:
    """What `work` gives; whatever shows a broken archive becomes one sentence."""
    try:
        return work()
    except AmuletError:
        raise
    except _BROKEN as error:
        with place.open("rb") as file:
            refuse_web_page(file.read(512), place.name, owner)
        raise refused(place.name, owner, "be a whole archive", f"'{error}'") from None
