"""Code of the user's own, named by import path and known by its source."""

import importlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from amulet.core.errors import Problem
from amulet.core.source import source_digest


@dataclass(frozen=True)
class UserCode:
    """A class or function by its import path, "package.module:name"."""

    path: str

    def load(self) -> Callable[..., Any]:
        """Import it."""
        module, _, name = self.path.partition(":")
        found: Callable[..., Any] = getattr(importlib.import_module(module), name)
        return found

    @property
    def digest(self) -> str:
        """Of its source file and of what that imports of the user's own."""
        module = self.path.partition(":")[0]
        importlib.import_module(module)
        return source_digest(module) or module

    def problems(self, parameter: str, owner: str) -> Iterator[Problem]:
        """Say why it cannot be imported, if so."""
        try:
            callable_ = callable(self.load())
        except Exception as error:  # noqa: BLE001 - a user's module may raise anything when imported
            yield Problem.of(parameter, owner, f"an import path like 'package.module:name' ({error})", self.path)
        else:
            if not callable_:
                yield Problem.of(parameter, owner, "the import path of a class or function", self.path)
