"""Every byte of a store, checked against its checksums."""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from safetensors import SafetensorError, safe_open

from amulet.core.user_code.containment import text_of
from amulet.experiments.graph.entries import Body, NewerEntry, NotAnEntry, read_body
from amulet.experiments.graph.store import Store
from amulet.experiments.maintenance.files import Kind, OnRead, StoreFile, files_of, sizes_of

BLOCK = 2**22
"""Bytes that are read at once."""


@dataclass(frozen=True)
class Fault:
    """A file of a store with what is wrong about it.

    Attributes:
        file: the file.
        reason: the end of a sentence that begins with its path.
    """

    file: StoreFile
    reason: str

    def __str__(self) -> str:
        """The sentence."""
        return f"{self.file.place} {self.reason}."


@dataclass(frozen=True)
class Verification:
    """What `verify_store` found.

    Attributes:
        results: the number of results.
        tensors: the number of files of tensors.
        size: the bytes of both together.
        damaged: results and tensors that are not what was written, and results whose tensors are damaged or gone.
        newer: results in a format of later versions of Amulet, which this version cannot check.
        aside: where damaged files were moved to.
        orphans: tensors that no result belongs to.
        unfinished: temporary files, which killed processes have left or running ones are writing.
        unknown: files that are not Amulet's.
        earlier: files that were set aside before.
    """

    results: int
    tensors: int
    size: int
    damaged: tuple[Fault, ...]
    newer: tuple[Fault, ...]
    orphans: tuple[StoreFile, ...]
    unfinished: tuple[StoreFile, ...]
    unknown: tuple[StoreFile, ...]
    earlier: tuple[StoreFile, ...]
    aside: tuple[Path, ...] = ()

    @property
    def is_sound(self) -> bool:
        """Whether every result was read and is what was written."""
        return not self.damaged and not self.newer


@dataclass
class _Reading:
    """Reads files of a store, says how far it is, and collects what is wrong."""

    on_read: OnRead
    total: int
    done: int = 0
    damaged: list[Fault] = field(default_factory=list)
    newer: list[Fault] = field(default_factory=list)

    def blocks(self, file: StoreFile) -> Iterator[bytes]:
        """The content, block by block.

        Raises:
            OSError: it cannot be read.
        """
        with file.place.open("rb") as opened:
            while block := opened.read(BLOCK):
                self.done += len(block)
                self.on_read(self.done, self.total)
                yield block

    def tensors_problem(self, file: StoreFile) -> str | None:
        """What is wrong with a file of tensors, as the end of a sentence; None if nothing is."""
        if not file.is_regular:
            return "is not a file"
        try:
            digest = hashlib.sha256()
            for block in self.blocks(file):
                digest.update(block)
            if digest.hexdigest() != file.name:
                return "is not what was written"
            with safe_open(file.place, "pt"):
                return None
        except SafetensorError as error:
            return f"does not hold tensors: {text_of(error)}"
        except OSError as error:
            return f"cannot be read: {error.strerror or error}"

    def body(self, file: StoreFile) -> Body | None:
        """The content of a result; None if there is none, which is then among what was found."""
        try:
            return read_body(b"".join(self.blocks(file)) if file.is_regular else b"", file.name)
        except NewerEntry as error:
            self.newer.append(Fault(file, str(error)))
        except NotAnEntry as error:
            self.damaged.append(Fault(file, str(error)))
        except OSError as error:
            self.damaged.append(Fault(file, f"cannot be read: {error.strerror or error}"))
        return None


def verify_store(store: Store, *, set_aside: bool = False, on_read: OnRead = lambda *_: None) -> Verification:
    """Read every file of a store and check it against its checksum.

    Other processes may use the store meanwhile. Nothing is written unless damaged files are to be set aside. Whether
    a result can be decoded is known only by its task: `amulet status FILE --verify` checks that too.

    Args:
        store: the store.
        set_aside: whether to move damaged files to the folder `damaged`, so that their tasks are computed again.
        on_read: called with the bytes read so far and in all.

    Raises:
        AmuletError: there is no such folder.
        Unwritable: a damaged file cannot be moved.

    Example:
        >>> verify_store(Store(Path("runs/store"))).is_sound  # doctest: +SKIP
        True
    """
    files = files_of(store)
    by_kind = {kind: tuple(item for item in files if item.kind is kind) for kind in Kind}
    results, tensors = by_kind[Kind.RESULT], by_kind[Kind.TENSORS]
    reading = _Reading(on_read, sizes_of(results) + sizes_of(tensors))
    problems = {file.name: reading.tensors_problem(file) for file in tensors}
    reading.damaged += [Fault(file, why) for file in tensors if (why := problems[file.name]) is not None]
    used = set[str]()
    for file in results:
        body = reading.body(file)
        if body is None or body.tensors is None:
            continue
        used.add(body.tensors)
        if body.tensors not in problems:  # gone, or written since the files were listed
            problems[body.tensors] = None if store.tensor_place(body.tensors).exists() else "is gone"
        if (why := problems[body.tensors]) is not None:
            reading.damaged.append(Fault(file, f"has no tensors: {store.tensor_place(body.tensors).name} {why}"))
    damaged = [fault for fault in reading.damaged if fault.file.place.is_symlink() or fault.file.place.exists()]
    moved = (store.put_aside(fault.file.place, fault.file.status) for fault in damaged) if set_aside else ()
    return Verification(
        results=len(results),
        tensors=len(tensors),
        size=reading.total,
        damaged=tuple(damaged),
        newer=tuple(reading.newer),
        orphans=tuple(file for file in tensors if file.name not in used and problems[file.name] is None),
        unfinished=by_kind[Kind.UNFINISHED],
        unknown=by_kind[Kind.UNKNOWN],
        earlier=by_kind[Kind.SET_ASIDE],
        aside=tuple(place for place in moved if place is not None),
    )
