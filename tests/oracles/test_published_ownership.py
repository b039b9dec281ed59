"""Figures of the literature on ownership, on real records: Tramer et al. 2016 and Adi et al. 2018.

docs/risks/unauthorized_model_ownership has more figures, on the pages of the attacks and defenses.
"""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from amulet.core.split import Split
from amulet.core.threat import Access, TrainedModel, opened
from amulet.datasets import Census, FashionMNIST
from amulet.derivations import Extraction
from amulet.experiments import models_for
from amulet.models import LinearNet
from amulet.training import Adam, Recipe
from amulet.unauthorized_model_ownership import Owner
from amulet.unauthorized_model_ownership.attacks import KnockoffNets, ModelExtraction
from amulet.unauthorized_model_ownership.defenses import DatasetInference, Watermark, WatermarkClaim
from amulet.unauthorized_model_ownership.extraction import compared
from amulet.unauthorized_model_ownership.metrics import fidelity, independent_fidelity

needs_data = pytest.mark.skipif("AMULET_DATA" not in os.environ, reason="needs the files of $AMULET_DATA")
REGULAR = Recipe(LinearNet((64, 64), norm="group", dropout=0.2), epochs=8, batch_size=256)


@needs_data
def test_a_regularised_census_model_is_copied_with_97_percent_fidelity() -> None:
    data = Census().load()
    models = models_for(ModelExtraction(), REGULAR, data, Split())
    outcome = compared(data.test, *(models[role][0].model for role in ("target", "surrogate", "independent")))
    stolen, alone = fidelity(outcome), independent_fidelity(outcome)
    assert isinstance(stolen, float)
    assert isinstance(alone, float)
    assert stolen >= 0.97
    assert stolen > alone + 0.02


@needs_data
def test_queries_without_any_record_of_the_kind_copy_it_nearly_as_well() -> None:
    data = Census().load()
    models = models_for(KnockoffNets(queries=15_000), REGULAR, data, Split())
    outcome = compared(data.test, models["target"][0].model, models["surrogate"][0].model)
    assert float(fidelity(outcome)) > 0.93  # type: ignore[arg-type]


@needs_data
def test_a_marked_fashion_model_verifies_and_another_does_not() -> None:
    data = FashionMNIST(train_records=4000, test_records=500).load()
    recipe = Recipe(LinearNet((256, 128), norm="group"), epochs=15, batch_size=64)
    marked = Watermark().train(recipe, data.train, seed=0)
    owner = Owner(TrainedModel.of(marked, data.train.index), data.train, data.test)
    assert WatermarkClaim().claim(marked.model, owner) < 1e-6
    assert WatermarkClaim().claim(recipe.fit(data.train, seed=1).model, owner) > 0.01


@needs_data
def test_a_model_extracted_by_labels_of_other_records_is_found_by_dataset_inference() -> None:
    """It needs an over-fitted owner and thousands of records; with 500 extracted models are mostly missed."""
    train = Census().load().train
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(0))
    records, held_out, of_thief = (train[order[first : first + 6000]] for first in (0, 6000, 12_000))
    recipe = Recipe(LinearNet((128, 64), norm="group"), epochs=60, optimizer=Adam(lr=2e-3))
    victim = recipe.fit(records, seed=0).model
    with opened(victim, Access.LABELS) as target:
        stolen = Extraction(answers="labels").derive(target, recipe, of_thief, seed=7).model
    owner = Owner(TrainedModel(victim, records.index), records, held_out)
    assert DatasetInference(records=6000).claim(stolen, owner) < 0.01


OWNER_AGAIN = """
from pathlib import Path
from amulet.core.split import Split
from amulet.core.threat import Access, TrainedModel, opened
from amulet.datasets import Digits
from amulet.experiments import Experiment, Row, plan
from amulet.experiments.graph.store import Store
from amulet.models import LinearNet
from amulet.training import Adam, Recipe
from amulet.unauthorized_model_ownership import Owner
from amulet.unauthorized_model_ownership.defenses import DatasetInference, Watermark, WatermarkClaim
from amulet.utility import Utility

recipe = Recipe(LinearNet((256, 128), norm="group"), epochs=30, batch_size=32)
experiment = Experiment("mark", Digits(), recipe, (Row("marked", (Watermark(),)),), audits=(Utility(),), seeds=1)
{then}
"""
ASSESS = "from amulet.experiments import assess\nassess(experiment, store={store!r}, workers=1)"
CLAIM = """
planned, store, data = plan(experiment), Store(Path({store!r})), Digits().load()
kept = store.load(planned.target("marked", 0))
owner = Owner(TrainedModel.of(kept, data.train.index), data.train, data.test)
print(WatermarkClaim().claim(kept.model, owner))
"""


def test_a_key_verifies_in_another_process_that_reads_the_store(run_python: Callable[..., str], tmp_path: Path) -> None:
    store = str(tmp_path / "store")
    run_python(OWNER_AGAIN.format(then=ASSESS.format(store=store)))
    assert float(run_python(OWNER_AGAIN.format(then=CLAIM.format(store=store)))) < 1e-6
