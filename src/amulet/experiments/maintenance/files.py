"""The files of a store, listed by what they are, without knowing the tasks that they are results of."""

import os
import re
import stat
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Final

from amulet.core.errors import AmuletError
from amulet.core.storage.files import PARTIAL
from amulet.experiments.graph.store import Store

OnRead = Callable[[int, int], None]
"""Is called with the bytes that have been read so far, and with how many there are in all."""

RESULT: Final = re.compile(r"results/([0-9a-f]{2})/(\1[0-9a-f]{62})\.json")
TENSORS: Final = re.compile(r"tensors/([0-9a-f]{2})/(\1[0-9a-f]{62})\.safetensors")
"""The paths in a store of results and of tensors; the second group is the digest or the checksum."""


class Kind(StrEnum):
    """What a file of a store is, by its path."""

    RESULT = "result"
    TENSORS = "tensors"
    SET_ASIDE = "set aside"
    UNFINISHED = "unfinished"
    UNKNOWN = "unknown"


@dataclass(frozen=True)
class StoreFile:
    """A file of a store as it was when it was listed.

    Attributes:
        kind: what it is.
        place: its path.
        status: its `lstat`.
        name: the digest of the task whose result it is, or the checksum of tensors; empty for other files.
    """

    kind: Kind
    place: Path
    status: os.stat_result
    name: str = ""

    @property
    def size(self) -> int:
        """Bytes."""
        return self.status.st_size

    @property
    def written(self) -> float:
        """When its content was written, in seconds since 1970; copies may keep the time of the original."""
        return self.status.st_mtime

    @property
    def arrived(self) -> float:
        """When the file was last written, renamed or copied into the store, in seconds since 1970."""
        return max(self.status.st_mtime, self.status.st_ctime)

    @property
    def is_regular(self) -> bool:
        """Whether it is a file, and no folder, link, pipe or device."""
        return stat.S_ISREG(self.status.st_mode)


def files_of(store: Store, *kinds: Kind) -> list[StoreFile]:
    """All files of a store, or those of some kinds, in the order of their paths.

    Tensors are listed before results. So if a result that is listed belongs to tensors that are not, these were
    written later.

    Raises:
        AmuletError: there is no such folder.
    """
    if not store.root.is_dir():
        raise AmuletError(f"There is no store in {store.root}.")
    folders = ("tensors", "results", "damaged", "")
    found = (item for folder in folders for item in _listed(store.root, store.root / folder, deep=folder != ""))
    return [item for item in found if not kinds or item.kind in kinds]


def sizes_of(files: Iterable[StoreFile]) -> int:
    """The bytes of files together."""
    return sum(item.size for item in files)


def _listed(root: Path, folder: Path, *, deep: bool) -> Iterator[StoreFile]:
    """Files and whatever else is in a folder; of folders in it, unless they have the name of a file, their content."""
    with suppress(FileNotFoundError, NotADirectoryError):
        for item in sorted(os.scandir(folder), key=lambda item: item.name):
            place = Path(item.path)
            path = place.relative_to(root).as_posix()
            kind, name = _kind_of(path)
            if item.is_dir(follow_symlinks=False) and kind is Kind.UNKNOWN:
                yield from _listed(root, place, deep=deep) if deep else ()
                continue
            with suppress(FileNotFoundError):  # another process has just renamed or deleted it
                yield StoreFile(kind, place, item.stat(follow_symlinks=False), name)


def _kind_of(path: str) -> tuple[Kind, str]:
    if found := RESULT.fullmatch(path):
        return Kind.RESULT, found[2]
    if found := TENSORS.fullmatch(path):
        return Kind.TENSORS, found[2]
    folder, _, rest = path.partition("/")
    if folder == "damaged" and rest:
        return Kind.SET_ASIDE, ""
    if folder in {"results", "tensors"} and rest.rpartition("/")[2].startswith(PARTIAL):
        return Kind.UNFINISHED, ""
    return Kind.UNKNOWN, ""
