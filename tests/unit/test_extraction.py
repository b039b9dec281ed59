"""Model extraction: metrics on outcomes made by hand, queries, and what is refused before anything is trained."""

from dataclasses import dataclass, replace

import pytest
import torch
from torch import nn

from amulet.core.dataset import AmuletDataset
from amulet.core.dataset_spec import DatasetSpec
from amulet.core.errors import InvalidParameter
from amulet.core.metric import Undefined
from amulet.core.model import predict
from amulet.core.split import MemberDraw, NoiseDraw, Split
from amulet.datasets import Digits, from_arrays
from amulet.derivations import Extraction
from amulet.experiments import Experiment, Row, models_for, plan
from amulet.experiments.graph.tasks import Derive
from amulet.models import LinearNet
from amulet.testing import TOY_RECIPE, toy_dataset
from amulet.training.population import own_seed
from amulet.unauthorized_model_ownership import ExtractionOutcome, Ownership
from amulet.unauthorized_model_ownership.attacks import KnockoffNets, ModelExtraction
from amulet.unauthorized_model_ownership.defenses import Watermark
from amulet.unauthorized_model_ownership.extraction import compared
from amulet.unauthorized_model_ownership.metrics import (
    correct_fidelity,
    fidelity,
    independent_fidelity,
    joint_accuracy,
    majority_agreement,
    surrogate_accuracy,
)

BY_HAND = ExtractionOutcome(
    labels=torch.tensor([0, 0, 0, 1, 1, 1, 2, 2]),
    target=torch.tensor([0, 0, 1, 1, 1, 0, 2, 0]),
    surrogate=torch.tensor([0, 0, 1, 1, 0, 0, 2, 1]),
    independent=torch.tensor([0, 0, 0, 1, 1, 1, 2, 2]),
)


@dataclass(frozen=True)
class Others(DatasetSpec):
    """Records like the toy ones, of three other classes."""

    features: int = 6
    high: float = 1.0

    def load(self) -> AmuletDataset:
        rng = torch.Generator().manual_seed(1)
        parts = [(torch.rand(90, self.features, generator=rng), torch.arange(90) % 3) for _ in range(2)]
        return from_arrays(*parts, classes=("a", "b", "c"), bounds=(0.0, self.high), name="others")


def test_metrics_by_hand() -> None:
    assert fidelity(BY_HAND) == 6 / 8
    assert surrogate_accuracy(BY_HAND) == 4 / 8
    assert joint_accuracy(BY_HAND) == 4 / 8
    assert correct_fidelity(BY_HAND) == pytest.approx(4 / 6)
    assert majority_agreement(BY_HAND) == 4 / 8
    assert independent_fidelity(BY_HAND) == 5 / 8


def test_both_senses_of_correct_fidelity_are_tied_by_fidelity() -> None:
    assert joint_accuracy(BY_HAND) == pytest.approx(float(fidelity(BY_HAND)) * float(correct_fidelity(BY_HAND)))  # type: ignore[arg-type]


def test_what_is_undefined_says_so() -> None:
    apart = replace(BY_HAND, surrogate=(BY_HAND.target + 1) % 3)
    assert isinstance(correct_fidelity(apart), Undefined)
    alone = ExtractionOutcome(BY_HAND.labels, BY_HAND.target, BY_HAND.surrogate)
    assert isinstance(independent_fidelity(alone), Undefined)


def test_a_surrogate_is_trained_on_auxiliary_records_alone() -> None:
    data, split = toy_dataset(), Split()
    surrogate = models_for(ModelExtraction(), TOY_RECIPE, data, split)["surrogate"][0]
    members = data.train.index[MemberDraw(split).choose(data.train)]
    assert not surrogate.trained_on(members).any()


def test_a_copy_of_any_module_is_made_by_hand_as_in_an_assessment() -> None:
    data, split, attack = toy_dataset(), Split(), ModelExtraction(answers="labels", queries=40)
    models = models_for(attack, TOY_RECIPE, data, split)
    target, surrogate = models["target"][0].model, models["surrogate"][0].model
    own = data.train[split.divide(len(data.train)).auxiliary]
    again = attack.steal(target, own, TOY_RECIPE, seed=own_seed(0, 0)).model
    assert torch.equal(predict(again, data.test), predict(surrogate, data.test))
    assert fidelity(compared(data.test, target, again)) == fidelity(compared(data.test, target, surrogate))


def test_random_queries_are_within_the_bounds_and_nobody_s() -> None:
    data = toy_dataset()
    queries = NoiseDraw(Split(), 500).take(data.train)
    assert len(queries) == 500
    assert (queries.index < 0).all()
    assert queries.x.min() >= 0
    assert queries.x.max() <= 1
    assert queries.x.std().item() == pytest.approx(12**-0.5, abs=0.02)


@pytest.mark.parametrize("attack", [KnockoffNets(queries=60), KnockoffNets(queries=60, source=Others())], ids=str)
def test_queries_of_another_distribution_steal_a_model_of_the_target_s_classes(attack: KnockoffNets) -> None:
    data = toy_dataset()
    surrogate = models_for(attack, TOY_RECIPE, data, Split())["surrogate"][0]
    assert predict(surrogate.model, data.test).shape == (len(data.test), 2)
    assert not surrogate.trained_on(data.train.index).any()


def test_a_budget_larger_than_the_records_handed_over_is_refused() -> None:
    data = toy_dataset()
    target = TOY_RECIPE.fit(data.train, seed=0).model
    with pytest.raises(InvalidParameter, match="'queries' of Extraction must be at most 32"):
        KnockoffNets(queries=33, source=Others()).steal(target, data.test, TOY_RECIPE)


@pytest.mark.parametrize(
    ("attack", "said"),
    [
        (ModelExtraction(queries=1000), "The 'queries' of Extraction must be at most 57"),
        (KnockoffNets(queries=91, source=Others()), "The 'queries' of Extraction must be at most 90"),
        (KnockoffNets(queries=9, source=Others(features=5)), "of records of shape \\(6,\\). Got \\(5,\\)"),
        (KnockoffNets(queries=9, source=Others(high=2.0)), "of records within the bounds \\[0, 1\\]"),
    ],
    ids=str,
)
def test_what_cannot_be_stolen_so_is_told_by_the_plan(attack: ModelExtraction | KnockoffNets, said: str) -> None:
    experiment = Experiment("steal", None, TOY_RECIPE, (Row("marked", (Watermark(),)),), attacks=(attack,), seeds=1)
    with pytest.raises(InvalidParameter, match=said):
        plan(experiment, toy_dataset())


def test_the_stolen_model_is_one_task_whoever_asks_for_it() -> None:
    rows = (Row("marked", (Watermark(),)),)
    probes = {"attacks": (ModelExtraction(),), "audits": (Ownership(),)}
    planned = plan(Experiment("steal", None, TOY_RECIPE, rows, seeds=1, **probes), toy_dataset())  # type: ignore[arg-type]
    stolen = [task for task in planned.tasks if isinstance(task, Derive) and isinstance(task.method, Extraction)]
    assert len(stolen) == len(rows) + 1


def test_a_surrogate_may_be_of_another_architecture() -> None:
    other = replace(TOY_RECIPE, model=LinearNet((7,), norm="none"))
    model = models_for(ModelExtraction(recipe=other), TOY_RECIPE, toy_dataset(), Split())["surrogate"][0].model
    assert [each.out_features for each in model.modules() if isinstance(each, nn.Linear)] == [7, 2]


def test_images_are_stolen_too() -> None:
    data = Digits().load()
    models = models_for(ModelExtraction(), replace(TOY_RECIPE, epochs=15), data, Split())
    outcome = compared(data.test, models["target"][0].model, models["surrogate"][0].model)
    assert float(fidelity(outcome)) > 0.8  # type: ignore[arg-type]
