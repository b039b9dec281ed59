"""Official files, packed or unpacked, read in place.

Nothing is ever unpacked to disk, so no member of an archive can be written outside its folder; an archive
with a member that asks for that is refused all the same. What is read is bounded by what the layout of the data
set allows, so that a file which unpacks to far more than it should never fills the memory.
"""

import gzip
import hashlib
import io
import re
import stat
import tarfile
import zipfile
import zlib
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Final, TypeVar, final

from amulet.core.errors import AmuletError
from amulet.datasets.official.reading import check_regular, checksum, read_within, refuse_web_page, refused, too_large

T = TypeVar("T")
_MOST_MEMBERS: Final = 2**18
_DEEPEST: Final = 30
"""Folders within each other; the pictures of a data set lie two or three deep."""
_MOST_LINKED: Final = 10_000
"""Folders that are reached through links, which could lead through the whole system or in circles of circles."""
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, EOFError, OSError, ValueError, RuntimeError)


@dataclass(frozen=True)
class Layout:
    """What the files of a data set can be.

    Attributes:
        wanted: the paths of the files that are read; of an archive that is held in memory, no others are kept.
        largest: bytes of one file.
        total: bytes of all wanted files in an archive that is held in memory.
    """

    wanted: re.Pattern[str] = re.compile(r".*", re.DOTALL)
    largest: int = 2**27
    total: int = 2**30


class Tree(ABC):
    """Files under one folder or in one archive, by their paths with '/' from its top."""

    @property
    @abstractmethod
    def sizes(self) -> Mapping[str, int]:
        """Bytes of each file, in the order of their paths."""

    @property
    @abstractmethod
    def folders(self) -> frozenset[str]:
        """Paths of the folders, empty ones among them."""

    @property
    @abstractmethod
    def fingerprint(self) -> str:
        """Changes when any file does."""

    @abstractmethod
    def read(self, path: str) -> bytes:
        """The content of one file.

        Raises:
            InvalidData: it is larger than its layout allows, or cannot be read.
        """


@final
@dataclass(frozen=True)
class Folder(Tree):
    """Files of a folder and the folders in it, links followed."""

    place: Path
    owner: str
    layout: Layout = Layout()

    @cached_property
    def _found(self) -> Mapping[str, Path]:
        """All files and folders."""
        return {place.relative_to(self.place).as_posix(): place for place in _under(self.place, self.owner)}

    @cached_property
    def _listed(self) -> Mapping[str, tuple[int, int]]:
        listed = {}
        for name, place in self._found.items():
            try:
                status = place.stat()
            except FileNotFoundError:
                raise refused(name, self.owner, "be there", "a link to nothing") from None
            except OSError as error:
                raise refused(name, self.owner, "be there and readable", f"'{error.strerror}'") from None
            if stat.S_ISREG(status.st_mode):
                changed = max(status.st_mtime_ns, status.st_ctime_ns)  # the second cannot be set by hand
                listed[name] = (status.st_size, changed)
            elif not stat.S_ISDIR(status.st_mode) and not any(part.startswith(".") for part in name.split("/")):
                check_regular(place, name, self.owner)
        return dict(sorted(listed.items()))

    @property
    def sizes(self) -> Mapping[str, int]:
        """As the file system states them."""
        return {path: size for path, (size, _) in self._listed.items()}

    @property
    def folders(self) -> frozenset[str]:
        """As they are found, linked ones among them."""
        return frozenset(name for name, place in self._found.items() if place.is_dir())

    @property
    def fingerprint(self) -> str:
        """Of all names, sizes and times of change: reading 200,000 images to know them would take too long."""
        return _digest_of(f"{path}:{size}:{changed}" for path, (size, changed) in self._listed.items())

    def read(self, path: str) -> bytes:
        """From its own file."""
        return read_within(self.place / path, self.layout.largest, self.owner, path)


@final
@dataclass(frozen=True)
class Zip(Tree):
    """Members of a zip archive, read where they lie."""

    place: Path
    owner: str
    layout: Layout = Layout()

    @cached_property
    def _archive(self) -> zipfile.ZipFile:
        check_regular(self.place, self.place.name, self.owner)
        archive = _opened(lambda: zipfile.ZipFile(self.place), self.place, self.owner)
        if not all(info.filename for info in archive.infolist()):
            raise refused(self.place.name, self.owner, "hold files with names", "one without")
        return archive

    @cached_property
    def _members(self) -> Mapping[str, zipfile.ZipInfo]:
        listed = [info for info in self._archive.infolist() if not info.is_dir()]
        found = {info.filename.removeprefix("./"): info for info in listed}
        _refuse_escapes(found, self.place, self.owner)
        if len(found) < len(listed):
            raise refused(self.place.name, self.owner, "hold each path once", "some twice")
        return dict(sorted(found.items()))

    @property
    def sizes(self) -> Mapping[str, int]:
        """As the archive's directory states them."""
        return {path: info.file_size for path, info in self._members.items()}

    @property
    def folders(self) -> frozenset[str]:
        """As the archive's directory lists them, with or without files."""
        listed = (info.filename.removeprefix("./").rstrip("/") for info in self._archive.infolist() if info.is_dir())
        return frozenset(filter(None, listed)) | _parents(self._members)

    @property
    def fingerprint(self) -> str:
        """Of all names, sizes and the archive's own checksums, which are verified whenever a member is read."""
        return _digest_of(f"{path}:{info.file_size}:{info.CRC}" for path, info in self._members.items())

    def read(self, path: str) -> bytes:
        """Unpacked in memory, no further than the archive's directory states."""
        info = self._members[path]
        if info.file_size > self.layout.largest:
            raise too_large(path, self.owner, self.layout.largest, info.file_size)
        if info.compress_type not in {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED}:  # others are unpacked without bounds
            raise refused(path, self.owner, "be packed by 'deflate' or not at all", f"method {info.compress_type}")
        return _opened(lambda: self._unpacked(info), self.place, self.owner)

    def _unpacked(self, info: zipfile.ZipInfo) -> bytes:
        with self._archive.open(info) as file:
            content = file.read(info.file_size + 1)
        if len(content) != info.file_size:
            raise EOFError(f"{len(content)} bytes in {info.filename}, {info.file_size} stated")
        return content


@final
@dataclass(frozen=True)
class Tar(Tree):
    """Members of a packed tar archive. It can only be read from front to back, so what is wanted is held in memory."""

    place: Path
    owner: str
    layout: Layout = Layout()

    @cached_property
    def _members(self) -> Mapping[str, tuple[int, bytes]]:
        """Size, and content of what is wanted."""
        check_regular(self.place, self.place.name, self.owner)
        found = _opened(self._read_all, self.place, self.owner)
        return dict(sorted(found.items()))

    def _read_all(self) -> dict[str, tuple[int, bytes]]:
        found: dict[str, tuple[int, bytes]] = {}
        left = self.layout.total
        with (
            gzip.open(self.place) as packed,
            tarfile.open(fileobj=_Bounded(packed, self.layout.largest), mode="r:") as archive,
        ):
            for number, member in enumerate(archive):
                path = member.name.removeprefix("./")
                self._check(member, path in found or number == _MOST_MEMBERS)
                if member.isfile() and self.layout.wanted.fullmatch(path):
                    if member.size > min(left, self.layout.largest):
                        raise too_large(path, self.owner, min(left, self.layout.largest), member.size)
                    left -= member.size
                    content = archive.extractfile(member)
                    found[path] = (member.size, content.read() if content else b"")
                elif member.isfile():
                    found[path] = (member.size, b"")
        return found

    def _check(self, member: tarfile.TarInfo, surplus: bool) -> None:
        _refuse_escapes([member.name], self.place, self.owner)
        if not (member.isdir() or member.isfile()):
            raise refused(self.place.name, self.owner, "hold files and folders only", f"link '{member.name}'")
        if surplus:
            allowed = f"hold each path once, and at most {_MOST_MEMBERS} of them"
            raise refused(self.place.name, self.owner, allowed, f"'{member.name}' beside others")

    @property
    def sizes(self) -> Mapping[str, int]:
        """Of the members as unpacked."""
        return {path: size for path, (size, _) in self._members.items()}

    @property
    def folders(self) -> frozenset[str]:
        """Those that hold files."""
        return _parents(self._members)

    @cached_property
    def fingerprint(self) -> str:
        """Of the archive's bytes."""
        return checksum(self.place)

    def read(self, path: str) -> bytes:
        """From memory; the content of what is not wanted is not there."""
        if not self.layout.wanted.fullmatch(path):
            raise KeyError(path)
        return self._members[path][1]


@final
class _Bounded(io.RawIOBase):
    """A file of which nobody reads more than a member's bytes at once, as a header of false length would ask."""

    def __init__(self, file: gzip.GzipFile, most: int) -> None:
        super().__init__()
        self._file = file
        self._most = max(most, 2**20)

    def seek(self, place: int, whence: int = 0, /) -> int:
        return self._file.seek(place, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int = -1, /) -> bytes:
        if not 0 <= size <= self._most:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._file.read(size)


def tree(place: Path, owner: str, layout: Layout = Layout()) -> Tree:
    """What lies there: a folder, a zip archive or a gzipped tar archive, by the name's ending."""
    if place.is_dir():
        return Folder(place, owner, layout)
    return Zip(place, owner, layout) if place.suffix.lower() == ".zip" else Tar(place, owner, layout)


def _under(top: Path, owner: str) -> Iterator[Path]:
    """Every file and folder; a link to a folder that holds it leads nowhere new.

    Raises:
        InvalidData: folders are nested too deeply, links lead to too many folders, or one cannot be read.
    """
    waiting: list[tuple[Path, tuple[Path, ...], bool]] = [(top, (), False)]
    behind_links = 0
    while waiting:
        folder, above, linked = waiting.pop()
        behind_links += linked
        if len(above) > _DEEPEST or behind_links > _MOST_LINKED:
            allowed = f"lie at most {_DEEPEST} folders deep, and links lead to at most {_MOST_LINKED} folders"
            raise refused(str(folder.relative_to(top))[:80], owner, allowed, "more")
        try:
            real = folder.resolve()
            if real in above:
                continue
            for place in folder.iterdir():
                yield place
                if place.is_dir():
                    waiting.append((place, (*above, real), linked or place.is_symlink()))
        except OSError as error:
            raise refused(folder.name, owner, "be a readable folder", f"'{error.strerror}'") from None


def _parents(paths: Iterable[str]) -> frozenset[str]:
    return frozenset(str(parent) for path in paths for parent in PurePosixPath(path).parents if parent.parts)


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
