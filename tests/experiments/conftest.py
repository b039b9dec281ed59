"""A whole assessment that takes a second: toy data, two rows, two seeds."""

import shutil
from pathlib import Path

import pytest

from amulet.core.split import Split
from amulet.datasets import ImportedDataset
from amulet.discriminatory_behavior import Discrimination
from amulet.evasion.attacks import PGD
from amulet.evasion.defenses import AdversarialTraining
from amulet.experiments import Experiment, Plan, Row, Store, plan
from amulet.experiments.assess import carry_out
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


@pytest.fixture(scope="session")
def small() -> Experiment:
    """One row, one attack and one audit, on one seed: about ten tasks."""
    return Experiment(
        name="small",
        dataset=ImportedDataset("amulet.testing:toy_dataset"),
        recipe=Recipe(LinearNet((8,)), epochs=1, batch_size=64),
        defenses=(),
        attacks=(PGD(epsilon=0.1, steps=1),),
        audits=(Utility(),),
        seeds=1,
        split=Split(validation=0.0),
    )


@pytest.fixture(scope="session")
def computed_small(small: Experiment, tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Store]:
    """The plan of `small`, and a store with its results that tests leave as it is."""
    planned, store = plan(small), Store(tmp_path_factory.mktemp("small"))
    carry_out(planned, store, workers=1)
    return planned, store


@pytest.fixture
def finished(computed_small: tuple[Plan, Store], tmp_path: Path) -> tuple[Plan, Store]:
    """The plan of `small`, and a copy of its store that a test may harm."""
    planned, store = computed_small
    return planned, Store(shutil.copytree(store.root, tmp_path / "finished"))
