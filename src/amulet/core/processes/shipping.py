"""Jobs that are sent to other machines: each checks that the machine has the same software and sees the same store."""

import pickle
import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

from amulet.core.user_code.source import amulet_digest

PACKAGES: Final = ("torch", "numpy", "scipy", "scikit-learn", "opacus")
"""The packages, besides Amulet, that numbers depend on."""

CODE: Final = "Amulet's source"


@dataclass(frozen=True)
class Refusal:
    """In place of a job's result: why the process that was to compute it is not fit for it, as a phrase."""

    reason: str


@dataclass(frozen=True)
class Shipped:
    """A job in the form in which it is sent to another machine.

    Attributes:
        payload: the pickled job.
        software: what `software` gave where the job was sent.
        path: the folders from which modules are imported there. Those that exist on the other machine count there too.
        mark: a file in the store; only a process that sees the store finds its text.
        text: the text of that file.
    """

    payload: bytes
    software: Mapping[str, str]
    path: tuple[str, ...]
    mark: Path
    text: str

    def opened(self) -> Callable[[], Any]:
        """The job; one that gives a Refusal if this process has other software or does not see the store."""
        sys.path.extend(folder for folder in self.path if folder not in sys.path and Path(folder).exists())
        reason = other_software(self.software, software()) or self._hidden()
        if reason:
            return lambda: Refusal(reason)
        job: Callable[[], Any] = pickle.loads(self.payload)  # noqa: S301 - from who runs the assessment
        return job

    def _hidden(self) -> str:
        try:
            seen = self.mark.read_text(encoding="utf-8") == self.text
        except OSError:
            seen = False
        folder = self.mark.parent.parent.parent
        return "" if seen else f"it does not see the store {folder}, which must lie in a folder that all machines share"


@lru_cache(maxsize=1)
def software() -> dict[str, str]:
    """The version of Python without its last part, of the packages that numbers depend on, and a digest of our code."""
    return {
        CODE: amulet_digest()[:12],
        "Python": ".".join(platform.python_version_tuple()[:2]),
        **{name: _version(name) for name in PACKAGES},
        "machine": platform.machine(),
    }


def other_software(here: Mapping[str, str], there: Mapping[str, str]) -> str:
    """A phrase on what another process has in other versions; empty if it has the same."""
    other = [name for name in here if here[name] != there.get(name)]
    if not other:
        return ""
    found = ", ".join(f"{name} {there.get(name, 'in no version')}" for name in other)
    return f"it has {found} in place of {', '.join(f'{name} {here[name]}' for name in other)}"


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "in no version"
