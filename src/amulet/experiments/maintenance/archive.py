"""One file with results of a store: written, and merged into a store after every byte of it is checked.

The file is a tar archive with the same paths as in the store. The tensors of a result stand before it, and behind all
results stands an index that says how many there are. Times, owners and rights are not kept, so that the same results
always give the same file.
"""

import hashlib
import io
import json
import os
import stat
import tarfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Final

from amulet.core.errors import AmuletError
from amulet.core.storage.files import StrPath, open_regular, partial, read_regular, replacing, writing
from amulet.core.user_code.containment import text_of
from amulet.experiments.graph.entries import Body, NewerEntry, NotAnEntry, read_body
from amulet.experiments.graph.store import NewerStore, Store, digest_of
from amulet.experiments.maintenance.files import RESULT, TENSORS, Kind, OnRead, StoreFile, files_of

INDEX: Final = "amulet-store.json"
FORMAT: Final = 1
BLOCK: Final = 2**20
"""Bytes that are read at once; no header of an archive may be longer."""

MOST_OF_A_RESULT: Final = 2**28
"""Bytes of the JSON of one result."""

MEND: Final = "Nothing was exported; `amulet store verify --set-aside` moves damaged results out of the way."

_BROKEN: Final = (tarfile.TarError, EOFError, ValueError, OverflowError, RecursionError)


class NotAnArchive(AmuletError):  # noqa: N818
    """A file is no whole archive of results, or holds something that has no place in one."""


@dataclass(frozen=True)
class Exported:
    """What was written into an archive: the number of results and files of tensors, and the bytes of the archive."""

    results: int
    tensors: int
    size: int


@dataclass(frozen=True)
class Imported:
    """What an archive brought into a store.

    Attributes:
        new: the number of results that the store did not have, or only damaged.
        known: the number of results that the store had; they stay as they were.
        different: the digests of those among them whose value in the archive is another one.
    """

    new: int
    known: int
    different: tuple[str, ...]


def export_results(
    store: Store, archive: StrPath, digests: Collection[str] | None = None, on_done: OnRead = lambda *_: None
) -> Exported:
    """Write results of a store, each checked against its checksums, into one file.

    Args:
        store: the store.
        archive: the file to write, whole or not at all.
        digests: of the results to write, as far as the store has them, such as `digests_needed(plan(experiment))`;
            all results if it is None.
        on_done: called with the number of results written so far, and of all.

    Raises:
        AmuletError: the file is there already, there is no store, or a result is damaged.
        Unwritable: the disk is full, or the file cannot be written.
        NewerStore: a later version of Amulet wrote a result.

    Example:
        >>> export_results(Store(Path("runs/store")), "results.tar").results  # doctest: +SKIP
        430
    """
    place = Path(archive)
    if os.path.lexists(place):
        raise AmuletError(f"{place} is there already. Name another file, or remove it.")
    results = [file for file in files_of(store, Kind.RESULT) if digests is None or file.name in digests]
    written = set[str]()
    with replacing(place) as file, tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for number, result in enumerate(results, 1):
            content, body = _read(result)
            checksum = body.tensors
            if checksum is not None and checksum not in written:
                _add_tensors(tar, store, checksum)
                written.add(checksum)
            _add(tar, result.place.relative_to(store.root).as_posix(), len(content), io.BytesIO(content))
            on_done(number, len(results))
        index = json.dumps({"format": FORMAT, "results": len(results), "tensors": len(written)}).encode()
        _add(tar, INDEX, len(index), io.BytesIO(index))
    return Exported(len(results), len(written), place.stat().st_size)


def import_results(store: Store, archive: StrPath, on_read: OnRead = lambda *_: None) -> Imported:
    """Merge an archive into a store, which is made if need be. What the store has already stays as it is.

    The names and kinds of all members are checked before anything is written, and each result and its tensors against
    their checksums before they take their place. Nothing of an archive is run, but its numbers are believed: import
    only what comes from people whom you trust.

    Args:
        store: the store to fill.
        archive: a file that `export_results` wrote.
        on_read: called with the bytes read so far, and of all.

    Raises:
        NotAnArchive: it is cut off or damaged, or holds links, devices, or paths that have no place in a store.
        NewerStore: a later version of Amulet wrote it.
        OSError: it cannot be read.
        Unwritable: the disk is full, or the store cannot be written.
    """
    place = Path(archive)
    if not place.is_file():
        raise NotAnArchive(f"There is no file {place}.")
    with _opened(place) as tar:
        _check_members(place, tar)
    known, new, different, total = 0, 0, list[str](), place.stat().st_size
    with _opened(place) as tar:
        for member in _members(tar):
            on_read(member.offset_data + member.size, total)
            if member.name == INDEX:
                break  # what stands behind it has not been checked
            if found := TENSORS.fullmatch(member.name):
                _take_tensors(store, place, found[2], _content(tar, member))
            elif found := RESULT.fullmatch(member.name):
                content = _content(tar, member).read()
                body = _body_in_archive(place, content, found[2])
                if body.tensors is not None and not store.tensor_place(body.tensors).is_file():
                    raise NotAnArchive(f"{place} lacks the tensors of its {member.name}.")
                held = _held(store, body.task)
                if held is None:
                    with replacing(store.result_place(body.task)) as file:
                        file.write(content)
                    new += 1
                    continue
                known += 1
                different += [body.task] if held.content != body.content else []
    return Imported(new, known, tuple(different))


def _read(result: StoreFile) -> tuple[bytes, Body]:
    """A result of a store, as it is written and as it is read."""
    content = read_regular(result.place, MOST_OF_A_RESULT) if result.is_regular else b""
    try:
        return content, read_body(content, result.name)
    except NotAnEntry as error:
        raise AmuletError(f"{result.place} {error}. {MEND}") from None
    except NewerEntry as error:
        raise NewerStore(f"{result.place} {error}.") from None


def _body_in_archive(archive: Path, content: bytes, digest: str) -> Body:
    try:
        return read_body(content, digest)
    except NotAnEntry as error:
        raise NotAnArchive(f"{archive}: result {digest} {error}.") from None
    except NewerEntry as error:
        raise NewerStore(f"{archive}: result {digest} {error}.") from None


def _add_tensors(tar: tarfile.TarFile, store: Store, checksum: str) -> None:
    place = store.tensor_place(checksum)
    try:
        with open_regular(place) as file:
            reading = _Hashing(file)
            _add(tar, place.relative_to(store.root).as_posix(), os.fstat(file.fileno()).st_size, reading)
    except FileNotFoundError:
        raise AmuletError(f"{place} is gone. {MEND}") from None
    if reading.digest.hexdigest() != checksum:
        raise AmuletError(f"{place} is not what was written. {MEND}")


def _add(tar: tarfile.TarFile, name: str, size: int, file: Any) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o644
    tar.addfile(info, file)


class _Hashing:
    """A file whose content is hashed as it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self.digest = hashlib.sha256()
        self._file = file

    def read(self, size: int = -1, /) -> bytes:
        block = self._file.read(size)
        self.digest.update(block)
        return block


class _InBlocks(io.RawIOBase):
    """A file of which no more than a block is read at once, as a header of false length would ask."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__()
        self._file = file

    def seek(self, place: int, whence: int = 0, /) -> int:
        return self._file.seek(place, whence)

    def tell(self) -> int:
        return self._file.tell()

    def read(self, size: int = -1, /) -> bytes:
        if not 0 <= size <= BLOCK:
            raise tarfile.ReadError(f"a header of {size} bytes")
        return self._file.read(size)


@contextmanager
def _opened(place: Path) -> Iterator[tarfile.TarFile]:
    """The archive; whatever shows that it is broken becomes one sentence."""
    try:
        with place.open("rb") as file, tarfile.open(fileobj=_InBlocks(file), mode="r:") as tar:
            yield tar
    except AmuletError:
        raise
    except _BROKEN as error:
        raise NotAnArchive(
            f"{place} is no whole archive that `amulet store export` has written ({text_of(error)})."
        ) from None


def _members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The members in order, which are not kept in memory."""
    while (member := tar.next()) is not None:
        yield member
        tar.members.clear()  # type: ignore[attr-defined]


def _check_members(place: Path, tar: tarfile.TarFile) -> None:
    """Refuse whatever is no regular file with the path of a result, of tensors or of the index, and what is cut off."""
    counts = {RESULT: 0, TENSORS: 0}
    seen = set[str]()
    for member in _members(tar):
        name = text_of(member.name)
        if member.type not in {tarfile.REGTYPE, tarfile.AREGTYPE} or member.issparse():
            raise NotAnArchive(f"{place} may hold regular files only. '{name}' is none.")
        if member.name in seen:
            raise NotAnArchive(f"{place} holds '{name}' twice.")
        seen.add(member.name)
        if member.name == INDEX:
            _check_index(place, _content(tar, member).read(BLOCK), counts)
            return
        kind = next((pattern for pattern in counts if pattern.fullmatch(member.name)), None)
        if kind is None:
            raise NotAnArchive(f"{place} may hold results and tensors only. '{name}' is no path of either.")
        if kind is RESULT and member.size > MOST_OF_A_RESULT:
            raise NotAnArchive(f"{place} holds a result of {member.size} bytes; at most {MOST_OF_A_RESULT} are read.")
        counts[kind] += 1
    raise NotAnArchive(f"{place} is cut off: it has no index at its end.")


def _check_index(place: Path, content: bytes, counts: Mapping[Any, int]) -> None:
    """Check that the archive is of this format and holds as much as its index says."""
    index = json.loads(content)
    if not isinstance(index, dict) or type(index.get("format")) is not int:
        raise NotAnArchive(f"{place} has an index without a format.")
    if index["format"] > FORMAT:
        raise NewerStore(f"{place} was written by a newer Amulet (format {index['format']}); update Amulet.")
    stated, found = (index.get("results"), index.get("tensors")), (counts[RESULT], counts[TENSORS])
    if stated != found:
        raise NotAnArchive(f"{place} is not whole: {found[0]} results and {found[1]} files of tensors are in it.")


def _content(tar: tarfile.TarFile, member: tarfile.TarInfo) -> IO[bytes]:
    content = tar.extractfile(member)
    assert content is not None  # noqa: S101 - it is a regular file
    return content


def _take_tensors(store: Store, archive: Path, checksum: str, content: IO[bytes]) -> None:
    """Store tensors of an archive, if the store does not have them yet.

    Those that it has become new again, so that nobody who deletes old tensors takes them away before their result is
    here.
    """
    place, folder = store.tensor_place(checksum), store.root / "tensors"
    with writing(place):
        if place.is_file() and digest_of(place) == checksum:
            os.utime(place)
            return
        with partial(folder) as file:
            reading = _Hashing(content)
            with file.open("wb") as opened:
                while block := reading.read(BLOCK):
                    opened.write(block)
            if reading.digest.hexdigest() != checksum:
                raise NotAnArchive(f"{archive}: tensors {checksum} are not what was written.")
            place.parent.mkdir(parents=True, exist_ok=True)
            file.chmod(0o644)
            file.replace(place)


def _held(store: Store, digest: str) -> Body | None:
    """The result that the store has under a digest; None if it has none that is sound as far as its JSON tells."""
    place = store.result_place(digest)
    try:
        regular = stat.S_ISREG(place.lstat().st_mode)
        body = read_body(place.read_bytes() if regular else b"", digest)
    except (FileNotFoundError, NotAnEntry):
        return None
    except NewerEntry as error:
        raise NewerStore(f"{place} {error}.") from None
    return body if body.tensors is None or store.tensor_place(body.tensors).is_file() else None
