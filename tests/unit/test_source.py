"""Digests across processes, and of code outside Amulet: an edit is another value, a move is not."""

from collections.abc import Callable
from pathlib import Path

import pytest

import amulet
from amulet.core.split import ShadowDraw, Split
from amulet.core.user_code.source import amulet_digest
from amulet.training import DPSGD, Adam

RunPython = Callable[..., str]

SPEC = """
from dataclasses import dataclass
from amulet.core.spec import Spec
{imports}
@dataclass(frozen=True)
class Mine(Spec):
    size: float = {size}
"""
DIGEST_OF_MINE = "import {module}; print({module}.Mine(size=1).digest)"


def write(folder: Path, module: str, size: float = 1.0, imports: str = "") -> str:
    """Write a module with a spec; the code that prints its digest."""
    path = folder.joinpath(*module.split(".")).with_suffix(".py")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(SPEC.format(size=size, imports=imports), encoding="utf-8")
    return DIGEST_OF_MINE.format(module=module)


def test_a_digest_is_the_same_in_every_process(run_python: RunPython) -> None:
    code = "from amulet.core.split import Split, ShadowDraw; print(ShadowDraw(Split(seed=3), 5).digest)"
    assert run_python(code) == ShadowDraw(Split(seed=3), 5).digest


def test_an_edit_of_the_users_module_is_another_digest(run_python: RunPython, tmp_path: Path) -> None:
    before = run_python(write(tmp_path, "mine"))
    after = run_python(write(tmp_path, "mine", imports="# the same fields come to mean something else\n"))
    assert before != after


def test_an_edit_of_a_module_that_the_users_module_imports_is_another_digest(
    run_python: RunPython, tmp_path: Path
) -> None:
    code = write(tmp_path, "mine", imports="import helper\n")
    (tmp_path / "helper.py").write_text("NUMBER = 1\n", encoding="utf-8")
    before = run_python(code)
    (tmp_path / "helper.py").write_text("NUMBER = 2\n", encoding="utf-8")
    assert run_python(code) != before


@pytest.mark.parametrize("imports", ["from lab import helper\n", "from .helper import NUMBER\n"])
@pytest.mark.parametrize("with_init", [True, False])
def test_packages_of_the_user_are_followed(
    run_python: RunPython, tmp_path: Path, imports: str, with_init: bool
) -> None:
    code = write(tmp_path, "lab.mine", imports=imports)
    (tmp_path / "lab/helper.py").write_text("NUMBER = 1\n", encoding="utf-8")
    if with_init:
        (tmp_path / "lab/__init__.py").write_text("", encoding="utf-8")
    before = run_python(code)
    (tmp_path / "lab/helper.py").write_text("NUMBER = 2\n", encoding="utf-8")
    assert run_python(code) != before


def test_a_late_import_counts_whether_it_has_happened_or_not(run_python: RunPython, tmp_path: Path) -> None:
    code = write(tmp_path, "mine", imports="def late():\n    import helper\n    return helper.NUMBER\n")
    (tmp_path / "helper.py").write_text("NUMBER = 1\n", encoding="utf-8")
    before = run_python(code)
    assert run_python(f"import helper; {code}") == before
    (tmp_path / "helper.py").write_text("NUMBER = 2\n", encoding="utf-8")
    assert run_python(code) != before


def test_the_folder_does_not_matter(run_python: RunPython, tmp_path: Path) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    code = write(here, "mine")
    write(there, "mine")
    assert run_python(code, folder=here) == run_python(code, folder=there)


def test_code_without_a_file_is_refused_with_the_remedy(run_python: RunPython) -> None:
    code = SPEC.format(size=1.0, imports="") + (
        "from amulet.core.errors import AmuletError\n"
        "try:\n    Mine().digest\nexcept AmuletError as error:\n    print(error)\n"
    )
    assert run_python(code) == (
        "Code defined in '__main__' has no source file, so a change to it could not be noticed. "
        "Put it in a .py file and import it from there."
    )


def test_packages_that_modules_lie_in_are_followed(run_python: RunPython, tmp_path: Path) -> None:
    """A package's `__init__` runs before its modules, whether they import it or not."""
    code = write(tmp_path, "lab.inner.mine", imports="import other.deep.helper\n")
    for file in ("lab/__init__.py", "lab/inner/__init__.py", "other/__init__.py", "other/deep/__init__.py"):
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / file).write_text("LR = 1\n", encoding="utf-8")
    (tmp_path / "other/deep/helper.py").write_text("", encoding="utf-8")
    digests = [run_python(code)]
    for file in ("lab/__init__.py", "lab/inner/__init__.py", "other/__init__.py", "other/deep/__init__.py"):
        (tmp_path / file).write_text("LR = 2\n", encoding="utf-8")
        digests.append(run_python(code))
    assert len(set(digests)) == 5


def test_installed_packages_that_the_users_module_imports_count_by_release(
    run_python: RunPython, tmp_path: Path
) -> None:
    """They are found wherever an installer has put them, and compiled code of the user's own counts by its bytes."""
    code = write(tmp_path, "mine", imports="def late():\n    import fake.part\n")
    home = tmp_path / "elsewhere" / "site-packages"
    (home / "fake").mkdir(parents=True)
    (home / "fake" / "__init__.py").write_text("", encoding="utf-8")
    information = home / "fake-1.0.dist-info"
    information.mkdir()
    (information / "top_level.txt").write_text("fake\n", encoding="utf-8")
    code = f"import sys; sys.path.append({str(home)!r}); {code}"
    digests = []
    for release in ("1.0", "2.0"):
        (information / "METADATA").write_text(f"Name: fake\nVersion: {release}\n", encoding="utf-8")
        digests.append(run_python(code))
    (home / "fake" / "__init__.py").write_text("# a file of the package is not read\n", encoding="utf-8")
    assert digests[0] != digests[1] == run_python(code)


def test_a_module_that_cannot_be_parsed_or_imported_is_no_obstacle(run_python: RunPython, tmp_path: Path) -> None:
    code = write(tmp_path, "mine", imports="def late():\n    import ending.part, broken\n")
    (tmp_path / "broken.py").write_text("def (:\n", encoding="utf-8")
    (tmp_path / "ending").mkdir()
    (tmp_path / "ending/__init__.py").write_text("import sys\nsys.exit(0)\n", encoding="utf-8")
    assert len(run_python(code)) == 64


def test_the_releases_that_decide_a_number_are_part_of_the_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    """Opacus finds the noise of DP-SGD; nothing else rests on it."""
    monkeypatch.setattr("amulet.core.spec.version", lambda name: f"{name} 1")
    before = DPSGD().digest, Adam().digest
    monkeypatch.setattr("amulet.core.spec.version", lambda name: f"{name} 2")
    after = DPSGD().digest, Adam().digest
    assert before[0] != after[0]
    assert before[1] == after[1]


def test_the_digest_of_amulet_covers_its_files_in_every_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in ("__init__.py", "evasion/attack.py"):
        (tmp_path / file).parent.mkdir(exist_ok=True)
        (tmp_path / file).write_text("")
    monkeypatch.setattr(amulet, "__file__", str(tmp_path / "__init__.py"))
    found = {amulet_digest()}
    for file in ("__init__.py", "evasion/attack.py", "evasion/another.py"):
        (tmp_path / file).write_text("edited = True")
        found.add(amulet_digest())
    assert len(found) == 4
