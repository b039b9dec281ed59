"""The notebook runs from its first cell to its last, and says what its page says."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from amulet.experiments.registry import description
from amulet.experiments.registry.plugins import Kind, plugins

ROOT = Path(__file__).parents[2]
NOTEBOOK = ROOT / "docs" / "guide" / "my_defense.ipynb"
MAGIC = "%%writefile "


def code_cells() -> list[str]:
    cells: list[dict[str, Any]] = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    assert not any(cell.get("outputs") for cell in cells)  # they would go stale
    return ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]


def test_every_cell_of_the_notebook_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    names: dict[str, Any] = {}
    for code in code_cells():
        if code.startswith(MAGIC):
            file, _, content = code.removeprefix(MAGIC).partition("\n")
            Path(file).write_text(content, encoding="utf-8")
        else:
            exec(compile(code, "cell", "exec"), names)  # noqa: S102 - the project's own notebook
    told = capsys.readouterr().out
    assert "LabelSmoothing(smoothing=0) trains with TrainingFunction" in told
    assert "mine" in told
    assert "no smoothing" in told


def test_the_notebook_has_the_code_of_its_page() -> None:
    page = NOTEBOOK.with_suffix(".md").read_text(encoding="utf-8")
    blocks = [block.rstrip("\n") for block in re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)]
    cells = [code.replace(MAGIC, "# ") for code in code_cells()]
    assert cells == blocks


def test_the_table_of_outcomes_is_complete() -> None:
    page = (ROOT / "docs" / "contributing.md").read_text(encoding="utf-8")
    for plugin in plugins():
        if plugin.kind in {Kind.ATTACK, Kind.AUDIT}:
            found = description.outcome(plugin)
            assert found is not None
            fields = ", ".join(f"`{entry.name}`" for entry in found[1])
            assert f".{found[0]}` | {fields} |" in page
