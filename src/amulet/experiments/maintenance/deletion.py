"""What of a store is not needed, and its deletion while other processes may be using the store.

There are no locks, which a killed process would leave behind. A file is deleted only if it has been in the store for an
hour, and only if it is still the one that was judged: it is renamed first, looked at, and put back if another process
has written a new one. A run that misses a deleted result computes it again.
"""

import shutil
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final
from uuid import uuid4

from amulet.core.errors import AmuletError, Unwritable
from amulet.core.storage.files import PARTIAL, moved_if_unchanged, partial, writing
from amulet.core.storage.folders import HOUR
from amulet.experiments.graph.entries import NewerEntry, NotAnEntry, read_body
from amulet.experiments.graph.store import NewerStore, Store
from amulet.experiments.maintenance.files import Kind, OnRead, StoreFile, files_of, sizes_of

RECENT: Final = HOUR
"""Seconds for which nothing is deleted, since another process may be writing it, or what belongs to it."""

UNKNOWN: Final = "So it is not known which tensors are needed, and none is deleted."


@dataclass(frozen=True)
class Unneeded:
    """The files of a store that can be deleted.

    Attributes:
        results: results that nobody asked to keep.
        tensors: those of these results, and those that no result belongs to.
        unfinished: temporary files of killed processes.
        aside: damaged files that were set aside.
        kept: the number of results that stay.
        recent: the number of results among these that stay only because they are new.
        judged: all results that were looked at.
    """

    results: tuple[StoreFile, ...]
    tensors: tuple[StoreFile, ...]
    unfinished: tuple[StoreFile, ...]
    aside: tuple[StoreFile, ...]
    kept: int
    recent: int
    judged: tuple[StoreFile, ...]

    @property
    def files(self) -> tuple[StoreFile, ...]:
        """All files to delete: results before their tensors, so that whatever ends the work leaves none without."""
        return (*self.results, *self.tensors, *self.unfinished, *self.aside)

    @property
    def size(self) -> int:
        """Bytes of all these files."""
        return sizes_of(self.files)


def unneeded(
    store: Store,
    keep: Collection[str] | None = None,
    older_than: float | None = None,
    *,
    aside: bool = False,
    on_read: OnRead = lambda *_: None,
    now: float | None = None,
) -> Unneeded:
    """Find the files that can be deleted: results that are not kept, tensors without results, what was left behind.

    Nothing is among them that was written, renamed or copied into the store within the last hour.

    Args:
        store: the store.
        keep: digests of the results to keep, such as `digests_needed(plan(experiment))`; with None all are kept,
            unless `older_than` is given.
        older_than: only results that were written more than so many seconds ago are deleted; of those in `keep` none.
        aside: whether damaged files that were set aside are deleted too.
        on_read: called with the number of results read so far, and of all.
        now: seconds since 1970; by default what the clock of the store's file system says.

    Raises:
        AmuletError: there is no store, or it has none of the results to keep, which is more likely a mistake.
            A result cannot be read, for lack of permission for instance.
        NewerStore: a later version of Amulet wrote a result, so that it is not known which tensors belong to it.

    Example:
        >>> found = unneeded(store, keep=digests_needed(plan(experiment)))  # doctest: +SKIP
        >>> found.size  # doctest: +SKIP
        1203400
        >>> delete(store, found)  # doctest: +SKIP
        1203400
    """
    files = files_of(store)
    now = _clock(store) if now is None else now
    results = [file for file in files if file.kind is Kind.RESULT]
    judged = [file for file in results if file.is_regular and _is_unneeded(file, keep, older_than, now)]
    if keep is not None and results and not any(file.name in keep for file in results):
        raise AmuletError(
            f"None of the {len(results):,} results in {store.root} is one of those to keep. Perhaps they were computed "
            "with another release of torch, or on other data. Nothing was deleted."
        )
    doomed = {file.name for file in judged if _is_settled(file, now)}
    needed = _tensors_of((file for file in results if file.name not in doomed), on_read, len(results) - len(doomed))

    def settled(kind: Kind) -> tuple[StoreFile, ...]:
        return tuple(file for file in files if file.kind is kind and _is_settled(file, now))

    return Unneeded(
        results=tuple(file for file in judged if file.name in doomed),
        tensors=tuple(file for file in settled(Kind.TENSORS) if file.is_regular and file.name not in needed),
        unfinished=tuple(file for file in settled(Kind.UNFINISHED) if file.is_regular),
        aside=settled(Kind.SET_ASIDE) if aside else (),
        kept=len(results) - len(doomed),
        recent=len(judged) - len(doomed),
        judged=tuple(results),
    )


def delete(store: Store, found: Unneeded, on_done: OnRead = lambda *_: None) -> int:
    """Delete files that `unneeded` has found, and return how many bytes they had.

    Files that another process has replaced meanwhile stay, and so do tensors that a new result needs.

    Args:
        store: the store.
        found: what `unneeded` gave.
        on_done: called with the number of files deleted so far, and of all.

    Raises:
        Unwritable: the store cannot be written.
    """
    deleted, total = 0, len(found.files)
    with writing(store.root):
        for number, file in enumerate(found.results, 1):
            deleted += _deleted(file)
            on_done(number, total)
        needed = _tensors_of(_new_results(store, found.judged))
        others = [file for file in found.files[len(found.results) :] if file.name not in needed]
        for number, file in enumerate(others, len(found.results) + 1):
            deleted += _deleted(file)
            on_done(number, total)
    return deleted


def _clock(store: Store) -> float:
    """The time as the store's file system has it, which may be another machine's."""
    with suppress(Unwritable), partial(store.root / "tensors") as file:
        return file.stat().st_mtime
    return time.time()


def _is_unneeded(file: StoreFile, keep: Collection[str] | None, older_than: float | None, now: float) -> bool:
    if keep is None and older_than is None:
        return False
    return (keep is None or file.name not in keep) and (older_than is None or now - file.written > older_than)


def _is_settled(file: StoreFile, now: float) -> bool:
    return now - file.arrived > RECENT


def _tensors_of(results: Iterable[StoreFile], on_read: OnRead = lambda *_: None, total: int = 0) -> set[str]:
    """The checksums of the tensors that belong to results. A damaged result, which is computed again, has none."""
    found = set[str]()
    for number, file in enumerate(results, 1):
        on_read(number, total)
        with suppress(NotAnEntry):
            try:
                checksum = read_body(file.place.read_bytes() if file.is_regular else b"", file.name).tensors
            except NewerEntry as error:
                raise NewerStore(f"{file.place} {error}. Nothing was deleted.") from None
            except FileNotFoundError:  # another process has deleted it
                continue
            except OSError as error:
                raise AmuletError(f"{file.place} cannot be read: {error.strerror}. {UNKNOWN}") from None
            if checksum is not None:
                found.add(checksum)
    return found


def _new_results(store: Store, judged: Collection[StoreFile]) -> Iterable[StoreFile]:
    """The results that are in the store now and were not when it was judged."""
    known = {(file.name, file.status.st_ino, file.status.st_mtime_ns) for file in judged}
    now = files_of(store, Kind.RESULT)
    return (file for file in now if (file.name, file.status.st_ino, file.status.st_mtime_ns) not in known)


def _deleted(file: StoreFile) -> int:
    """Delete a file if it is still the one that was listed, and return how many bytes it had."""
    moved = file.place.with_name(f"{PARTIAL}{uuid4().hex}")
    if not moved_if_unchanged(file.place, file.status, moved):
        return 0
    if moved.is_dir() and not moved.is_symlink():
        shutil.rmtree(moved)
    else:
        moved.unlink()
    return file.size
