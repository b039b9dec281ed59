"""Two checkpoints on disk: read without running code, described in YAML, compared by the command."""

import json
import re
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import save_file
from torch import nn
from typer.testing import CliRunner

from amulet.cli import app
from amulet.core.errors import InvalidParameter
from amulet.experiments import PairResults, load_pair
from amulet.experiments.pairs.checkpoint import Trained
from amulet.experiments.pairs.specification import Pair, compare_checkpoints
from amulet.models import LinearNet
from amulet.models.weights import Unreadable
from amulet.report.pages.pair_page import render_pair
from amulet.testing import toy_dataset

SMALL, WIDE = LinearNet((8,), norm="group"), LinearNet((16,), norm="none")
SCHEMA = toy_dataset().schema
WHOLE = {
    "name": "toy",
    "dataset": {"ImportedDataset": {"function": "amulet.testing:toy_dataset"}},
    "model": {"LinearNet": {"hidden": [8], "norm": "group"}},
    "before": "before.safetensors",
    "after": "after.pt",
    "attacks": ["LossThreshold"],
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two sets of weights of one architecture, a third of another, and a YAML file beside them."""
    monkeypatch.chdir(tmp_path)
    place = tmp_path / "mine"
    place.mkdir()
    torch.manual_seed(0)
    save_file(SMALL.build(SCHEMA).state_dict(), place / "before.safetensors")
    torch.save(SMALL.build(SCHEMA).state_dict(), place / "after.pt")
    torch.save(WIDE.build(SCHEMA).state_dict(), place / "wide.pth")
    write(place, WHOLE)
    return place


def write(folder: Path, document: object) -> Path:
    (folder / "pair.yaml").write_text(yaml.safe_dump(document, sort_keys=False), encoding="utf-8")
    return folder / "pair.yaml"


def problems(folder: Path, document: object) -> list[str]:
    """What is wrong with a file, each with its line but without the path."""
    path = write(folder, document)
    with pytest.raises(InvalidParameter) as found:
        load_pair(path)
    return [problem.sentence.removeprefix(f"{path}:") for problem in found.value.problems]


def amulet(*arguments: object, code: int = 0) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "120"})
    assert result.exit_code == code, result.output
    return result.output


def test_the_whole_path_of_a_user(folder: Path) -> None:
    output = amulet("compare", folder / "pair.yaml")
    assert "Utility, then 1600 resamples" in output
    assert "This pair of models only" in output
    assert "attack AUC" in output

    results = PairResults.read(Path("runs/toy"))
    manifest = json.loads(Path("runs/toy/manifest.json").read_text(encoding="utf-8"))
    page = Path("runs/toy/report.html")
    written = page.read_text(encoding="utf-8")
    assert written == render_pair(results, manifest)
    page.unlink()
    assert "attack AUC" in amulet("report", "runs/toy")
    assert "Attack AUC" in amulet("report", "runs/toy", "--details")
    assert page.read_text(encoding="utf-8") == written


def test_one_architecture_is_written_once_or_beside_each_file(folder: Path) -> None:
    once = load_pair(folder / "pair.yaml")
    assert once.before == Trained(SMALL, "before.safetensors")
    beside = {name: value for name, value in WHOLE.items() if name != "model"}
    beside["before"] = {"model": WHOLE["model"], "weights": "before.safetensors"}
    beside["after"] = {"model": {"LinearNet": {"hidden": [16], "norm": "none"}}, "weights": "wide.pth"}
    pair = load_pair(write(folder, beside))
    assert pair.after == Trained(WIDE, "wide.pth")
    results, manifest = compare_checkpoints(pair, folder)
    assert [facts.parameters for facts in results.models] == [8 * 7 + 16 + 18, 16 * 7 + 34]
    assert manifest["device"] == "cpu"


def test_every_problem_has_its_line(folder: Path) -> None:
    document = WHOLE | {"before": "a.b", "attacks": ["LiRA"], "split": {"members": 2}, "seeds": 3}
    assert problems(folder, document) == [
        "10: before.weights: The 'weights' of Trained must be a file that ends in .safetensors, .pt, .pth. Got 'a.b'.",
        "15: split.members: The 'members' of Split must be less than 1. Got 2.",
        "16: seeds: Pair has no 'seeds'. Did you mean 'seed'?",
    ]
    shadows, few = problems(folder, WHOLE | {"attacks": ["LiRA"], "resamples": 10})
    assert shadows.startswith("13: attacks: LiRA needs 16 shadow models")
    assert few.startswith("14: resamples: The 'resamples' of Questions must be at least 1600")


@pytest.mark.parametrize(
    ("document", "sentence"),
    [
        (WHOLE | {"model": "LinearNett"}, "5: model: Nothing goes by the name 'LinearNett'."),
        ({**WHOLE, "model": None}, "5: model: Write a name"),
        ({name: value for name, value in WHOLE.items() if name != "model"}, "5: before: Name the architecture"),
        (
            {name: value for name, value in WHOLE.items() if name != "after"},
            "1: the document: The 'after' of Pair must be given",
        ),
        (WHOLE | {"before": 3}, "before: "),
        (
            WHOLE | {name: {"model": "LinearNet", "weights": "x.pt"} for name in ("before", "after")},
            "6: model: This 'model' has no effect",
        ),
    ],
    ids=["unknown model", "no model", "model left out", "one file only", "a number", "model without use"],
)
def test_what_is_wrong_is_told_once(folder: Path, document: object, sentence: str) -> None:
    [found] = problems(folder, document)
    assert sentence in found


def test_both_files_that_cannot_be_used_are_told(folder: Path) -> None:
    pair = load_pair(write(folder, WHOLE | {"before": "wide.pth", "after": "gone.safetensors"}))
    with pytest.raises(InvalidParameter) as found:
        compare_checkpoints(pair, folder)
    [other, gone] = [problem.sentence for problem in found.value.problems]
    assert re.search(
        r"wide.pth' do not fit Sequential: .*1.weight is float32 \(16, 6\) instead of float32 \(8, 6\)", other
    )
    assert re.search(r"There is no file '.*gone.safetensors'\.", gone)


def test_a_file_that_could_run_code_is_refused(folder: Path) -> None:
    torch.save(SMALL.build(SCHEMA), folder / "whole.pt")
    with pytest.raises(Unreadable, match=r"holds more than tensors, and reading it could run code\. Save the weights"):
        Trained(SMALL, "whole.pt").load(SCHEMA, folder)


@pytest.mark.parametrize("name", ["broken.safetensors", "broken.pt"])
def test_a_file_that_is_something_else_is_refused(folder: Path, name: str) -> None:
    (folder / name).write_bytes(b"no weights")
    with pytest.raises(Unreadable, match=name):
        Trained(SMALL, name).load(SCHEMA, folder)


def test_a_checkpoint_that_holds_weights_among_other_things_says_what_it_holds(folder: Path) -> None:
    torch.save({"epoch": 3, "model_state_dict": SMALL.build(SCHEMA).state_dict()}, folder / "training.pt")
    with pytest.raises(Unreadable, match="It holds the keys epoch, model_state_dict"):
        Trained(SMALL, "training.pt").load(SCHEMA, folder)


def test_weights_come_back_as_they_were(folder: Path) -> None:
    model = Trained(SMALL, "after.pt").load(SCHEMA, folder)
    saved = torch.load(folder / "after.pt", weights_only=True)
    assert isinstance(model, nn.Module)
    assert not model.training
    assert all(torch.equal(tensor, saved[name]) for name, tensor in model.state_dict().items())


def test_a_report_of_another_version_says_what_to_do(folder: Path) -> None:
    (folder / "results.json").write_text('{"kind": "pair", "format": 0}', encoding="utf-8")
    (folder / "manifest.json").write_text("{}", encoding="utf-8")
    assert "Run `amulet compare` again" in amulet("report", folder, code=1)


def test_a_pair_is_named_as_a_folder_can_be(folder: Path) -> None:
    pair = load_pair(folder / "pair.yaml")
    with pytest.raises(InvalidParameter, match="names a folder"):
        Pair("..", pair.dataset, pair.before, pair.after)
