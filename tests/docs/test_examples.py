"""The examples in docstrings run, and print what the docstrings say that they print."""

import ast
import doctest
import importlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

import amulet

PACKAGE = Path(amulet.__file__).parent
DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef)


@dataclass(frozen=True)
class Documented:
    """A docstring with an example, and the module that it is part of."""

    file: Path
    name: str
    docstring: str

    @property
    def module(self) -> str:
        parts = self.file.relative_to(PACKAGE.parent).with_suffix("").parts
        return ".".join(part for part in parts if part != "__init__")


def docstrings_with_examples(file: Path) -> Iterator[Documented]:
    """They are read from the source, since `doctest.DocTestFinder` passes over functions with a decorator of torch."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        docstring = ast.get_docstring(node) if isinstance(node, DOCUMENTED) else None
        if docstring and ">>> " in docstring:
            yield Documented(file, getattr(node, "name", "module"), docstring)


EXAMPLES = [each for file in sorted(PACKAGE.rglob("*.py")) for each in docstrings_with_examples(file)]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: f"{each.module}:{each.name}")
def test_the_example_runs(example: Documented) -> None:
    module = importlib.import_module(example.module)
    test = doctest.DocTestParser().get_doctest(
        example.docstring, dict(vars(module)), example.name, str(example.file), 0
    )
    runner = doctest.DocTestRunner(verbose=False, optionflags=doctest.ELLIPSIS)
    said: list[str] = []
    torch.manual_seed(0)
    runner.run(test, out=said.append)
    assert runner.summarize(verbose=False).failed == 0, "".join(said)


def test_no_example_is_left_out() -> None:
    written = sum(file.read_text(encoding="utf-8").count(">>> ") for file in PACKAGE.rglob("*.py"))
    assert written == sum(each.docstring.count(">>> ") for each in EXAMPLES)


@pytest.mark.parametrize("package", ["functional", "statistics"])
def test_every_public_function_of_these_packages_has_an_example(package: str) -> None:
    shown = {(each.file, each.name) for each in EXAMPLES}
    lacking = [
        f"{file.stem}.{node.name}"
        for file in sorted((PACKAGE / package).glob("*.py"))
        for node in ast.parse(file.read_text(encoding="utf-8")).body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_") and (file, node.name) not in shown
    ]
    assert not lacking, f"these functions lack an example: {', '.join(lacking)}"
