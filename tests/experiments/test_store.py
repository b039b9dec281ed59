"""The store gives back what was put in, and never anything else."""

import logging
import shutil
from pathlib import Path

import pytest
import torch

from amulet.experiments import BASELINE, Experiment, Store, plan
from amulet.experiments.assess import carry_out, prepare, verified
from amulet.experiments.graph.runner import compute
from amulet.experiments.graph.store import Damaged, State
from amulet.experiments.planning.plan import Plan


@pytest.fixture(scope="module")
def computed(experiment: Experiment, tmp_path_factory: pytest.TempPathFactory) -> tuple[Plan, Path]:
    """The experiment once, and the store that it lies in."""
    planned, store = plan(experiment), Store(tmp_path_factory.mktemp("computed"))
    carry_out(planned, store, workers=1)
    return planned, store.root


@pytest.fixture
def planned(computed: tuple[Plan, Path], store: Store) -> Plan:
    """Its plan, with a copy of its results in the store that a test may harm."""
    planned, root = computed
    shutil.copytree(root, store.root, dirs_exist_ok=True)
    return planned


def files(store: Store, kind: str) -> list[Path]:
    return sorted((store.root / kind).glob("*/*"))


def test_a_trained_model_comes_back_with_its_facts(planned: Plan, store: Store) -> None:
    task = planned.target("dp-sgd", seed=0)
    fresh = task.compute(store)

    stored = store.load(task)

    assert stored.facts["epsilon"] == pytest.approx(fresh.facts["epsilon"])
    for name, tensor in fresh.model.state_dict().items():
        assert torch.equal(stored.model.state_dict()[name], tensor)


def test_the_data_set_comes_back_as_it_was(planned: Plan, store: Store) -> None:
    assert store.load(planned.source).content == planned.dataset.content


def test_a_result_carries_its_manifest(planned: Plan, store: Store) -> None:
    manifest = store.manifest(planned.target(BASELINE, seed=0))
    assert manifest is not None

    assert manifest["spec"]["amulet.experiments.graph.tasks.Train"]["seed"] == 0
    assert "torch" in manifest["made"]["packages"]
    assert manifest["made"]["seconds"] > 0


@pytest.mark.parametrize("kind", ["results", "tensors"])
@pytest.mark.parametrize("damage", ["truncated", "altered", "emptied"])
def test_damage_is_noticed_named_and_mended(
    planned: Plan, store: Store, kind: str, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    before = carry_out(planned, store, workers=1)[1].to_json()
    victim = files(store, kind)[3]
    content = victim.read_bytes()
    harmed = {"truncated": content[:-7], "altered": content[:-9] + b"123456789", "emptied": b""}[damage]
    victim.write_bytes(harmed)

    with caplog.at_level(logging.WARNING):
        verified(planned, store)
        after = carry_out(planned, store, workers=1)[1].to_json()

    assert "is damaged and will be computed again" in caplog.text
    assert after == before
    states = verified(planned, store)
    assert State.DAMAGED not in states.values()
    assert planned.missing(states) == ()


def test_a_missing_tensor_file_is_damage(planned: Plan, store: Store) -> None:
    for file in files(store, "tensors"):
        file.unlink()

    with pytest.raises(Damaged, match="is gone"):
        store.load(planned.target(BASELINE, seed=0))


def test_a_result_under_a_wrong_name_is_not_trusted(planned: Plan, store: Store) -> None:
    first, second = planned.target(BASELINE, seed=0), planned.target(BASELINE, seed=1)
    place = store.root / "results" / first.digest[:2] / f"{first.digest}.json"
    place.write_bytes((store.root / "results" / second.digest[:2] / f"{second.digest}.json").read_bytes())

    assert store.verify(first) is State.DAMAGED


def test_leftovers_of_a_killed_writer_are_no_results(experiment: Experiment, store: Store) -> None:
    planned = plan(experiment)
    prepare(planned, store)
    task = planned.target(BASELINE, seed=0)
    folder = store.root / "results" / task.digest[:2]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / ".partial-x").write_bytes(b"{")

    assert store.state(task) is State.ABSENT
    compute(task, store)
    assert store.state(task) is State.PRESENT
