"""What a plan will cost: training is timed by one epoch, whatever the recipe is wrapped in."""

from dataclasses import replace

import pytest

from amulet.experiments import Experiment, Row, Store, plan
from amulet.experiments.planning.estimate import estimate
from amulet.models import LinearNet
from amulet.testing import TOY_RECIPE
from amulet.training import Placebo, Trainable, TrainingFunction


def seconds(experiment: Experiment, store: Store) -> dict[str, float | None]:
    return {line.name: line.seconds for line in estimate(plan(experiment), store).lines if "Train" in line.name}


@pytest.mark.parametrize("placebos", [(Placebo(),), (Placebo(), Placebo(2))], ids=["once", "twice"])
def test_a_recipe_under_other_seeds_is_timed_as_any(
    experiment: Experiment, store: Store, placebos: tuple[Placebo, ...]
) -> None:
    found = seconds(replace(experiment, defenses=(Row("placebo", placebos),)), store)
    assert all(found[name] for name in ("Train undefended", "Train placebo"))


def test_epochs_are_counted_where_there_are_any() -> None:
    wrapped = Placebo().apply(replace(TOY_RECIPE, epochs=7)).one_epoch()
    assert wrapped == (Placebo().apply(replace(TOY_RECIPE, epochs=1)), 7)
    function: Trainable = TrainingFunction("amulet.utils:train_classifier", LinearNet())
    assert function.one_epoch() is None
    assert Placebo().apply(function).one_epoch() is None
