"""The error rates of verdicts, measured on placebos: trained models whose differences are chance alone.

A short form of `make calibrate`, on toy data.
"""

import numpy as np
import pytest

from amulet.core.split import Split
from amulet.datasets import ImportedDataset
from amulet.evasion.attacks import PGD
from amulet.experiments import BASELINE, Experiment, Results, Row, assess
from amulet.experiments.results.placebo_pool import pool_of
from amulet.membership_inference.attacks import LossThreshold
from amulet.models import LinearNet
from amulet.statistics import ALPHA, CHANGES, Comparison, judge
from amulet.statistics.calibration import (
    Design,
    Pool,
    Share,
    detectable,
    false_changes,
    false_denials,
    found_effects,
)
from amulet.statistics.power import POWER, power_of_difference
from amulet.testing import TOY_RECIPE, toy_dataset
from amulet.training import Placebo, Recipe
from amulet.utility import Utility

SEEDS, ROWS = 24, 3


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Four trainings of one tiny recipe on each of 24 draws."""
    experiment = Experiment(
        name="placebo",
        dataset=ImportedDataset("amulet.testing:toy_dataset"),
        recipe=Recipe(LinearNet((8,), norm="group"), epochs=4, batch_size=16),
        defenses=tuple(Row(f"placebo {number}", (Placebo(number),)) for number in range(1, ROWS + 1)),
        attacks=(PGD(epsilon=0.1, steps=3), LossThreshold()),
        audits=(Utility(),),
        seeds=SEEDS,
        split=Split(validation=0.0),
    )
    return assess(experiment, store=tmp_path_factory.mktemp("store"), workers=1)


@pytest.fixture(scope="module")
def pool(results: Results) -> Pool:
    return pool_of(results)


def test_a_placebo_trains_on_the_same_records_and_ends_elsewhere() -> None:
    data = toy_dataset().train
    plain, first, again, second = (
        recipe.fit(data, seed=1).model.state_dict()["1.weight"]
        for recipe in (TOY_RECIPE, *(Placebo(number).apply(TOY_RECIPE) for number in (1, 1, 2)))
    )
    assert first.equal(again)
    assert not first.equal(plain)
    assert not first.equal(second)


def test_placebos_differ_by_chance_and_the_undefended_row_from_itself_not_at_all(results: Results) -> None:
    column = next(column for column in results.columns if column.metric == "robust_accuracy")
    assert set(results.differences(BASELINE, column)) == {0.0}
    assert np.std(results.differences("placebo 1", column)) > 0


@pytest.mark.parametrize("looks", [(5,), (10,), (5, 10, 20)], ids=str)
def test_false_words_are_as_rare_as_stated(pool: Pool, looks: tuple[int, ...]) -> None:
    rng, design = np.random.default_rng(0), Design(ROWS, looks)
    assert not false_changes(pool, design, 1000, rng).exceeds(ALPHA)
    assert not false_denials(pool, design, 1000, rng).exceeds(ALPHA)


@pytest.mark.parametrize("looks", [(10,), (5, 10, 20)], ids=str)
def test_effects_are_found_as_often_as_stated(pool: Pool, looks: tuple[int, ...]) -> None:
    assert not found_effects(pool, Design(ROWS, looks), 500, np.random.default_rng(1)).falls_below(POWER)


def test_repeated_looks_at_the_whole_level_would_break_the_promise() -> None:
    """Three looks at one cell without any effect, the level split over them and not."""
    cells = [Comparison(tuple(row), 0.0) for row in np.random.default_rng(2).normal(0, 1, (1000, 20)).tolist()]
    looks = (5, 10, 20)
    naive = [any(judge([Comparison(cell.differences[:n], 0.0)])[0].word in CHANGES for n in looks) for cell in cells]
    split = [judge([cell], looks=looks)[0].word in CHANGES for cell in cells]
    assert Share(sum(naive), 1000).exceeds(ALPHA)
    assert not Share(sum(split), 1000).exceeds(ALPHA)


def test_the_detectable_effect_has_the_power_it_is_said_to_have() -> None:
    effect = detectable(std=0.02, n=10, alpha=0.01)
    assert power_of_difference(effect, 0.02, 10, 0.01) == pytest.approx(POWER, abs=1e-4)
