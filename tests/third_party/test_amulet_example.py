"""Somebody else's package: one short file a plug-in, checked with the kit, found, listed and used from YAML."""

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest
import torch
from torch import nn

from amulet.core.data import Data
from amulet.core.errors import InvalidParameter
from amulet.core.threat import Access, Adversary
from amulet.core.trainable import Defense
from amulet.evasion import EvasionAttack
from amulet.evasion.defenses import AdversarialTraining
from amulet.experiments import Experiment, Row, assess, load_experiment, plan
from amulet.experiments.graph.tasks import Train
from amulet.membership_inference.defenses import EarlyStopping
from amulet.models import LinearNet
from amulet.poisoning.defenses import OutlierRemoval
from amulet.testing import check_attack, check_defense, check_metric, toy_dataset
from amulet.training import Recipe
from amulet.utility import Utility
from amulet_example import (
    CalibratedLoss,
    FastGradientSign,
    GaussianNoise,
    NoisyTraining,
    SmoothedLabels,
    worst_class_robustness,
)

HERE = Path(__file__).parent


def test_they_keep_the_promises_of_their_kinds() -> None:
    check_attack(GaussianNoise())
    check_attack(FastGradientSign())
    check_attack(CalibratedLoss())
    check_defense(NoisyTraining())
    check_defense(SmoothedLabels())
    check_metric(worst_class_robustness)


def test_each_is_one_short_file() -> None:
    lengths = [len(path.read_text(encoding="utf-8").splitlines()) for path in (HERE / "amulet_example").glob("*.py")]
    assert max(lengths) <= 40


def test_they_are_used_from_yaml_by_import_path(tmp_path: Path) -> None:
    (tmp_path / "third.yaml").write_text(
        dedent("""\
        name: third
        dataset:
          ImportedDataset: {function: "amulet.testing:toy_dataset"}
        recipe:
          Recipe: {model: {LinearNet: {hidden: [8], norm: group}}, epochs: 2}
        defenses:
          noisy: {amulet_example.NoisyTraining: {sigma: 0.2}}
        attacks:
          - amulet_example.GaussianNoise
        metrics:
          - amulet_example.worst_class_robustness
        seeds: 1
        """),
        encoding="utf-8",
    )

    results = assess(load_experiment(tmp_path / "third.yaml", ["amulet_example"]), store=tmp_path / "store", workers=1)

    measured = results.frame.query("metric == 'worst_class_robustness'")
    assert set(measured.row) == {"undefended", "noisy"}
    assert measured.value.between(0, 1).all()


@pytest.fixture
def installed(tmp_path: Path) -> Path:
    """The package's metadata as an installer would write them, with its entry point."""
    info = tmp_path / "amulet_example-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: amulet-example\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[amulet.plugins]\nexample = amulet_example\n", encoding="utf-8")
    return tmp_path


def test_installed_they_are_listed(installed: Path) -> None:
    listing = subprocess.run(
        [sys.executable, "-m", "amulet", "list"],
        env=os.environ | {"PYTHONPATH": f"{installed}{os.pathsep}{HERE}", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    for name in ("CalibratedLoss", "GaussianNoise", "NoisyTraining", "worst_class_robustness"):
        assert name in listing


EPSILON = 0.05


def test_one_step_is_the_worst_case_of_a_linear_model() -> None:
    data = toy_dataset()
    net = nn.Linear(6, 2)
    gap = (net.weight[1] - net.weight[0]).detach()
    sign = torch.where(data.test.y == 1, -1.0, 1.0)[:, None]
    worst = (data.test.x + EPSILON * sign * gap.sign()).clamp(0, 1)

    outcome = FastGradientSign(epsilon=EPSILON).attack(net, data.test)

    right = outcome.clean == outcome.labels
    assert torch.equal(outcome.adversarial[right], net(worst).argmax(1)[right])


def experiment(*defenses: Defense) -> Experiment:
    recipe = Recipe(LinearNet((8,), norm="group"), epochs=2, batch_size=32)
    return Experiment("own-loop", None, recipe, (Row("own", defenses),), audits=(Utility(),), seeds=1)


def test_a_training_loop_of_its_own_is_told_in_the_plan() -> None:
    planned = plan(experiment(SmoothedLabels()), toy_dataset())
    assert any("SmoothedLabels trains with TrainingFunction" in notice for notice in planned.notices)


@pytest.mark.parametrize("other", [AdversarialTraining(epsilon=0.1, steps=2), EarlyStopping()])
def test_a_training_loop_of_its_own_does_not_drop_other_defenses_in_silence(other: Defense) -> None:
    with pytest.raises(InvalidParameter, match=r"SmoothedLabels replaces the training that .* would not act"):
        plan(experiment(other, SmoothedLabels()), toy_dataset())


def test_a_training_loop_of_its_own_keeps_what_prepares_the_data() -> None:
    removal = OutlierRemoval(percent=10)
    planned = plan(experiment(removal, SmoothedLabels()), toy_dataset())
    assert any(removal in getattr(task.recipe, "stages", ()) for task in planned.tasks if isinstance(task, Train))


class Undecorated(EvasionAttack):
    """An attack without @dataclass, whose field is none."""

    needs = Access.LABELS
    sigma: float = 0.1

    def perturb(self, adversary: Adversary, victims: Data) -> torch.Tensor:
        """Nothing."""
        del adversary
        return victims.x


def test_a_class_without_the_decorator_is_refused() -> None:
    with pytest.raises(AssertionError, match=r"Undecorated must be a frozen dataclass \(@dataclass\(frozen=True\)\)"):
        check_attack(Undecorated())
