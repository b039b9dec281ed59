"""The digest of code outside Amulet, so that editing a user's model or defense is noticed."""

import ast
import hashlib
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType

from amulet.core.errors import AmuletError


@cache
def source_digest(module_name: str) -> str | None:
    """SHA-256 over the source of a module and of the user's own modules it imports; None inside Amulet.

    Amulet's own code is covered by `Spec.version` and its golden tests, installed packages that the module
    imports by the manifest. Raises AmuletError for code without a file, such as a notebook cell.
    """
    if module_name.partition(".")[0] == "amulet":
        return None
    files = sorted({path.resolve() for path in _own_files(module_name, set())})
    digest = hashlib.sha256()
    for path in files:
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()


def _own_files(module_name: str, seen: set[str]) -> Iterator[Path]:
    seen.add(module_name)
    path = _file_of(sys.modules[module_name])
    yield path
    family = module_name.partition(".")[0]
    for name in _imported(path, sys.modules[module_name]):
        if name not in seen and name in sys.modules and (name.partition(".")[0] == family or _is_users(name)):
            yield from _own_files(name, seen)


def _file_of(module: ModuleType) -> Path:
    path = getattr(module, "__file__", None)
    if path is None:
        raise AmuletError(
            f"Code defined in '{module.__name__}' has no source file, so a change to it could not be noticed. "
            "Put it in a .py file and import it from there."
        )
    return Path(path)


def _imported(path: Path, module: ModuleType) -> Iterator[str]:
    package = module.__package__ or ""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _is_users(name: str) -> bool:
    """Whether a module is neither Amulet's nor installed nor part of Python."""
    path = getattr(sys.modules[name], "__file__", None)
    if path is None or name.partition(".")[0] == "amulet":
        return False
    installed = [Path(sysconfig.get_path(key)) for key in ("stdlib", "platstdlib", "purelib", "platlib")]
    return not any(Path(path).resolve().is_relative_to(folder.resolve()) for folder in installed)
