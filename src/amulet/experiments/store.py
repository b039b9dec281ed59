"""Where results lie: JSON and safetensors under their task's digest, checked whenever they are read."""

import hashlib
import json
import platform
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, fields
from enum import StrEnum
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from amulet.core.data import AmuletDataset
from amulet.core.errors import AmuletError
from amulet.core.files import partial, replacing
from amulet.core.spec import Plain, Spec, path_of, plain_value
from amulet.experiments.tasks import Entry, Source, Task, tasks_within

V = TypeVar("V")
FORMAT = 1


class State(StrEnum):
    """What the store has of a task."""

    PRESENT = "present"
    ABSENT = "absent"
    DAMAGED = "damaged"


class Damaged(AmuletError):  # noqa: N818
    """An entry whose content is not what was written."""


@dataclass(frozen=True)
class Store:
    """A directory shared by any number of experiments and processes.

    `results/ab/<digest>.json` holds a task's value and manifest, `tensors/cd/<sha256>.safetensors` its
    tensors under the checksum of their content. Every file is written under a temporary name and renamed,
    so that a reader finds it whole or not at all, and nothing is ever unpickled.
    """

    root: Path

    def __post_init__(self) -> None:
        object.__setattr__(self, "root", Path(self.root))  # from text, too

    def state(self, task: Task[Any]) -> State:
        """Present only if every byte is what was written."""
        try:
            self._entry(task)
        except FileNotFoundError:
            return State.ABSENT
        except Damaged:
            return State.DAMAGED
        return State.PRESENT

    def load(self, task: Task[V]) -> V:
        """The value of a task.

        Raises:
            FileNotFoundError: it has not been computed.
            Damaged: what lies there is not what was written.
        """
        if isinstance(task, Source):
            return _dataset(self, task)  # type: ignore[return-value]
        return task.decode(self._entry(task), self)

    def save(self, task: Task[V], value: V, seconds: float) -> None:
        """Write the value and its manifest; an entry that is there already is replaced."""
        entry = task.encode(value)
        tensors = self._save_tensors(entry.tensors) if entry.tensors else None
        body: dict[str, Plain] = {
            "format": FORMAT,
            "task": task.digest,
            "spec": described(task),
            "value": entry.value,
            "tensors": tensors,
            "made": {**environment(), "seconds": round(seconds, 4)},
        }
        text = json.dumps({**body, "checksum": _checksum(body)}, indent=1)
        with replacing(self._place(task)) as file:
            file.write(text.encode())

    def manifest(self, task: Task[Any]) -> dict[str, Any] | None:
        """The JSON of an entry: full spec, value, packages, seconds; None if it was not needed and is not there."""
        try:
            return self._read(task)
        except FileNotFoundError:
            return None

    def set_aside(self, task: Task[Any]) -> Path | None:
        """Move a damaged entry out of the way; where it lies now, None if another process has seen to it."""
        place = self._place(task)
        aside = self.root / "damaged" / place.name
        aside.parent.mkdir(parents=True, exist_ok=True)
        if self.state(task) is not State.DAMAGED:
            return None
        with suppress(FileNotFoundError):
            place.replace(aside)
        return aside

    def _entry(self, task: Task[Any]) -> Entry:
        body = self._read(task)
        checksum = body["tensors"]
        return Entry(body["value"], self._load_tensors(checksum) if checksum else {})

    def _read(self, task: Task[Any]) -> dict[str, Any]:
        place = self._place(task)
        try:
            body = json.loads(place.read_bytes())
            stated = body.pop("checksum")
        except (ValueError, KeyError, AttributeError, TypeError):
            raise Damaged(f"{place} is not a whole result.") from None
        if stated != _checksum(body) or body["task"] != task.digest:
            raise Damaged(f"{place} is not what was written.")
        return dict(body)

    def _place(self, task: Task[Any]) -> Path:
        return self.root / "results" / task.digest[:2] / f"{task.digest}.json"

    def _save_tensors(self, tensors: Mapping[str, Tensor]) -> str:
        """Written from where they lie: a data set may be larger than the memory."""
        with partial(self.root / "tensors") as file:
            save_file(_apart(tensors), file)
            checksum = _digest_of(file)
            place = self._tensor_place(checksum)
            place.parent.mkdir(parents=True, exist_ok=True)
            file.chmod(0o644)
            file.replace(place)
        return checksum

    def _load_tensors(self, checksum: str) -> dict[str, Tensor]:
        place = self._tensor_place(checksum)
        try:
            found = _digest_of(place)
        except FileNotFoundError:
            raise Damaged(f"{place} is gone.") from None
        if found != checksum:
            raise Damaged(f"{place} is not what was written.")
        return load_file(place)

    def _tensor_place(self, checksum: str) -> Path:
        return self.root / "tensors" / checksum[:2] / f"{checksum}.safetensors"


def described(task: Spec) -> Plain:
    """A whole spec as plain values, other tasks in it by digest."""
    return {path_of(type(task)): {item.name: _within(getattr(task, item.name)) for item in fields(task)}}


def _within(value: Any) -> Plain:
    match value:
        case Task():
            return {"task": value.digest}
        case tuple():
            return [_within(item) for item in value]
        case Spec() if any(True for _ in tasks_within(value)):
            return described(value)
        case _:
            return plain_value(value)


@lru_cache(maxsize=1)
def environment() -> dict[str, Plain]:
    """What computed: Python, packages, machine."""
    packages = ("amulet", "torch", "numpy", "scipy", "scikit-learn", "opacus")
    return {
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
        "machine": platform.machine(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


@lru_cache(maxsize=2)
def _dataset(store: Store, source: Source) -> AmuletDataset:
    """Data sets are read by every task of a process, so the last ones stay open."""
    return source.decode(store._entry(source), store)  # noqa: SLF001 - the same file's own


def _apart(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Dense tensors of which no two share memory, which the format cannot express; copied only where they do."""
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


def _digest_of(place: Path) -> str:
    with place.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _checksum(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
