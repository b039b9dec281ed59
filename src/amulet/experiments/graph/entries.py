"""The JSON format of a stored result: how it is written, and how it is checked when it is read."""

import hashlib
import json
import platform
from collections.abc import Mapping
from dataclasses import fields
from functools import lru_cache
from importlib.metadata import version
from typing import Annotated, Any, ClassVar, Final, Literal

import torch
from annotated_types import Ge
from pydantic import BaseModel, ConfigDict, FiniteFloat, StringConstraints, ValidationError

from amulet.core.spec import Plain, Spec, path_of, plain_value
from amulet.core.user_code.containment import text_of
from amulet.experiments.graph.tasks import Task, tasks_within

FORMAT: Final = 1
Checksum = Annotated[str, StringConstraints(pattern="^[0-9a-f]{64}$")]


class NotAnEntry(ValueError):  # noqa: N818
    """A file is not a valid result. The message is the end of a sentence that begins with the file's name."""


class NewerEntry(ValueError):  # noqa: N818
    """A file is a whole result in a format of later versions. The message ends a sentence as that of NotAnEntry."""


class Made(BaseModel):
    """Python, packages and machine that computed a result, and the seconds that it took."""

    model_config: ClassVar[ConfigDict] = ConfigDict(strict=True, extra="allow", frozen=True)

    python: str
    packages: dict[str, str]
    machine: str
    gpu: str | None
    seconds: Annotated[FiniteFloat, Ge(0)]


class Body(BaseModel):
    """The JSON object of a stored result without its checksum; no other fields are accepted."""

    model_config: ClassVar[ConfigDict] = ConfigDict(strict=True, extra="forbid", frozen=True)

    format: Literal[1]
    task: Checksum
    spec: dict[str, Any]
    value: Any
    tensors: Checksum | None
    made: Made

    @property
    def content(self) -> tuple[Any, str | None]:
        """What two computations of one task have in common: value and tensors, without the seconds of a training."""
        if not isinstance(self.value, dict):
            return self.value, self.tensors
        return {name: value for name, value in self.value.items() if name != "seconds"}, self.tensors


def written_body(task: Task[Any], value: Plain, tensors: str | None, seconds: float) -> str:
    """The JSON of a task's result, with a checksum over its content; `tensors` is the checksum of the tensors' file."""
    body: dict[str, Plain] = {
        "format": FORMAT,
        "task": task.digest,
        "spec": described(task),
        "value": value,
        "tensors": tensors,
        "made": {**environment(), "seconds": round(seconds, 4)},
    }
    return json.dumps({**body, "checksum": _checksum(body)}, indent=1)


def read_body(content: bytes, digest: str) -> Body:
    """The result that `written_body` wrote for the task with this digest.

    Every version writes `format`, and `checksum` over everything else, in the same way. So a whole result of a later
    format is told from a damaged one.

    Raises:
        NotAnEntry: the content is something else, or has changed since it was written.
        NewerEntry: it is whole, but of a later format.
    """
    try:
        plain = json.loads(content)
        stated = plain.pop("checksum")
        found = _checksum(plain)
    except (ValueError, KeyError, AttributeError, TypeError, RecursionError):
        raise NotAnEntry("is not a whole result") from None
    if stated != found:
        raise NotAnEntry("is not what was written")
    written = plain.get("format")
    if type(written) is int and written > FORMAT:
        raise NewerEntry(f"was written by a newer Amulet (format {written}); update Amulet or use another store")
    if written != FORMAT:
        raise NotAnEntry(f"is of format {text_of(written)}, which this version of Amulet does not read")
    try:
        body = Body.model_validate(plain)
    except ValidationError as error:
        places = sorted({".".join(text_of(part) for part in item["loc"][:2]) for item in error.errors()})
        raise NotAnEntry(f"has missing, unknown or wrong entries ({', '.join(places[:5])})") from None
    if body.task != digest:
        raise NotAnEntry("is the result of another task")
    return body


def described(task: Spec) -> Plain:
    """All fields of a task in the types of JSON; tasks among them are written as their digests."""
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
    """The versions of Python and of the packages that numbers depend on, the machine and the GPU."""
    packages = ("amulet", "torch", "numpy", "scipy", "scikit-learn", "opacus")
    return {
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
        "machine": platform.machine(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
    }


def _checksum(body: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()
