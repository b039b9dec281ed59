"""Mistakes that people make on their first day, each answered by one sentence that names the remedy, or understood."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest
import torch
from sklearn.linear_model import LogisticRegression
from torch import Tensor, nn
from typer.testing import CliRunner

from amulet.cli import app
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import AmuletError, InvalidParameter
from amulet.evasion.attacks import PGD
from amulet.evasion.defenses import AdversarialTraining
from amulet.experiments import load_experiment, load_pair
from amulet.experiments.graph.executors.local import executing
from amulet.membership_inference.attacks import LossThreshold
from amulet.membership_inference.metrics import auc
from amulet.utility import Utility

FILE = """\
name: toy
dataset:
  ImportedDataset: {function: "amulet.testing:toy_dataset"}
recipe:
  Recipe: {model: {LinearNet: {hidden: [8], norm: group}}, epochs: 1}
defenses:
  robust: {AdversarialTraining: {epsilon: 0.1, steps: 2}}
attacks:
  - PGD: {epsilon: 0.1, steps: 3}
seeds: 2
"""
DEFENSES = "defenses:\n  robust: {AdversarialTraining: {epsilon: 0.1, steps: 2}}\n"
ATTACKS = "attacks:\n  - PGD: {epsilon: 0.1, steps: 3}\n"
PAIR = """\
name: pair
dataset: Digits
model: SimpleCNN
before: a.safetensors
after: b.safetensors
attacks: [PGD]
"""


def saved(folder: Path, text: str) -> Path:
    path = folder / "toy.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def told(folder: Path, text: str) -> str:
    with pytest.raises(InvalidParameter) as caught:
        load_experiment(saved(folder, text))
    assert len(caught.value.problems) == 1
    return str(caught.value)


@pytest.mark.parametrize(
    ("defenses", "labels"),
    [
        ("defenses:\n  - AdversarialTraining: {epsilon: 0.1, steps: 2}\n", ["AdversarialTraining"]),
        ("defenses: [AdversarialTraining, DPSGD]\n", ["AdversarialTraining", "DPSGD"]),
        ("defenses: [[AdversarialTraining, EarlyStopping]]\n", ["AdversarialTraining and EarlyStopping"]),
        ("defenses: AdversarialTraining\n", ["AdversarialTraining"]),
        ("defenses:\n  AdversarialTraining: {epsilon: 0.1}\n  DPSGD:\n", ["AdversarialTraining", "DPSGD"]),
        ("defenses:\n  - robust: {AdversarialTraining: {epsilon: 0.1}}\n  - private: DPSGD\n", ["robust", "private"]),
        (
            "defenses:\n  - AdversarialTraining: {epsilon: 0.1}\n  - AdversarialTraining: {epsilon: 0.2}\n",
            ["AdversarialTraining(epsilon=0.1)", "AdversarialTraining(epsilon=0.2)"],
        ),
    ],
)
def test_rows_without_labels_are_labelled_by_their_defenses(tmp_path: Path, defenses: str, labels: list[str]) -> None:
    experiment = load_experiment(saved(tmp_path, FILE.replace(DEFENSES, defenses)))
    assert [row.label for row in experiment.defenses] == labels


def test_a_mistake_in_a_row_without_a_label_is_told_with_its_line(tmp_path: Path) -> None:
    text = FILE.replace(DEFENSES, "defenses:\n  - AdversarialTraining: {epsilom: 0.1}\n")
    assert "toy.yaml:7: " in told(tmp_path, text)
    assert "AdversarialTraining has no 'epsilom'. Did you mean 'epsilon'?" in told(tmp_path, text)


@pytest.mark.parametrize("attacks", ["attacks: PGD\n", "attacks:\n  PGD:\n", "attacks: {PGD: {}}\n"])
def test_one_attack_need_not_be_a_list(tmp_path: Path, attacks: str) -> None:
    assert load_experiment(saved(tmp_path, FILE.replace(ATTACKS, attacks))).attacks == (PGD(),)


def test_several_attacks_need_no_dashes(tmp_path: Path) -> None:
    text = FILE.replace(ATTACKS, "attacks:\n  PGD: {epsilon: 0.1}\n  LossThreshold:\n")
    assert load_experiment(saved(tmp_path, text)).attacks == (PGD(epsilon=0.1), LossThreshold())


def test_a_fraction_is_a_number(tmp_path: Path) -> None:
    (attack,) = load_experiment(saved(tmp_path, FILE.replace("epsilon: 0.1, steps: 3", "epsilon: 8/255"))).attacks
    assert attack == PGD(epsilon=8 / 255)
    assert PGD(epsilon="4 / 255") == PGD(epsilon=4 / 255)  # type: ignore[arg-type]
    with pytest.raises(InvalidParameter, match=r"The 'epsilon' of PGD must be a number\. Got '8/0'\."):
        PGD(epsilon="8/0")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("before", "after", "sentence"),
    [
        (ATTACKS, f"{ATTACKS}  - robust_accuracy\n", "robust_accuracy is a metric; list it under 'metrics'."),
        (ATTACKS, f"{ATTACKS}  - Utility\n", "Utility is an audit; list it under 'audits'."),
        (DEFENSES, "defenses:\n  robust: PGD\n", "PGD is an attack; list it under 'attacks'."),
        ("PGD", "pgd", "Nothing goes by the name 'pgd'. Did you mean 'PGD'?"),
        ("AdversarialTraining", "adversarial-training", "Did you mean 'AdversarialTraining'?"),
        ("epsilon: 0.1, steps: 3", "EPSILON: 0.1", "PGD has no 'EPSILON'. Did you mean 'epsilon'?"),
        ("PGD: {epsilon: 0.1, steps: 3}", "PGD(epsilon=0.1)", "Write the settings behind it, 'PGD: {setting: value}'."),
        ("epsilon: 0.1, steps: 2", "epsilom: [0.1, 0.2], steps: [1, 2]", "AdversarialTraining has no 'epsilom'."),
        ("hidden: [8]", "hidden: 8", "The 'hidden' of LinearNet must be a list. Got 8."),
        ("seeds: 2", "seeds: two", "The 'seeds' of Experiment must be a whole number. Got 'two'."),
    ],
)
def test_what_stands_in_the_wrong_place_is_told_where_to_put_it(
    tmp_path: Path, before: str, after: str, sentence: str
) -> None:
    assert sentence in told(tmp_path, FILE.replace(before, after))


def test_a_file_of_another_subcommand_names_that_subcommand(tmp_path: Path) -> None:
    assert "describes a pair of trained models: run `amulet compare " in told(tmp_path, PAIR)
    with pytest.raises(InvalidParameter, match="describes an experiment: run `amulet assess "):
        load_pair(saved(tmp_path, FILE))


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda net, data: PGD().attack(net, data), "The 'data' of PGD must be .* such as dataset.test. Got 'AmuletDa"),
        (lambda net, data: Utility().audit(net, data), "such as dataset.test. Got 'AmuletDataset'."),
        (lambda net, data: LossThreshold().attack(net, data, data.test), "such as dataset.train. Got 'AmuletDataset'."),
    ],
)
def test_a_whole_data_set_in_place_of_its_records(
    dataset: AmuletDataset, wrong: Callable[[nn.Module, AmuletDataset], object], sentence: str
) -> None:
    with pytest.raises(AmuletError, match=sentence):
        wrong(nn.Linear(5, 2), dataset)


class Estimator(nn.Module):
    """A classifier of scikit-learn, as docs/guide/own.md wraps it."""

    def __init__(self, estimator: LogisticRegression) -> None:
        super().__init__()
        self.estimator = estimator

    def forward(self, x: Tensor) -> Tensor:
        return torch.as_tensor(self.estimator.predict_proba(x.numpy())).float().clamp_min(1e-12).log()


def test_an_estimator_of_scikit_learn_is_told_how_to_become_a_model(dataset: AmuletDataset) -> None:
    estimator = LogisticRegression().fit(dataset.train.x.numpy(), dataset.train.y.numpy())

    with pytest.raises(InvalidParameter, match=r"Got a LogisticRegression; let the forward method .* predict_proba"):
        PGD().attack(estimator, dataset.test)
    assert 0.4 < float(auc(LossThreshold().attack(Estimator(estimator), dataset.train, dataset.test))) < 0.7  # type: ignore[arg-type]
    with pytest.raises(InvalidParameter, match="needs the gradient"):
        PGD().attack(Estimator(estimator), dataset.test)


def test_apples_gpu_is_told_in_a_sentence(tmp_path: Path) -> None:
    ended = CliRunner().invoke(app, ["plan", str(saved(tmp_path, FILE)), "--device", "mps"])
    assert ended.exit_code == 2
    assert 'must be "cpu" or a CUDA device such as "cuda:0", since "mps" has no float64' in ended.output


SCRIPT = """\
from amulet.experiments import assess, load_experiment

assess(load_experiment("toy.yaml"), workers=2, store="store")
"""


def test_a_script_without_the_main_guard_is_told_to_have_one(tmp_path: Path) -> None:
    saved(tmp_path, FILE)
    script = tmp_path / "script.py"
    script.write_text(dedent(SCRIPT), encoding="utf-8")

    ended = subprocess.run([sys.executable, script], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert ended.returncode == 1
    assert '`if __name__ == "__main__":`' in ended.stderr.splitlines()[-1]
    assert ended.stderr.count("Traceback") == 1  # none of the worker processes


def test_a_script_from_standard_input_is_told_to_be_saved(monkeypatch: pytest.MonkeyPatch) -> None:
    main = ModuleType("__main__")
    main.__file__, main.__spec__ = "<stdin>", None
    monkeypatch.setitem(sys.modules, "__main__", main)
    with pytest.raises(AmuletError, match="Save it in a file, or ask for workers=1"), executing(2):
        pass


def test_progress_goes_to_standard_error_with_the_time_left(tmp_path: Path) -> None:
    path = saved(tmp_path, FILE)
    store = ["--store", str(tmp_path / "store"), "--out", str(tmp_path / "out"), "--workers", "1"]

    ended = CliRunner().invoke(app, ["assess", str(path), *store])

    assert ended.exit_code == 0
    assert "tasks done, about 1 s left" in ended.stderr
    assert "tasks done" not in ended.stdout
    assert "Report: " in ended.stdout


def test_the_row_of_a_list_is_the_defense_as_written(tmp_path: Path) -> None:
    text = FILE.replace(DEFENSES, "defenses:\n  - AdversarialTraining: {epsilon: 8/255, steps: 2}\n")
    (row,) = load_experiment(saved(tmp_path, text)).defenses
    assert row.defenses == (AdversarialTraining(epsilon=8 / 255, steps=2),)
