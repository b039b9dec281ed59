"""Data sets in an experiment: found by any spelling of their names, kept in the store without a copy."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import amulet
from amulet.core.errors import AmuletError
from amulet.datasets import CelebA, Census, FashionMNIST, from_arrays
from amulet.evasion.attacks import PGD
from amulet.experiments import Store, assess, load_experiment
from amulet.experiments.graph.store import State
from amulet.experiments.graph.tasks import Source
from amulet.experiments.planning.experiment import Experiment
from amulet.experiments.registry.plugins import find
from amulet.membership_inference.attacks import LossThreshold
from amulet.training import Recipe

RealData = Callable[[str], Path]
EXAMPLE = Path(__file__).parents[2] / "examples" / "quickstart.yaml"


@pytest.mark.parametrize(
    ("name", "spec"),
    [("census", Census), ("Census", Census), ("fashion-mnist", FashionMNIST), ("fashion_mnist", FashionMNIST),
     ("CELEBA", CelebA)],
)  # fmt: skip
def test_a_data_set_is_found_by_any_spelling_of_its_name(name: str, spec: type) -> None:
    assert find(name) is spec


def test_only_data_sets_are_found_so() -> None:
    with pytest.raises(AmuletError, match="Nothing goes by the name 'dpsgd'"):
        find("dpsgd")


def census_example(tmp_path: Path) -> Experiment:
    """The demo on Census; one over its delta of 1e-4 must stay above the number of members."""
    text = EXAMPLE.read_text(encoding="utf-8").replace(
        "dataset: Mortgages", "dataset:\n  census: {train_records: 20000}"
    )
    (tmp_path / "census.yaml").write_text(text, encoding="utf-8")
    return load_experiment(tmp_path / "census.yaml")


def test_the_demo_runs_on_census(tmp_path: Path, real_data: RealData) -> None:
    """With one seed, two epochs, few records and without shadow models, so that it takes seconds."""
    root = str(real_data("adult/adult.data").parents[1])
    whole = census_example(tmp_path)
    assert whole.dataset == Census(train_records=20000)
    assert isinstance(whole.recipe, Recipe)
    short = replace(
        whole,
        dataset=Census(root=root, train_records=2000, test_records=500),
        recipe=replace(whole.recipe, epochs=2),
        attacks=(PGD(epsilon=0.05), LossThreshold()),
        risks=("discriminatory_behavior",),
        seeds=1,
    )
    results = assess(short, store=tmp_path / "store", workers=1)
    names = {value.probe for value in results.values}
    assert {"Discrimination(attribute=race)", "Discrimination(attribute=sex)", "Utility"} <= names
    assert all(value.value is not None for value in results.values if value.metric == "demographic_parity")


def test_parts_of_one_array_are_stored_without_a_copy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (40, 3, 4, 4), dtype=np.uint8)
    labels = np.arange(40) % 2
    dataset = from_arrays((pixels[:30], labels[:30]), (pixels[30:], labels[30:]), name="stamps")
    assert dataset.train.x.data_ptr() == pixels.ctypes.data
    monkeypatch.setattr(torch.Tensor, "clone", lambda *_, **__: pytest.fail("a copy"))
    store, source = Store(tmp_path), Source(dataset.name, dataset.content)
    store.save(source, dataset, seconds=0.0)
    assert store.state(source) is State.PRESENT
    assert store.load(source).content == dataset.content


def test_the_module_loads_data_by_name() -> None:
    assert len(amulet.load_data("digits", test_share=0.5).train) == 899
    with pytest.raises(AttributeError, match="module 'amulet' has no attribute 'load'"):
        _ = amulet.load  # type: ignore[attr-defined]
