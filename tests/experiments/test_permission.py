"""A configuration is a program: what it may import, and that nothing else is imported to find that out."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent

import pytest
from typer.testing import CliRunner

from amulet.cli import app
from amulet.core.errors import InvalidParameter
from amulet.experiments import load_experiment, load_pair
from amulet.experiments.registry.building import from_plain
from amulet.experiments.registry.permission import Imports
from amulet.models import ImportedModel

NET = """\
    from torch import nn

    class Wide(nn.Sequential):
        def __init__(self, features=6, hidden=8):
            super().__init__(nn.Linear(features, hidden), nn.ReLU(), nn.Linear(hidden, 2))
    """
LEAVES_A_TRACE = "from pathlib import Path\nPath({place!r}).touch()\ndef train(*a, **k): ...\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder for the file and what lies beside it; what was imported and found there is forgotten afterwards."""
    monkeypatch.setattr(sys, "path", list(sys.path))
    place = tmp_path / "mine"
    place.mkdir()
    before = set(sys.modules)
    yield place
    for name in set(sys.modules) - before:
        if Path(getattr(sys.modules[name], "__file__", None) or "/").is_relative_to(tmp_path):
            del sys.modules[name]


def written(folder: Path, model: str = "LinearNet", dataset: str = "Digits", recipe: str | None = None) -> Path:
    file = folder / "experiment.yaml"
    recipe = recipe or f"Recipe: {{model: {model}}}"
    file.write_text(f"name: x\ndataset: {dataset}\nrecipe:\n  {recipe}\ndefenses: {{}}\n", encoding="utf-8")
    return file


def code(folder: Path, name: str, text: str) -> None:
    place = folder / name
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text(dedent(text), encoding="utf-8")


def refusal(file: Path, *allowed: str) -> str:
    with pytest.raises(InvalidParameter) as caught:
        load_experiment(file, allowed)
    (problem,) = caught.value.problems
    return problem.sentence


@pytest.mark.parametrize(
    "path",
    ["os:system", "sys:exit", "builtins:exec", "subprocess:run", "torch.nn:Linear", "antigravity:fly", "amulet.cli:app",
     "amulet.core.storage.files:write_text",
     "amulet.models:save_weights", "nowhere:there", "posix:system", "importlib:reload"],
)  # fmt: skip
def test_modules_from_elsewhere_are_not_imported(folder: Path, path: str) -> None:
    loaded = set(sys.modules)
    told = refusal(
        written(folder, f"{{ImportedModel: {{path: '{path}', arguments: {{command: 'touch {folder}/ran'}}}}}}")
    )
    assert f"'{path}' is not imported: it is neither in `amulet list`" in told
    assert f"--allow-imports {path.partition(':')[0]}" in told
    assert not (folder / "ran").exists()
    assert not {"antigravity", "nowhere"} & (set(sys.modules) - loaded)


@pytest.mark.parametrize(
    "path",
    [
        "os",
        "",
        ":",
        "os:",
        ":system",
        "os:a.b",
        "../x:y",
        "x/y:z",
        "os:__loader__",
        "a b:c",
        "os system:x",
        f"{'a' * 900}/:x",
    ],
)
def test_what_is_no_import_path_is_refused(folder: Path, path: str) -> None:
    assert "is no import path like 'package.module:name'" in refusal(
        written(folder, f"{{ImportedModel: {{path: '{path}'}}}}")
    )


def test_every_place_of_a_configuration_is_checked(folder: Path) -> None:
    model = "ImportedModel: {path: 'os:system'}"
    assert "'os:system' is not imported" in refusal(
        written(folder, dataset="{ImportedDataset: {function: 'os:system'}}")
    )
    assert "'os:system' is not imported" in refusal(
        written(folder, recipe="TrainingFunction: {function: 'os:system', model: LinearNet}")
    )
    assert "'json:tool' is not imported" in refusal(written(folder, "json.tool"))
    file = folder / "pair.yaml"
    file.write_text(f"name: x\ndataset: Digits\nmodel: {{{model}}}\nbefore: a.pt\nafter: b.pt\n", encoding="utf-8")
    with pytest.raises(InvalidParameter, match="'os:system' is not imported"):
        load_pair(file)
    with pytest.raises(InvalidParameter, match="'os:system' is not imported"):
        from_plain({"amulet.models.imported.ImportedModel": {"path": "os:system"}})


def test_what_lies_beside_the_file_is_imported(folder: Path) -> None:
    code(folder, "my_net.py", NET)
    code(folder, "my_parts/deep/nets.py", NET)
    for path in ("my_net:Wide", "my_parts.deep.nets:Wide"):
        experiment = load_experiment(str(written(folder, f"{{ImportedModel: {{path: '{path}'}}}}")))
        assert experiment.recipe == load_experiment(written(folder, f"{{ImportedModel: {{path: {path}}}}}")).recipe
    assert sys.path[-1] == str(folder)


def test_links_that_lead_out_of_the_folder_do_not_lie_beside(folder: Path, tmp_path: Path) -> None:
    code(tmp_path, "outside.py", LEAVES_A_TRACE.format(place=str(folder / "ran")))
    (folder / "inside.py").symlink_to(tmp_path / "outside.py")
    code(tmp_path / "package", "part.py", LEAVES_A_TRACE.format(place=str(folder / "ran")))
    (folder / "linked").symlink_to(tmp_path / "package")
    for path in ("inside:train", "linked.part:train"):
        assert "is not imported" in refusal(written(folder, f"{{ImportedModel: {{path: '{path}'}}}}"))
    assert not (folder / "ran").exists()


def test_what_a_module_beside_has_from_elsewhere_is_not_called(folder: Path) -> None:
    code(folder, "handy.py", "from subprocess import run\nfrom os import system\nfrom torch.nn import Linear\n")
    for name, home in (("run", "subprocess"), ("system", "posix"), ("Linear", "torch.nn.modules.linear")):
        told = refusal(written(folder, f"{{ImportedModel: {{path: 'handy:{name}'}}}}"))
        assert f"'handy:{name}' is not called: it is defined in '{home}'" in told
    file = written(folder, "{ImportedModel: {path: 'handy:Linear'}}")
    assert load_experiment(file, ["handy:Linear"])
    assert load_experiment(file, ["torch"])


def test_modules_beside_share_their_code(folder: Path) -> None:
    code(folder, "base.py", NET)
    code(folder, "top.py", "from base import Wide\n")
    assert load_experiment(written(folder, "{ImportedModel: {path: 'top:Wide'}}"))


@pytest.mark.parametrize("name", ["random", "numpy", "rich", "amulet"])
def test_a_module_beside_hides_no_other_one(folder: Path, name: str) -> None:
    code(folder, f"{name}.py", LEAVES_A_TRACE.format(place=str(folder / "ran")))
    told = refusal(written(folder, f"{{ImportedModel: {{path: '{name}:train'}}}}"))
    assert f"The module '{name}' beside this file has the name of another one" in told
    code(folder, "fine.py", f"import {name}\n" + dedent(NET))
    assert f"The module '{name}' beside" in refusal(written(folder, "{ImportedModel: {path: 'fine:Wide'}}"))
    assert not (folder / "ran").exists()


def test_a_module_of_another_folder_that_is_loaded_already_is_not_taken_for_it(folder: Path, tmp_path: Path) -> None:
    for place in (folder, tmp_path / "other"):
        code(place, "same_name.py", NET)
    assert load_experiment(written(folder, "{ImportedModel: {path: 'same_name:Wide'}}"))
    told = refusal(written(tmp_path / "other", "{ImportedModel: {path: 'same_name:Wide'}}"))
    assert f"has the name of another one ({folder / 'same_name.py'})" in told


def test_more_is_imported_where_it_is_allowed(folder: Path) -> None:
    file = written(folder, "{ImportedModel: {path: 'torch.nn:Linear', arguments: {in_features: 2, out_features: 2}}}")
    for allowed in ("torch", "torch.nn", "torch.nn:Linear"):
        assert load_experiment(file, [allowed])
    for other in ("torc", "torch.nn:Conv2d", "torch.nn.modules", "Linear"):
        assert "is not imported" in refusal(file, other)


def test_python_sessions_are_not_restricted() -> None:
    assert ImportedModel("torch.nn:Linear", (("in_features", 2), ("out_features", 2))).path == "torch.nn:Linear"


def test_a_module_that_ends_the_program_is_a_problem_like_others(folder: Path) -> None:
    code(folder, "ends.py", "import sys\nsys.exit(0)\n")
    code(folder, "silent.py", "class E(Exception):\n    def __str__(self): raise RuntimeError\nraise E\n")
    assert "SystemExit: 0" in refusal(written(folder, "{ImportedModel: {path: 'ends:Net'}}"))
    assert "an E whose text cannot be had" in refusal(written(folder, "{ImportedModel: {path: 'silent:Net'}}"))
    assert "Nothing goes by the name 'ends.Net'" in refusal(written(folder, "ends.Net"))


def test_plugins_are_imported_by_what_they_list(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    info = tmp_path / "nets_of_others-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: nets-of-others\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[amulet.plugins]\nnets = nets_of_others\n", encoding="utf-8")
    code(tmp_path, "nets_of_others.py", "from os import system\n" + dedent(NET) + "\n__all__ = ['Wide']\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert load_experiment(written(folder, "{ImportedModel: {path: 'nets_of_others:Wide'}}"))
    assert "is not imported" in refusal(written(folder, "{ImportedModel: {path: 'nets_of_others:system'}}"))


def test_the_command_takes_names_with_commas(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    file = written(folder, "{ImportedModel: {path: 'os:system', arguments: {command: 'touch ran'}}}")

    def amulet(*options: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["plan", str(file), *options])
        return done.exit_code, done.output

    code, output = amulet()
    assert code == 1
    assert "allow it with --allow-imports os." in output
    assert not (folder / "ran").exists()
    code, output = amulet("--allow-imports", "json, os system")
    assert code == 2
    assert not (folder / "ran").exists()
    amulet("--allow-imports", "json,os")
    assert (folder / "ran").exists()  # whoever allows it has it run


def test_workers_import_what_the_command_may(folder: Path) -> None:
    code(folder, "my_workers_net.py", NET)
    file = written(
        folder,
        "{ImportedModel: {path: 'my_workers_net:Wide', arguments: {features: 6}}}",
        "{ImportedDataset: {function: 'amulet.testing:toy_dataset'}}",
    )
    file.write_text(file.read_text(encoding="utf-8") + "seeds: 1\n", encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-m", "amulet", "assess", str(file), "--workers", "2"],
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
        cwd=folder.parent, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_the_folder_of_a_file_is_found_from_anywhere(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert Imports.beside(Path("experiment.yaml")).folder == folder.resolve()
