"""The memory that a cluster is asked for grows with records, models and shadow models."""

from dataclasses import replace

import pytest

from amulet.experiments import Experiment, plan
from amulet.experiments.planning.memory_needed import COPIES, GIGABYTE, PROCESS, STATES, gigabytes_needed
from amulet.membership_inference.attacks import LiRA


@pytest.mark.parametrize("shadows", [2, 4])
def test_it_counts_records_and_all_models_of_the_largest_attack(experiment: Experiment, shadows: int) -> None:
    planned = plan(replace(experiment, defenses=(), attacks=(LiRA(shadows=shadows),), audits=(), seeds=1))
    dataset = planned.dataset
    records = (dataset.train.x.numel() + dataset.test.x.numel()) * 4
    model = planned.target("undefended", 0).build(dataset.schema)
    weights = sum(tensor.numel() for tensor in model.state_dict().values()) * 4

    expected = PROCESS + COPIES * records + (1 + shadows + STATES) * weights

    assert gigabytes_needed(planned) * GIGABYTE == pytest.approx(expected)
