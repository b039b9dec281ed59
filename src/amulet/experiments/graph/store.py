"""The store: a folder with the results of tasks, as JSON and safetensors files, checked whenever they are read."""

import hashlib
import os
import stat
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from amulet.core.dataset import AmuletDataset
from amulet.core.errors import AmuletError
from amulet.core.storage.files import moved_if_unchanged, partial, replacing, writing
from amulet.core.storage.tensor_files import write_tensors
from amulet.core.user_code.containment import text_of, told
from amulet.experiments.graph.entries import Body, NewerEntry, NotAnEntry, read_body, written_body
from amulet.experiments.graph.tasks import Entry, Source, Task

V = TypeVar("V")


class State(StrEnum):
    """Whether the store has the result of a task."""

    PRESENT = "present"
    ABSENT = "absent"
    DAMAGED = "damaged"


class Damaged(AmuletError):  # noqa: N818
    """A stored result whose content has changed since it was written, or that another version of Amulet wrote.

    Attributes:
        task: the task whose result it is. `Store.set_aside` moves the damaged files out of the way.
    """

    def __init__(self, sentence: str, task: Task[Any]) -> None:
        super().__init__(sentence)
        self.task = task

    def __reduce__(self) -> tuple[type["Damaged"], tuple[str, Task[Any]]]:
        return type(self), (str(self), self.task)


class NotStored(AmuletError, FileNotFoundError):  # noqa: N818
    """A result that has not been computed, or that was damaged and has been moved aside.

    Attributes:
        task: the task whose result it is.
    """

    def __init__(self, task: Task[Any]) -> None:
        super().__init__(f"The result of {type(task).__name__} {task.digest[:12]} is not in the store.")
        self.task = task

    def __reduce__(self) -> tuple[type["NotStored"], tuple[Task[Any]]]:
        return type(self), (self.task,)


class NewerStore(AmuletError):  # noqa: N818
    """A stored result in a format of later versions of Amulet. It is sound, and stays where it is."""


@dataclass(frozen=True)
class Store:
    """A folder with the results of tasks, which any number of experiments and processes can share.

    `results/ab/<digest>.json` holds a task's result and what computed it, `tensors/cd/<sha256>.safetensors` its
    tensors under the checksum of their content. Every file is written under a temporary name and then renamed, so
    that readers never find a part of it. Nothing is ever unpickled.

    Attributes:
        root: the folder. A relative path is resolved against the working directory when the Store is made.
    """

    root: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(self.root).absolute())

    def state(self, task: Task[Any]) -> State:
        """Whether there is a result, judged without reading it. `load` and `verify` check its content."""
        try:
            found = self.result_place(task.digest).lstat()
        except FileNotFoundError:
            return State.ABSENT
        except NotADirectoryError:
            if _obstacle(self.result_place(task.digest), self.root) is None:
                raise  # the store itself is no folder
            return State.DAMAGED
        return State.PRESENT if stat.S_ISREG(found.st_mode) and found.st_size else State.DAMAGED

    def verify(self, task: Task[Any]) -> State:
        """Whether there is a result, after checking its whole content against the checksums.

        Raises:
            NewerStore: a later version of Amulet wrote it.
        """
        try:
            self._entry(task)
        except NotStored:
            return State.ABSENT
        except Damaged:
            return State.DAMAGED
        return State.PRESENT

    def load(self, task: Task[V]) -> V:
        """The stored result of a task.

        Raises:
            NotStored: the task has not been computed.
            Damaged: the content has changed since it was written, or is no result of this task.
            NewerStore: a later version of Amulet wrote it.
        """
        if isinstance(task, Source):
            return _dataset(self, task)  # type: ignore[return-value]
        return self._decoded(task)

    def _decoded(self, task: Task[V]) -> V:
        entry = self._entry(task)
        try:
            return task.decode(entry, self)
        except (AmuletError, OSError, MemoryError, torch.OutOfMemoryError):
            raise
        except Exception as error:  # whatever a value of another form makes a decoder raise
            raise Damaged(
                f"{self.result_place(task.digest)} is no result of {type(task).__name__}: {told(error)}.", task
            ) from error

    def save(self, task: Task[V], value: V, seconds: float) -> None:
        """Store the result of a task and what computed it in how many seconds. An older result is replaced.

        Raises:
            Unwritable: the disk is full, or the store cannot be written.
        """
        entry = task.encode(value)
        tensors = self._save_tensors(entry.tensors) if entry.tensors else None
        text = written_body(task, entry.value, tensors, seconds)
        with replacing(self.result_place(task.digest)) as file:
            file.write(text.encode())

    def manifest(self, task: Task[Any]) -> dict[str, Any] | None:
        """The JSON of a stored result: the task with all fields, value, packages, seconds; None if there is none.

        Raises:
            Damaged: the content has changed since it was written.
        """
        try:
            return self._read(task).model_dump()
        except NotStored:
            return None

    def made(self, task: Task[Any]) -> dict[str, Any] | None:
        """Packages, machine and seconds of the computation of a result; None if there is no undamaged result."""
        try:
            return self._read(task).made.model_dump()
        except (NotStored, Damaged):
            return None

    def size(self, task: Task[Any]) -> int:
        """Bytes of a stored result, its tensors included.

        Raises:
            NotStored: the task has not been computed.
            Damaged: the content has changed since it was written.
        """
        tensors = self._read(task).tensors
        places = (self.result_place(task.digest), *([self.tensor_place(tensors)] if tensors else []))
        return sum(place.stat().st_size for place in places)

    def facts(self, task: Task[Any]) -> Mapping[str, Any]:
        """The facts of a stored model by name, without reading its tensors.

        Raises:
            NotStored: the task has not been computed.
            Damaged: the content has changed since it was written.
        """
        value = self._read(task).value
        if not isinstance(value, dict):
            raise Damaged(f"{self.result_place(task.digest)} holds no facts.", task)
        return value

    def set_aside(self, task: Task[Any]) -> Path | None:
        """Move the damaged files of a result to the folder `damaged`, so that the task can be computed again.

        Returns:
            The new place of the files; None if the result is not damaged, or another process has moved it already.

        Raises:
            Unwritable: the store cannot be written.
        """
        place = _obstacle(self.result_place(task.digest), self.root)
        listed = _listed(place) if place else None
        try:
            self._decoded(task)
        except Damaged as error:
            if place is None or listed is None or error.task.digest != task.digest:
                return None  # another process has moved it, or an input is damaged
            tensors = self._damaged_tensors(task)
            found = _listed(tensors) if tensors else None
            aside = self.put_aside(tensors, found) if tensors and found else None
            return self.put_aside(place, listed) or aside
        except NotStored:
            return None
        return None

    def put_aside(self, place: Path, listed: os.stat_result) -> Path | None:
        """Move a file or folder of the store to the folder `damaged`, if it is still the one that was listed.

        Args:
            place: the file or folder.
            listed: its `lstat` when it was listed.

        Returns:
            Its new place; None if it is gone or another one.

        Raises:
            Unwritable: the store cannot be written.
        """
        with writing(self.root / "damaged"):
            aside = self._reserved(place.name, stat.S_ISDIR(listed.st_mode))
            if moved_if_unchanged(place, listed, aside):
                return aside
        with suppress(OSError):
            aside.rmdir() if stat.S_ISDIR(listed.st_mode) else aside.unlink()
        return None

    def _damaged_tensors(self, task: Task[Any]) -> Path | None:
        """The place of a result's tensors if these are damaged; None if they are sound, absent or not known."""
        try:
            checksum = self._read(task).tensors
        except (Damaged, NotStored):
            return None
        try:
            _ = checksum and self._load_tensors(checksum, task)
        except Damaged:
            return _obstacle(self.tensor_place(checksum), self.root) if checksum else None
        return None

    def _reserved(self, name: str, folder: bool) -> Path:
        """An empty file or folder in the folder `damaged`, of a name that nobody else uses, to be replaced."""
        stem, dot, suffix = name.partition(".")
        for number in count():
            place = self.root / "damaged" / f"{stem}{f'-{number}' if number else ''}{dot}{suffix}"
            place.parent.mkdir(parents=True, exist_ok=True)
            with suppress(FileExistsError):
                place.mkdir() if folder else place.touch(exist_ok=False)
                return place
        raise AssertionError

    def _entry(self, task: Task[Any]) -> Entry:
        body = self._read(task)
        return Entry(body.value, self._load_tensors(body.tensors, task) if body.tensors else {})

    def _read(self, task: Task[Any]) -> Body:
        place = self.result_place(task.digest)
        if self.state(task) is State.DAMAGED:
            raise Damaged(f"{place} is not a file with a result.", task)
        try:
            return read_body(place.read_bytes(), task.digest)
        except FileNotFoundError:
            raise NotStored(task) from None
        except NotAnEntry as error:
            raise Damaged(f"{place} {error}.", task) from None
        except NewerEntry as error:
            raise NewerStore(f"{place} {error}.") from None

    def result_place(self, digest: str) -> Path:
        """The file of the result of a task with this digest."""
        return self.root / "results" / digest[:2] / f"{digest}.json"

    def tensor_place(self, checksum: str) -> Path:
        """The file of tensors with this checksum."""
        return self.root / "tensors" / checksum[:2] / f"{checksum}.safetensors"

    def _save_tensors(self, tensors: Mapping[str, Tensor]) -> str:
        """Store tensors under their checksum without copying them in memory, since a data set may not fit twice."""
        folder = self.root / "tensors"
        with writing(folder), partial(folder) as file:
            write_tensors(file, _apart(tensors))
            checksum = digest_of(file)
            place = self.tensor_place(checksum)
            place.parent.mkdir(parents=True, exist_ok=True)
            file.chmod(0o644)
            file.replace(place)
        return checksum

    def _load_tensors(self, checksum: str, task: Task[Any]) -> dict[str, Tensor]:
        place = self.tensor_place(checksum)
        try:
            found = digest_of(place) if stat.S_ISREG(place.lstat().st_mode) else None
        except (FileNotFoundError, NotADirectoryError):
            raise Damaged(f"{place} is gone.", task) from None
        if found != checksum:
            raise Damaged(f"{place} is not what was written.", task)
        try:
            return load_file(place)
        except FileNotFoundError:
            raise Damaged(f"{place} is gone.", task) from None
        except SafetensorError as error:
            raise Damaged(f"{place} does not hold tensors: {text_of(error)}.", task) from None


@lru_cache(maxsize=2)
def _dataset(store: Store, source: Source) -> AmuletDataset:
    """A stored data set. The last two stay open, since every task of a process reads them."""
    return store._decoded(source)  # noqa: SLF001 - the same file's own


def _listed(place: Path) -> os.stat_result | None:
    """The state of the file or folder at a path; None if there is neither."""
    with suppress(FileNotFoundError, NotADirectoryError):
        return place.lstat()
    return None


def _obstacle(place: Path, root: Path) -> Path | None:
    """The file or folder at a path, or one that stands where a parent folder should be; None if there is neither."""
    if os.path.lexists(place):
        return place
    folders = (folder for folder in place.parents if folder.is_relative_to(root) and folder != root)
    return next((folder for folder in folders if os.path.lexists(folder) and not folder.is_dir()), None)


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Dense tensors without shared memory, which safetensors files cannot hold; only shared ones are copied."""
    taken: list[tuple[int, int]] = []
    found = {}
    for name, tensor in tensors.items():
        dense = tensor.detach().cpu().contiguous()
        start, stop = dense.data_ptr(), dense.data_ptr() + dense.nbytes
        if any(start < end and begin < stop for begin, end in taken):
            dense = dense.clone()
        taken.append((start, stop))
        found[name] = dense
    return found


def digest_of(place: Path) -> str:
    """The SHA-256 of a file's content."""
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
