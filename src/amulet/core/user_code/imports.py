"""Code of the user's own, named by import path and known by its source."""

import importlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from amulet.core.errors import Problem
from amulet.core.user_code.containment import contained, text_of
from amulet.core.user_code.source import source_digest


@dataclass(frozen=True)
class _Imported:
    """Marks fields whose text is imported."""


IMPORTED = _Imported()
ImportPath = Annotated[str, IMPORTED]
"""The type of a spec's field that names a class or function to import and call, as "package.module:name".

Configurations are programs of strangers until somebody trusts them: what they may import is checked at fields of this
type, before anything is imported. A field of another type must not be given to `UserCode`.
"""


@dataclass(frozen=True)
class UserCode:
    """A class or function by its import path, "package.module:name"."""

    path: str

    def load(self) -> Callable[..., Any]:
        """Import it."""
        module, _, name = self.path.partition(":")
        with contained(f"Importing '{module}'"):
            found: Callable[..., Any] = getattr(importlib.import_module(module), name)
        return found

    def call(self, *given: object, arguments: Mapping[str, Any]) -> Any:
        """Import and call it.

        Raises:
            UserCodeFailed: it tried to end the program.
            Exception: whatever else it raises.
        """
        function = self.load()
        with contained(f"'{self.path}'"):
            return function(*given, **arguments)

    @property
    def digest(self) -> str:
        """Of its source file and of what that imports of the user's own."""
        module = self.path.partition(":")[0]
        with contained(f"Importing '{module}'"):
            importlib.import_module(module)
        return source_digest(module) or module

    def problems(self, parameter: str, owner: str) -> Iterator[Problem]:
        """Say why it cannot be imported, if so."""
        try:
            callable_ = callable(self.load())
        except Exception as error:  # noqa: BLE001 - a user's module may raise anything when imported
            allowed = f"an import path like 'package.module:name' ({text_of(error)})"
            yield Problem.of(parameter, owner, allowed, self.path)
        else:
            if not callable_:
                yield Problem.of(parameter, owner, "the import path of a class or function", self.path)


def _message(error: BaseException) -> str:
    """On one line; the class where an exception has no text, or fails to give it."""
    try:
        text = " ".join(str(error).split())
    except Exception:  # noqa: BLE001 - of a user's own class
        text = ""
    return text if text and not isinstance(error, SystemExit) else f"{type(error).__name__} {text}".strip()
