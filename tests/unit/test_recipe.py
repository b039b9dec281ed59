"""Recipes: defenses of different slots commute, and what cannot go together is refused before training."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import permutations

import pytest
import torch
from torch import Generator, Tensor, nn

from amulet.core.data import Data, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import AmuletError, Conflict, InvalidParameter, Problem
from amulet.core.held import Held
from amulet.core.trainable import Stage
from amulet.evasion.defenses import TRADES, AdversarialTraining
from amulet.functional.perturbations.pgd import Classifier
from amulet.models import ImportedModel, LinearNet, SimpleCNN
from amulet.poisoning.defenses import OutlierRemoval, SpectralSignatures
from amulet.training import (
    DPSGD,
    DataUse,
    Finish,
    LogitAdjustment,
    Penalize,
    Prepare,
    Prepared,
    Recipe,
    Slot,
)

UserModule = Callable[[str, str], None]


@dataclass(frozen=True)
class DropFirst(Prepare):
    """A third party's stage that looks at one record at a time."""

    data_use = DataUse.RECORD
    count: int = 1

    def prepare(self, data: Data, rng: Generator) -> Prepared:
        del rng
        return Prepared(data[torch.arange(self.count, len(data))])


@dataclass(frozen=True)
class DropOutliers(Prepare):
    """A third party's stage that looks at the data set as a whole."""

    data_use = DataUse.DATASET

    def prepare(self, data: Data, rng: Generator) -> Prepared:
        del rng
        distance = (data.x - data.x.mean(0)).norm(dim=1)
        return Prepared(data[distance < distance.quantile(0.9)])


@dataclass(frozen=True)
class PrivateMean(DropOutliers):
    """One that does so privately, and says so."""

    private = True


@dataclass(frozen=True)
class Shrink(Penalize):
    data_use = DataUse.RECORD
    share: float = 0.01

    def penalize(self, model: Classifier, logits: Tensor, batch: Data) -> Tensor:
        del model, batch
        return self.share * logits.square().sum(1)


@dataclass(frozen=True)
class Round(Finish):
    data_use = DataUse.NONE

    def finish(self, model: nn.Module, data: Data, held: Held, rng: Generator) -> Mapping[str, Tensor]:
        del data, held, rng
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.copy_((parameter * 8).round() / 8)
        return {}


@dataclass(frozen=True)
class FineTune(Round):
    data_use = DataUse.DATASET


@dataclass(frozen=True)
class NeedsImages(Shrink):
    def data_problems(self, schema: Schema, records: int) -> Iterator[Problem]:
        del records
        if len(schema.shape) != 3:
            yield Problem("stages", "NeedsImages needs images.")


RECIPE = Recipe(LinearNet(hidden=(4,), norm="group"), epochs=1, batch_size=32)
ONE_OF_EACH = (DropFirst(), AdversarialTraining(), Shrink(), DPSGD(), Round())


def sentences(caught: pytest.ExceptionInfo[Conflict]) -> list[str]:
    return [problem.sentence for problem in caught.value.problems]


def applied(*stages: Stage) -> Recipe:
    recipe = RECIPE
    for stage in stages:
        recipe = stage.apply(recipe)
    return recipe


def test_defenses_of_different_slots_commute() -> None:
    assert len({applied(*order).digest for order in permutations(ONE_OF_EACH)}) == 1


def test_stages_lie_in_the_order_of_the_loop() -> None:
    assert [stage.slot for stage in applied(*reversed(ONE_OF_EACH)).stages] == list(Slot)


def test_within_one_slot_the_order_given_counts() -> None:
    one, two = DropFirst(1), DropFirst(2)
    assert applied(one, two).stages == (one, two)
    assert applied(one, two).digest != applied(two, one).digest


def test_a_defense_leaves_the_recipe_it_is_given_alone() -> None:
    digest = RECIPE.digest
    defended = AdversarialTraining().apply(RECIPE)
    assert defended.stages == (AdversarialTraining(),)
    assert RECIPE.stages == ()
    assert RECIPE.digest == replace(RECIPE).digest == digest


def test_there_is_room_for_one_update_rule() -> None:
    with pytest.raises(Conflict) as caught:
        applied(DPSGD(), DPSGD(epsilon=1.0))
    assert sentences(caught) == ["A recipe has room for one update rule. Got DPSGD and DPSGD(epsilon=1)."]


@pytest.mark.parametrize("stage", [DropOutliers(), FineTune()])
@pytest.mark.parametrize("private_first", [True, False])
def test_dp_sgd_is_refused_beside_a_stage_that_uses_the_data_set_as_a_whole(stage: Stage, private_first: bool) -> None:
    with pytest.raises(Conflict) as caught:
        applied(*((DPSGD(), stage) if private_first else (stage, DPSGD())))
    assert sentences(caught) == [
        (
            f"DPSGD cannot be combined with {type(stage).__name__}, which uses the data set as a whole: "
            "the privacy guarantee would be void; drop one of the two."
        )
    ]


def test_all_conflicts_are_named_at_once() -> None:
    with pytest.raises(Conflict) as caught:
        replace(RECIPE, stages=(FineTune(), DPSGD(), DropOutliers()), objective=LogitAdjustment())
    assert [sentence.split(", which")[0] for sentence in sentences(caught)] == [
        "DPSGD cannot be combined with DropOutliers",
        "DPSGD cannot be combined with FineTune",
        "DPSGD cannot be combined with LogitAdjustment",
    ]


def test_a_stage_that_is_private_itself_may_use_the_whole_data_set() -> None:
    assert applied(PrivateMean(), DPSGD()).private


def test_without_dp_sgd_any_stage_may() -> None:
    assert applied(DropOutliers(), FineTune()).data_use is DataUse.DATASET


@pytest.mark.parametrize(
    ("recipe", "use"),
    [
        (RECIPE, DataUse.NONE),
        (applied(Shrink()), DataUse.RECORD),
        (applied(DropOutliers(), Shrink()), DataUse.DATASET),
        (replace(RECIPE, objective=LogitAdjustment()), DataUse.DATASET),
        (replace(RECIPE, objective=LogitAdjustment(class_shares=(0.5, 0.5))), DataUse.NONE),
    ],
)
def test_data_use_is_the_widest_of_stages_and_objective(recipe: Recipe, use: DataUse) -> None:
    assert recipe.data_use is use


def test_dp_sgd_refuses_an_objective_that_counts_classes() -> None:
    with pytest.raises(Conflict) as caught:
        DPSGD().apply(replace(RECIPE, objective=LogitAdjustment()))
    assert sentences(caught) == [
        (
            "DPSGD cannot be combined with LogitAdjustment, which uses the data set as a whole: the privacy "
            "guarantee would be void; state what it counts in the data as public knowledge."
        )
    ]
    assert DPSGD().apply(replace(RECIPE, objective=LogitAdjustment(class_shares=(0.8, 0.2)))).private


@pytest.mark.parametrize("model", [LinearNet(hidden=(4,)), SimpleCNN(channels=(4,))])
def test_dp_sgd_refuses_batch_norm_and_names_the_norm_to_use(
    images: AmuletDataset, model: LinearNet | SimpleCNN
) -> None:
    recipe = DPSGD().apply(Recipe(model))
    found = [problem.sentence for problem in recipe.data_problems(images.schema, 60)]
    assert found
    assert all("mix the records of a batch" in sentence and "norm='group'" in sentence for sentence in found)
    with pytest.raises(InvalidParameter, match="norm='group'"):
        recipe.fit(images.train, seed=0)


def test_batch_norm_in_a_model_of_the_user_s_own_is_found_too(dataset: AmuletDataset, user_module: UserModule) -> None:
    source = "from torch import nn\ndef net():\n    return nn.Sequential(nn.BatchNorm1d(5), nn.Linear(5, 2))\n"
    user_module("own_mixing", source)
    recipe = DPSGD().apply(Recipe(ImportedModel("own_mixing:net")))
    found = [problem.sentence for problem in recipe.data_problems(dataset.schema, 200)]
    assert len(found) == 1
    assert found[0].startswith("ImportedModel has BatchNorm1d layers")


def test_what_does_not_fit_the_data_is_said_at_once_before_training(dataset: AmuletDataset) -> None:
    recipe = Recipe(LinearNet(hidden=(4,)), objective=LogitAdjustment(class_shares=(0.2, 0.3, 0.5)))
    recipe = NeedsImages().apply(DPSGD(delta=0.1).apply(recipe))
    with pytest.raises(InvalidParameter) as caught:
        recipe.fit(dataset.train, seed=0)
    assert [problem.parameter for problem in caught.value.problems] == [
        "class_shares",
        "stages",
        "delta",
        "model",
    ]


def test_looking_for_problems_moves_no_random_numbers(dataset: AmuletDataset) -> None:
    before = torch.get_rng_state()
    list(DPSGD().apply(RECIPE).data_problems(dataset.schema, 200))
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "changed",
    [
        replace(RECIPE, epochs=2),
        replace(RECIPE, batch_size=16),
        replace(RECIPE, model=LinearNet(hidden=(5,), norm="group")),
        replace(RECIPE, objective=LogitAdjustment()),
        applied(Shrink()),
        applied(Shrink(0.02)),
    ],
)
def test_every_change_of_a_recipe_is_another_recipe(changed: Recipe) -> None:
    others = {RECIPE.digest, applied(Shrink(0.03)).digest}
    assert changed.digest not in others


def test_a_single_record_at_a_time_needs_a_model_that_takes_it(dataset: AmuletDataset) -> None:
    """Whether the batches are so small, or as few records are left."""
    mixing, removing = LinearNet((4,), norm="batch"), SpectralSignatures(98.0)
    for recipe, records in ((Recipe(mixing, batch_size=1), 50), (removing.apply(Recipe(mixing)), 50)):
        (problem,) = recipe.data_problems(dataset.schema, records)
        assert problem.sentence.startswith("LinearNet cannot be trained on one record at a time: Expected more than 1")
        assert not list(replace(recipe, model=LinearNet((4,), norm="group")).data_problems(dataset.schema, records))
    assert not list(Recipe(mixing, batch_size=2).data_problems(dataset.schema, 50))


def test_removals_count_the_records_that_others_leave(dataset: AmuletDataset) -> None:
    twice = OutlierRemoval(98.0).apply(SpectralSignatures(98.0).apply(Recipe(LinearNet())))
    (problem,) = twice.data_problems(dataset.schema, 50)
    assert problem.sentence == (
        "The 'percent' of OutlierRemoval must be such that some of 1 records go and some stay. Got 98.0."
    )


@pytest.mark.parametrize(
    "private",
    [
        DPSGD(delta=1e-300),
        DPSGD(epsilon=0.05, delta=1e-300, accountant="rdp"),
        DPSGD(epsilon=None, noise_multiplier=1e-6, delta=1e-5),
    ],
    ids=str,
)
@pytest.mark.filterwarnings("ignore:overflow encountered")
def test_what_the_accountant_cannot_answer_is_told_in_a_sentence(private: DPSGD, dataset: AmuletDataset) -> None:
    recipe = private.apply(Recipe(LinearNet((4,), norm="group"), epochs=1))
    with pytest.raises(AmuletError, match=r"^The accountant '(prv|rdp)' of DPSGD has no answer for .*larger one"):
        recipe.fit(dataset.train, seed=0)


@pytest.mark.parametrize("stage", [AdversarialTraining(), TRADES()], ids=str)
def test_adversarial_training_beside_dp_sgd_is_noted(stage: Stage, dataset: AmuletDataset) -> None:
    private = DPSGD(epsilon=None, noise_multiplier=1.0, delta=1e-4, accountant="rdp")
    plain = Recipe(LinearNet((4,), norm="group"), epochs=1)
    (notice,) = private.apply(stage.apply(plain)).notices(dataset.schema)
    assert notice.startswith(f"{type(stage).__name__} with DPSGD may always name the most frequent class")
    assert not list(stage.apply(plain).notices(dataset.schema))
    assert not list(private.apply(plain).notices(dataset.schema))
