"""What is assessed is what was written: whatever would quietly mean something else is refused before any training."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
from torch import nn

from amulet.core.errors import InvalidParameter
from amulet.core.measurements.tally import Tally
from amulet.core.model import ModelSpec
from amulet.core.split import Split
from amulet.discriminatory_behavior import Discrimination
from amulet.evasion.attacks import PGD
from amulet.experiments import Experiment, Row, assess, load_experiment, plan
from amulet.membership_inference.attacks import LiRA, LossThreshold
from amulet.membership_inference.metrics import TPRAtFPR
from amulet.membership_inference.metrics import auc as membership_auc
from amulet.models import ImportedModel, SimpleCNN
from amulet.testing import toy_dataset
from amulet.training import DPSGD, Recipe, TrainingFunction
from amulet.utility.metrics import auc as utility_auc

TOY = """\
    name: toy
    dataset:
      ImportedDataset: {function: "amulet.testing:toy_dataset"}
    recipe:
      Recipe:
        model: {LinearNet: {hidden: [8], norm: group}}
    defenses:
      mine:
        - DPSGD: {delta: 1e-3}
    """


def net(features: int = 6, outputs: int = 2) -> nn.Module:
    """A user's model."""
    return nn.Linear(features, outputs)


def leave_alone(model: nn.Module, data: object, seed: int) -> None:
    """A user's training function."""


def imported(**arguments: int) -> ImportedModel:
    return ImportedModel(f"{__name__}:net", tuple(arguments.items()))


def written(folder: Path, text: str) -> Path:
    path = folder / "toy.yaml"
    path.write_text(dedent(text), encoding="utf-8")
    return path


def sentences(make: Callable[[], Any]) -> list[str]:
    with pytest.raises(InvalidParameter) as caught:
        make()
    return [problem.sentence for problem in caught.value.problems]


def test_a_row_of_something_else_than_defenses_is_refused_with_its_line(tmp_path: Path) -> None:
    path = written(tmp_path, TOY + "    - PGD\n      other: Digits\n      third: AdversarialTraining\n")
    found = sentences(lambda: load_experiment(path))
    assert found == [
        f"{path}:10: defenses.mine.1: This must be a Defense. PGD is an attack; list it under 'attacks'.",
        f"{path}:11: defenses.other: This must be a Defense. Digits is a dataset.",
    ]


def test_a_row_without_defenses_is_refused(experiment: Experiment) -> None:
    (found,) = sentences(lambda: replace(experiment, defenses=(Row("empty", ()),)))
    assert found == "Row 'empty' must have at least one defense. It has none."


def test_a_number_is_a_label_too(tmp_path: Path) -> None:
    read = load_experiment(written(tmp_path, TOY.replace("mine:", "8:")))
    assert [row.label for row in read.rows] == ["undefended", "8"]


def test_a_problem_under_such_a_label_has_its_own_line(tmp_path: Path) -> None:
    path = written(tmp_path, TOY + "  8: {DPSGD: {delta: -1}}\n")
    (found,) = sentences(lambda: load_experiment(path))
    assert found == f"{path}:10: defenses.8.DPSGD.delta: The 'delta' of DPSGD must be greater than 0. Got -1."


def test_a_metric_is_listed_once(experiment: Experiment) -> None:
    """Twice, it would fill its cells with two values a seed."""
    (found,) = sentences(lambda: replace(experiment, metrics=(TPRAtFPR(0.2), TPRAtFPR(0.2))))
    assert found.startswith("The 'metrics' of Experiment must be all different.")
    both = replace(experiment, metrics=(TPRAtFPR(0.2), TPRAtFPR(0.3), membership_auc, utility_auc))
    assert len(both.metrics) == 4  # the two named "AUC" are read off different outcomes


MODELS: dict[str, tuple[ModelSpec, str]] = {
    "not for images": (SimpleCNN(), "SimpleCNN cannot be built: SimpleCNN takes images (channels, height, width)."),
    "unknown argument": (imported(width=3), "ImportedModel cannot be built: net() got an unexpected keyword argument"),
    "impossible argument": (imported(features=-1), "ImportedModel cannot be built: Trying to create tensor with"),
    "other inputs": (imported(features=5), "ImportedModel cannot take records of shape (6,): mat1 and mat2 shapes"),
    "one output": (imported(outputs=1), "The 'model' of ImportedModel must be a map to logits of shape (n, 2)."),
}


@pytest.mark.parametrize(("model", "sentence"), MODELS.values(), ids=MODELS)
def test_a_model_that_does_not_fit_the_data_is_found_by_the_plan(
    experiment: Experiment, model: ModelSpec, sentence: str
) -> None:
    (found,) = sentences(lambda: plan(replace(experiment, recipe=Recipe(model), defenses=())))
    assert found.startswith(f"Row 'undefended': {sentence}")


@pytest.mark.parametrize(("model", "sentence"), MODELS.values(), ids=MODELS)
def test_so_is_the_model_of_a_training_function(experiment: Experiment, model: ModelSpec, sentence: str) -> None:
    recipe = TrainingFunction(f"{__name__}:leave_alone", model)
    (found,) = sentences(lambda: plan(replace(experiment, recipe=recipe, defenses=())))
    assert found.startswith(f"Row 'undefended': {sentence}")


@pytest.mark.parametrize("device", ["banana", "cuda:99"])
def test_an_unknown_device_is_found_by_the_plan(experiment: Experiment, device: str) -> None:
    (found,) = sentences(lambda: plan(experiment, device=device))
    assert found.startswith("The 'device' of plan must be one that torch finds here")
    assert found.endswith(f"Got '{device}'.")


def test_the_plan_tells_everything_at_once(experiment: Experiment) -> None:
    faulty = replace(
        experiment,
        recipe=Recipe(imported(outputs=1)),
        defenses=(Row("private", (DPSGD(delta=0.5),)),),
        audits=(Discrimination("age"),),
    )
    found = sentences(lambda: plan(faulty))
    assert len(found) == 4
    assert found[0].startswith("Row 'undefended': The 'model' of ImportedModel must be")
    assert found[1].startswith("Row 'private': The 'delta' of DPSGD must be below one over the 64 training records.")
    assert found[2].startswith("Row 'private': The 'model' of ImportedModel must be")
    assert "needs the sensitive attribute 'age'" in found[3]


def test_an_epsilon_that_no_noise_reaches_is_refused() -> None:
    (found,) = sentences(lambda: DPSGD(epsilon=0.001))
    assert found == ("The 'epsilon' of DPSGD must be between 0.05 and 100, or None with a noise_multiplier. Got 0.001.")


def test_an_experiment_must_measure_something(experiment: Experiment) -> None:
    (found,) = sentences(lambda: replace(experiment, attacks=(), audits=()))
    assert found == "There must be at least one attack or audit. Got none."


def test_the_records_come_from_the_experiment_or_from_the_call(experiment: Experiment, tmp_path: Path) -> None:
    small = replace(experiment, defenses=(), attacks=(LossThreshold(),), seeds=1)
    own = replace(small, dataset=None)
    named = assess(small, store=tmp_path, workers=1)
    assert assess(own, dataset=toy_dataset(), store=tmp_path, workers=1).values == named.values
    assert named.tested == Tally.of(toy_dataset().test)

    neither, both = sentences(lambda: plan(own)), sentences(lambda: plan(small, toy_dataset()))
    assert neither == both == ["Records must come from the experiment's 'dataset' or be handed over, one of the two."]


def test_restarts_that_would_repeat_themselves_are_refused() -> None:
    (found,) = sentences(lambda: PGD(random_start=False, restarts=5))
    assert found == (
        "The 'restarts' of PGD must be 1 without random_start, since every restart would be the same. Got 5."
    )
    assert PGD(random_start=False).restarts == 1


def test_seeds_count_from_zero() -> None:
    assert sentences(lambda: Split(seed=-5)) == ["The 'seed' of Split must be at least 0. Got -5."]


def test_shadow_models_need_even_halves(experiment: Experiment) -> None:
    """With 9 of 10 records in the target's training data but half in a shadow's, they would not be its like."""
    uneven = Split(members=0.9)
    (found,) = sentences(lambda: replace(experiment, attacks=(LiRA(shadows=4),), split=uneven))
    assert found.startswith("The 'members' of Split must be 0.5 with attacks or factors that train shadow models")
    assert replace(experiment, attacks=(LossThreshold(),), split=uneven).split.members == 0.9


@pytest.mark.parametrize("name", ["", ".", "..", "store", "../elsewhere"])
def test_a_name_that_is_no_folder_of_its_own_is_refused(experiment: Experiment, name: str) -> None:
    assert all(
        "The 'name' of Experiment must be" in found for found in sentences(lambda: replace(experiment, name=name))
    )
