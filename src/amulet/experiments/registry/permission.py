"""The rules for what a configuration may import. Importing runs code, so a file could otherwise run any program."""

import importlib
import inspect
import re
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Final, Self

from amulet.core.user_code.imports import UserCode
from amulet.core.user_code.source import imported_names

ENTRY_POINT_GROUP: Final = "amulet.plugins"
OWN: Final = "amulet"
_FUNCTIONS: Final = {"amulet.testing:toy_dataset", "amulet.datasets:from_csv", "amulet.datasets:from_folder"}
"""The functions of Amulet that a configuration may name. Specs are found by their own names."""
_LONGEST: Final = 200
"""Characters of a module's name, which is also that of a file."""
_MODULE: Final = re.compile(r"[^\W\d]\w*(?:\.[^\W\d]\w*)*")
_NAME: Final = re.compile(r"(?!__)[^\W\d]\w*")


@dataclass(frozen=True)
class Imports:
    """What one configuration may import. By default only names of Amulet and of installed plug-ins.

    Attributes:
        folder: the folder of the configuration. Modules whose files are in it or in its subfolders may be imported.
        named: further modules, packages with all their modules, or single names as "module:name".
    """

    folder: Path | None = None
    named: tuple[str, ...] = ()

    @classmethod
    def beside(cls, file: Path, named: Iterable[str] = ()) -> Self:
        """What a file may import: modules beside it, and whatever is named in addition."""
        return cls(file.resolve().parent, tuple(named))

    def refusal(self, module: str, name: str) -> str | None:
        """The reason why `name` may not be imported from `module`; None if it may. Nothing is imported to decide this.

        The configuration's folder is added to the end of `sys.path` when modules in it may be imported, so that they
        hide no other modules.
        """
        if not (_is_module(module) and _NAME.fullmatch(name)):
            return f"'{module}:{name}' is no import path like 'package.module:name'."
        if self._is_beside(module):
            self._open_folder()
            return next(self._hidden(module, set()), None)
        if self._is_named(module, name):
            self._open_folder()
            return None
        if f"{module}:{name}" in _FUNCTIONS or name in _listed_by_plugin(module):
            return None
        return (
            f"'{module}:{name}' is not imported: it is neither in `amulet list`, nor of an installed plug-in, nor in a "
            f"module beside this file. If you trust it, allow it with --allow-imports {module}."
        )

    def code_refusal(self, path: str) -> str | None:
        """As `refusal`, for a class or function that will be called.

        One that its module has imported from another module must be allowed there too. To decide this, the module is
        imported, if it may be.
        """
        module, _, name = path.partition(":")
        if refused := self.refusal(module, name):
            return refused
        try:
            found = UserCode(path).load()
        except (Exception, SystemExit):  # noqa: BLE001 - told by the spec that names it
            return None
        home = getattr(found, "__module__", None) if inspect.isroutine(found) or inspect.isclass(found) else None
        if home is None or home == module or self._is_named(module, name) or self._trusts(module, str(home)):
            return None
        return (
            f"'{path}' is not called: it is defined in '{home}', which does not lie beside this file. If you trust it, "
            f"allow it with --allow-imports {module}:{name}."
        )

    def _trusts(self, module: str, home: str) -> bool:
        """Whether code that a module has from `home` may be called: it is beside the file, named, or of its package."""
        same = module.partition(".")[0] == home.partition(".")[0]
        return same or self._is_beside(home) or self._is_named(home, "")

    def _is_named(self, module: str, name: str) -> bool:
        parts = module.split(".")
        packages = {".".join(parts[:end]) for end in range(1, len(parts) + 1)}
        return bool({*packages, f"{module}:{name}"} & set(self.named))

    def _is_beside(self, module: str) -> bool:
        return self._file_beside(module) is not None

    def _file_beside(self, module: str) -> Path | None:
        """The file of a module in the configuration's folder; None if there is none or a link leads out of it."""
        if self.folder is None or not _is_module(module):
            return None
        *parents, last = module.split(".")
        packages = [self.folder.joinpath(*parents[:end], "__init__.py") for end in range(1, len(parents) + 1)]
        place = self.folder.joinpath(*parents)
        files = [file for file in (place / last / "__init__.py", place / f"{last}.py") if file.is_file()]
        run = [*(file for file in packages if file.is_file()), *files]
        return files[0] if files and all(file.resolve().is_relative_to(self.folder) for file in run) else None

    def _open_folder(self) -> None:
        importlib.invalidate_caches()
        if self.folder is not None and str(self.folder) not in sys.path:
            sys.path.append(str(self.folder))

    def _hidden(self, module: str, seen: set[str]) -> Iterator[str]:
        """Sentences about modules beside the file that Python would not import, since others have the same names."""
        family = module.partition(".")[0]
        seen.add(module)
        if other := self._other(family):
            yield f"The module '{family}' beside this file has the name of another one ({other}). Rename it."
            return
        file = self._file_beside(module)
        for name in imported_names(file, module) if file else ():
            if name not in seen and self._is_beside(name):
                yield from self._hidden(name, seen)

    def _other(self, family: str) -> str | None:
        """The place of a module of this name outside the folder, which Python would import instead, if any."""
        assert self.folder is not None  # noqa: S101 - asked only of modules beside the file
        if family in sys.stdlib_module_names or family == OWN:
            return "Python's own" if family != OWN else "Amulet itself"
        try:
            spec = find_spec(family)
        except (ValueError, ImportError):  # loaded by other means than a file
            return "loaded already"
        if spec is None:
            return None
        places = [spec.origin] if spec.has_location else list(spec.submodule_search_locations or ())
        outside = [place for place in places if place and not Path(place).resolve().is_relative_to(self.folder)]
        return outside[0] if outside else None


REGISTERED: Final = Imports()
"""Only names of Amulet and of installed plug-ins."""


def plugin_homes() -> Iterator[str]:
    """The packages that installed plug-ins name in the entry point group `amulet.plugins`."""
    yield from (entry.value for entry in entry_points(group=ENTRY_POINT_GROUP))


def _listed_by_plugin(module: str) -> tuple[str, ...]:
    """The names in the `__all__` of an installed plug-in's package; empty for other modules."""
    if module not in set(plugin_homes()):
        return ()
    return tuple(getattr(importlib.import_module(module), "__all__", ()))


def _is_module(name: str) -> bool:
    return _MODULE.fullmatch(name) is not None and max(map(len, name.split("."))) <= _LONGEST
