"""A whole assessment that takes a second: toy data, two rows, two seeds."""

from pathlib import Path

import pytest

from amulet.core.split import Split
from amulet.datasets import ImportedDataset
from amulet.discriminatory_behavior import Discrimination
from amulet.evasion.attacks import PGD
from amulet.evasion.defenses import AdversarialTraining
from amulet.experiments import Experiment, Row, Store
from amulet.membership_inference.attacks import LiRA, LossThreshold
from amulet.membership_inference.defenses import DPSGD
from amulet.models import LinearNet
from amulet.training import Recipe
from amulet.utility import Utility


@pytest.fixture(scope="session")
def experiment() -> Experiment:
    return Experiment(
        name="toy",
        dataset=ImportedDataset("amulet.testing:toy_dataset"),
        recipe=Recipe(LinearNet((8,), norm="group"), epochs=2, batch_size=32),
        defenses=(
            Row("adversarial training", (AdversarialTraining(epsilon=0.1, steps=2),)),
            Row("dp-sgd", (DPSGD(epsilon=None, noise_multiplier=1.0, delta=1e-3),)),
        ),
        attacks=(PGD(epsilon=0.1, steps=3), LossThreshold(), LiRA(shadows=4)),
        audits=(Utility(), Discrimination("sex")),
        seeds=2,
        split=Split(validation=0.0),
    )


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")
