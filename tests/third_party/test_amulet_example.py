"""Somebody else's package: one short file a plug-in, checked with the kit, found, listed and used from YAML."""

import os
import subprocess
import sys
from pathlib import Path
from textwrap import dedent

import pytest

from amulet.experiments import assess, load_experiment
from amulet.testing import check_attack, check_defense, check_metric
from amulet_example import CalibratedLoss, GaussianNoise, NoisyTraining, worst_class_robustness

HERE = Path(__file__).parent


def test_they_keep_the_promises_of_their_kinds() -> None:
    check_attack(GaussianNoise())
    check_attack(CalibratedLoss())
    check_defense(NoisyTraining())
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
        [sys.executable, "-m", "amulet.cli", "list"],
        env=os.environ | {"PYTHONPATH": f"{installed}{os.pathsep}{HERE}", "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout

    for name in ("CalibratedLoss", "GaussianNoise", "NoisyTraining", "worst_class_robustness"):
        assert name in listing
