"""Digests of code: of a user's models and defenses, so that an edit is noticed, and of Amulet itself."""

import ast
import hashlib
import sys
import sysconfig
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.metadata import distribution, packages_distributions, version
from importlib.util import find_spec
from pathlib import Path
from typing import Final

from amulet.core.errors import AmuletError
from amulet.core.user_code.containment import contained

_DIGEST = "amulet_source_digest"
_INSTALLERS: Final = frozenset({"site-packages", "dist-packages"})


def source_digest(module_name: str) -> str | None:
    """What a module's code is: None inside Amulet, the installed release, else a SHA-256 of its source.

    The SHA-256 covers the source of the module and of the user's own modules it imports, wherever in the
    file it does so; of each of them also the packages it lies in, whose `__init__` runs before it; and the
    releases of the installed packages that these files import. Amulet's own code is covered by `Spec.version` and
    its golden tests.

    Raises:
        AmuletError: the code has no source file, such as a notebook cell.
    """
    if module_name.partition(".")[0] == "amulet":
        return None
    if _file_of(module_name) is None:
        raise AmuletError(
            f"Code defined in '{module_name}' has no source file, so a change to it could not be noticed. "
            "Put it in a .py file and import it from there."
        )
    if not _is_users(module_name):
        return _release(module_name)
    digests = sorted(_parts(module_name, set()))
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def amulet_digest() -> str:
    """A SHA-256 of all files of Amulet as they are now, templates among them, without Python's compiled ones."""
    root = Path(str(sys.modules["amulet"].__file__)).parent
    total = hashlib.sha256()
    for file in sorted(root.rglob("*")):
        if file.is_file() and "__pycache__" not in file.parts:
            total.update(f"{file.relative_to(root)}\0".encode())
            total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()


def _parts(module_name: str, seen: set[str]) -> Iterator[str]:
    """A digest or release of every module that runs when this one is imported, and of this one."""
    for name in _with_parents(module_name):
        if name in seen:
            continue
        seen.add(name)
        if _is_users(name):
            path = _file_of(name)
            if path is not None and path.is_file():  # which a namespace package has none of
                yield _as_loaded(name, path)
                for imported in imported_names(path, name):
                    yield from _parts(imported, seen)
        elif "." not in name and _is_installed(name):
            yield _release(name)


def _with_parents(module_name: str) -> list[str]:
    """For "a.b.c": a, a.b and a.b.c, which Python imports in this order."""
    parts = module_name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts) + 1)]


def _as_loaded(module_name: str, path: Path) -> str:
    """The file's digest when the loaded module was first asked for: an edit counts once it is imported anew."""
    spec = getattr(sys.modules.get(module_name), "__spec__", None)
    known: str | None = getattr(spec, _DIGEST, None)
    digest = known or hashlib.sha256(path.read_bytes()).hexdigest()
    if spec is not None:
        setattr(spec, _DIGEST, digest)  # importlib makes a new spec for each import and reload
    return digest


def _file_of(module_name: str) -> Path | None:
    loaded = getattr(sys.modules.get(module_name), "__file__", None)
    if loaded is not None:
        return Path(loaded).resolve()
    try:
        with contained(f"Importing what '{module_name}' lies in"):
            found = find_spec(module_name)
    except Exception:  # noqa: BLE001 - no module but a name in one, or in a package that cannot be imported
        return None
    return Path(found.origin).resolve() if found and found.origin and found.has_location else None


def imported_names(path: Path, module_name: str) -> Iterator[str]:
    """Every name that an import statement anywhere in the file could mean, modules among them."""
    if path.suffix == ".py":  # not compiled code
        package = module_name if path.name == "__init__.py" else module_name.rpartition(".")[0]
        yield from _names_in(path.read_bytes(), package)


@lru_cache(maxsize=1000)
def _names_in(content: bytes, package: str) -> tuple[str, ...]:
    """The names in a file of this content that lies in a package; every task asks for those of the same few files."""
    return tuple(_walked(content, package))


def _walked(content: bytes, package: str) -> Iterator[str]:
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError):
        return  # which nothing can import
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            parents = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*parents, *([node.module] if node.module else [])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names if alias.name != "*")


def _is_users(name: str) -> bool:
    """Whether a module is neither Amulet's nor installed nor part of Python (a namespace package counts)."""
    family = name.partition(".")[0]
    if family == "amulet" or family in sys.stdlib_module_names or _is_installed(family):
        return False
    path = _file_of(name)
    return path is not None and not _lies_among_installed(path)


def _is_installed(family: str) -> bool:
    path = _file_of(family)
    return path is not None and family not in sys.stdlib_module_names and _lies_among_installed(path)


def _lies_among_installed(path: Path) -> bool:
    """In a folder of this interpreter, or in another that an installer has filled, such as a user's or a parent's."""
    return bool(_INSTALLERS.intersection(path.parts)) or any(path.is_relative_to(folder) for folder in _own_folders())


@cache
def _own_folders() -> tuple[Path, ...]:
    """The folders of this interpreter for Python's own modules and installed ones."""
    return tuple(Path(sysconfig.get_path(key)).resolve() for key in ("stdlib", "platstdlib", "purelib", "platlib"))


def _release(module_name: str) -> str:
    family = module_name.partition(".")[0]
    packages = _distributions().get(family, [])
    return "; ".join(_installed(name) for name in sorted(set(packages))) or f"python {sys.version.split()[0]}"


@cache
def _installed(name: str) -> str:
    """Version and a digest of the installer's own list of files with their checksums."""
    listed = distribution(name).read_text("RECORD") or ""
    return f"{name}=={version(name)} {hashlib.sha256(listed.encode()).hexdigest()}"


@cache
def _distributions() -> dict[str, list[str]]:
    return dict(packages_distributions())
