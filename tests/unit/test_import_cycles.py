"""No module of Amulet imports itself by way of others, for types or inside functions included."""

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import amulet

SOURCE = Path(amulet.__file__).parent


def modules(root: Path) -> dict[str, Path]:
    """Files by the names under which they are imported."""
    found = {}
    for path in root.rglob("*.py"):
        parts = (root.name, *path.relative_to(root).with_suffix("").parts)
        found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imported(name: str, path: Path, known: dict[str, Path]) -> Iterator[str]:
    """The modules that a file names in its imports, wherever they stand."""
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            named = (f"{base}.{alias.name}" for alias in node.names)  # a module of the package, or a name in it
            yield from (each for each in (full if full in known else base for full in named) if each in known)


def cycle(root: Path) -> list[str]:
    """The modules of one cycle, the first of them again at the end; none where there is no cycle."""
    known = modules(root)
    graph = {name: set(imported(name, path, known)) - {name} for name, path in known.items()}
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        return list(error.args[1])
    return []


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert " <- ".join(cycle(SOURCE)) == ""


@pytest.mark.parametrize(
    "second",
    [
        "from pkg import first\n",
        "from pkg.first import Thing\n",
        "from . import first\n",
        "def late():\n    import pkg.first\n",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from pkg.first import Thing\n",
    ],
    ids=["module", "name", "relative", "in a function", "for types"],
)
def test_a_cycle_is_found_however_it_is_written(second: str, tmp_path: Path) -> None:
    package = tmp_path / "pkg"
    package.mkdir()
    (package / "__init__.py").write_text("from pkg.first import Thing\n")
    (package / "first.py").write_text("from pkg.second import other\n\n\nclass Thing: ...\n")
    (package / "second.py").write_text(second)
    assert set(cycle(package)) == {"pkg.first", "pkg.second"}
