"""Attribute inference: who sees what, which records count, and what is said where it cannot work."""

from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from amulet.attribute_inference import AttributeInferenceAttack, AttributeOutcome, Observed
from amulet.attribute_inference.attacks import AttributeFromOutputs, AttributeFromOutputsAndRecord
from amulet.attribute_inference.metrics import (
    auc,
    balanced_accuracy,
    baseline_auc,
    baseline_balanced_accuracy,
    gain_over_imputation,
)
from amulet.core.data import Attribute, Data, Modality, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import AccessDenied, InvalidData, InvalidParameter, MissingInput
from amulet.core.metric import Undefined
from amulet.core.probe import Game
from amulet.core.roles import SURROGATE, TARGET, Whose
from amulet.core.split import AuxiliaryHalfDraw, Split
from amulet.core.threat import Access, Adversary, TrainedModel
from amulet.datasets import from_arrays
from amulet.experiments import models_for
from amulet.experiments.pairs.shared_game import game_records
from amulet.training import Recipe


@dataclass(frozen=True)
class ByPrediction(AttributeInferenceAttack):
    """The share of each value among the adversary's records of the same predicted class."""

    needs = Access.LABELS

    def infer(self, adversary: Adversary, known: Observed, values: Tensor, asked: Observed) -> Tensor:
        kinds = len(self.told_apart(adversary.schema).values)
        shares = torch.zeros(len(adversary.schema.classes), kinds, device=values.device)
        shares.index_put_((known.predictions, values), torch.ones(len(values), device=values.device), accumulate=True)
        return shares[asked.predictions]


@dataclass(frozen=True)
class Peeking(AttributeInferenceAttack):
    """Asks for the records without declaring that it sees them."""

    needs = Access.LABELS

    def infer(self, adversary: Adversary, known: Observed, values: Tensor, asked: Observed) -> Tensor:
        del adversary, values, asked
        return known.records


@dataclass(frozen=True)
class Imputing(AttributeInferenceAttack):
    """Asks the model while it imputes without one."""

    needs = Access.PROBABILITIES

    def infer(self, adversary: Adversary, known: Observed, values: Tensor, asked: Observed) -> Tensor:
        del adversary, known, values
        return asked.probabilities

    def impute(self, adversary: Adversary, known: Observed, values: Tensor, asked: Observed) -> Tensor:
        del adversary, known, values
        return asked.probabilities


def outcome_of(values: list[int], guesses: list[int], kinds: int = 2) -> AttributeOutcome:
    scores = torch.nn.functional.one_hot(torch.tensor(guesses), kinds).double()
    share = torch.full((len(values), kinds), 1 / kinds, dtype=torch.float64)
    return AttributeOutcome(torch.tensor(values), scores, torch.tensor(guesses), share, torch.zeros(len(values)).long())


def told(outcome: AttributeOutcome | Undefined) -> AttributeOutcome:
    assert isinstance(outcome, AttributeOutcome)
    return outcome


class First(nn.Module):
    """The first input is the logit of the second class."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.stack([torch.zeros(len(x)), x[:, 0]], 1)


def table(*, named: bool = True) -> AmuletDataset:
    """Records whose x states the attribute `job` in a one-hot group, and `sex` in a column of another name."""
    rng = np.random.default_rng(0)
    job, sex = rng.integers(0, 3, 400), rng.integers(0, 2, 400)
    x = np.column_stack([rng.random(400), np.eye(3)[job], 1.0 - sex]).astype(np.float32)
    y = (x[:, 0] > 0.5).astype(np.int64)
    attributes = (Attribute("job", ("none", "nurse", "smith")), Attribute("sex", ("female", "male")))
    features = ("age", "job=none", "job=nurse", "job=smith", "woman") if named else ()
    schema = Schema(Modality.TABULAR, (5,), ("no", "yes"), attributes, features=features)
    z = torch.from_numpy(np.stack([job, sex], 1))
    data = Data(torch.from_numpy(x), torch.from_numpy(y), z, torch.arange(400), schema)
    return AmuletDataset("table", data[torch.arange(300)], data[torch.arange(300, 400)])


def demanded(attack: AttributeInferenceAttack, dataset: AmuletDataset) -> list[str]:
    return [*attack.demands(dataset.schema), *attack.data_demands(dataset, Split())]


def test_the_victims_are_the_test_records_and_the_adversary_holds_the_auxiliary_ones(
    recipe: Recipe, dataset: AmuletDataset
) -> None:
    attack = AttributeFromOutputs("race")
    division = Split().divide(200)
    game = Game(models_for(attack, recipe, dataset, Split()), dataset, division, seed=0)
    outcome = told(attack.play(game))
    assert torch.equal(outcome.index, dataset.test.index)
    assert torch.equal(outcome.values, dataset.test.attribute("race"))
    members = dataset.train.index[division.members]
    changed = replace(dataset, train=replace(dataset.train, z=dataset.train.z.clone()))
    changed.train.z[division.members] = 0
    again = told(attack.play(replace(game, dataset=changed)))
    assert torch.equal(again.scores, outcome.scores)
    assert len(members) == 90


def test_the_truth_about_the_victims_does_not_reach_the_adversary(dataset: AmuletDataset) -> None:
    model, attack = nn.Linear(5, 2), AttributeFromOutputsAndRecord("race")
    first = told(attack.attack(model, dataset.train, dataset.test))
    other = replace(dataset.test, z=torch.zeros_like(dataset.test.z))
    second = told(attack.attack(model, dataset.train, other))
    assert torch.equal(first.scores, second.scores)
    assert torch.equal(first.guesses, second.guesses)
    assert torch.equal(second.values, torch.zeros(100).long())


def test_an_attack_repeats_itself_for_one_seed(dataset: AmuletDataset) -> None:
    model, attack = nn.Linear(5, 2), AttributeFromOutputs()
    runs = [told(attack.attack(model, dataset.train, dataset.test, seed=seed)) for seed in (0, 0, 1)]
    assert torch.equal(runs[0].scores, runs[1].scores)
    assert not torch.equal(runs[0].scores, runs[2].scores)


def test_records_without_a_recorded_value_are_left_out_and_counted(dataset: AmuletDataset) -> None:
    outcome = told(AttributeFromOutputs("race").attack(nn.Linear(5, 2), dataset.train, dataset.test))
    unknown = dataset.test.attribute("race") < 0
    assert outcome.unrecorded == int(unknown.sum()) > 0
    for metric in (auc, balanced_accuracy, baseline_auc, baseline_balanced_accuracy):
        assert metric(outcome) == pytest.approx(metric(outcome[~unknown]))


def test_unrecorded_values_of_the_adversary_teach_it_nothing(dataset: AmuletDataset) -> None:
    model, attack = nn.Linear(5, 2), AttributeFromOutputs("race")
    known = dataset.train[dataset.train.attribute("race") >= 0]
    with_unknown, without = (told(attack.attack(model, own, dataset.test)) for own in (dataset.train, known))
    assert torch.equal(with_unknown.scores, without.scores)


def test_one_value_can_be_told_from_all_others(dataset: AmuletDataset) -> None:
    attack = AttributeFromOutputs("race", value="white")
    outcome = told(attack.attack(nn.Linear(5, 2), dataset.train, dataset.test))
    white = dataset.schema.attributes[dataset.schema.attribute_names.index("race")].values.index("white")
    race = dataset.test.attribute("race")
    assert torch.equal(outcome.values, torch.where(race < 0, -1, (race == white).long()))
    assert outcome.scores.shape == (100, 2)


def test_thresholds_do_not_depend_on_the_victims(dataset: AmuletDataset) -> None:
    model, attack = nn.Linear(5, 2), AttributeFromOutputs("race")
    some = torch.arange(30)
    all_of_them, few = (told(attack.attack(model, dataset.train, v)) for v in (dataset.test, dataset.test[some]))
    assert torch.equal(all_of_them.guesses[some], few.guesses)


def test_without_the_record_the_baseline_is_the_most_frequent_value(dataset: AmuletDataset) -> None:
    outcome = told(AttributeFromOutputs("race").attack(nn.Linear(5, 2), dataset.train, dataset.test))
    race = dataset.train.attribute("race")
    assert outcome.baseline_guesses.unique().tolist() == [int(race[race >= 0].bincount().argmax())]
    assert baseline_auc(outcome) == 0.5
    assert baseline_balanced_accuracy(outcome) == pytest.approx(1 / 3)
    assert gain_over_imputation(outcome) == Undefined(
        "the adversary does not see the record, so there is no imputation"
    )


def test_with_the_record_the_baseline_is_imputation(dataset: AmuletDataset) -> None:
    outcome = told(AttributeFromOutputsAndRecord().attack(nn.Linear(5, 2), dataset.train, dataset.test))
    attack, alone = auc(outcome), baseline_auc(outcome)
    assert isinstance(attack, float)
    assert isinstance(alone, float)
    assert gain_over_imputation(outcome) == pytest.approx(attack - alone)


def test_imputation_does_not_use_the_model(dataset: AmuletDataset) -> None:
    first, other = (
        told(AttributeFromOutputsAndRecord().attack(model, dataset.train, dataset.test))
        for model in (nn.Linear(5, 2), nn.Linear(5, 2))
    )
    assert torch.equal(first.baseline_scores, other.baseline_scores)
    assert not torch.equal(first.scores, other.scores)
    with pytest.raises(AccessDenied):
        Imputing().attack(nn.Linear(5, 2), dataset.train, dataset.test)


def test_an_attack_of_ones_own_sees_what_it_declares(dataset: AmuletDataset) -> None:
    outcome = told(ByPrediction("race").attack(First(), dataset.train, dataset.test))
    assert len(outcome.scores.unique(dim=0)) <= 2
    with pytest.raises(AccessDenied, match="Declare `sees_records = True`"):
        Peeking().attack(nn.Linear(5, 2), dataset.train, dataset.test)


def test_columns_that_are_called_as_the_attribute_are_hidden() -> None:
    schema = table().schema
    assert AttributeFromOutputsAndRecord("job").visible(schema).tolist() == [0, 4]
    assert AttributeFromOutputsAndRecord("sex", hidden=("woman", 0)).visible(schema).tolist() == [1, 2, 3]


@pytest.mark.parametrize(
    ("attack", "named", "sentence"),
    [
        (AttributeFromOutputsAndRecord("sex"), True, "column 'woman'"),
        (AttributeFromOutputsAndRecord("sex"), False, "column 4"),
        (AttributeFromOutputsAndRecord("job", value="nurse"), False, "column 2"),
        (AttributeFromOutputsAndRecord("sex", hidden=("hair",)), True, "cannot hide 'hair'"),
        (AttributeFromOutputsAndRecord("sex", hidden=(0, 1, 2, 3, 4)), True, "needs a column that is not hidden"),
        (AttributeFromOutputs("age"), True, "needs the sensitive attribute 'age'"),
        (AttributeFromOutputs("job", value="pilot"), True, "needs the value 'pilot' of 'job'"),
    ],
)
def test_what_gives_the_attribute_away_or_is_missing_is_said_before(
    attack: AttributeInferenceAttack, named: bool, sentence: str
) -> None:
    [found] = demanded(attack, table(named=named))
    assert sentence in found


@pytest.mark.parametrize("hidden", [("woman",), (4,)])
def test_nothing_is_said_once_it_is_hidden(hidden: tuple[int | str, ...]) -> None:
    assert demanded(AttributeFromOutputsAndRecord("sex", hidden=hidden), table()) == []


def test_an_attribute_of_one_value_cannot_be_inferred() -> None:
    data = table()
    same = replace(data.train, z=torch.zeros_like(data.train.z))
    sentences = demanded(AttributeFromOutputs("sex"), replace(data, train=same))
    assert sentences == [
        "AttributeFromOutputs(attribute=sex) needs records of at least two values of 'sex' among the auxiliary records."
    ]
    outcome = AttributeFromOutputs("sex").attack(nn.Linear(5, 2), same, data.test)
    assert outcome == Undefined("the adversary's records are all of one value of 'sex'")
    with pytest.raises(InvalidData, match="needs the sensitive attribute 'age'"):
        AttributeFromOutputs("age").attack(nn.Linear(5, 2), data.train, data.test)


@pytest.mark.parametrize("known", [True, False])
def test_an_adversary_that_cannot_query_learns_from_a_model_of_its_own(
    known: bool, recipe: Recipe, dataset: AmuletDataset
) -> None:
    attack = AttributeFromOutputs(own_model=True, defense_known=known)
    [request] = attack.own_models(Split())[SURROGATE]
    assert request.recipe is (Whose.ROW if known else Whose.PLAIN)
    models = models_for(attack, recipe, dataset, Split())
    outcome = told(attack.play(Game(models, dataset, Split().divide(200), seed=0)))
    assert len(outcome) == len(dataset.test)


def test_it_asks_its_own_model_about_records_that_this_was_not_trained_on(dataset: AmuletDataset) -> None:
    split = Split()
    half = AuxiliaryHalfDraw(split).choose(dataset.train)
    auxiliary = split.divide(200).auxiliary
    assert len(half) == len(auxiliary) // 2
    assert set(half.tolist()) < set(auxiliary.tolist())
    attack, own = AttributeFromOutputs(own_model=True), dataset.train[auxiliary]
    surrogate = TrainedModel(First(), dataset.train.index[half])
    relabelled = replace(own, z=torch.where(surrogate.trained_on(own.index)[:, None], 0, own.z))
    first, other = (
        told(attack.attack(First(), records, dataset.test, models={SURROGATE: [surrogate]}))
        for records in (own, relabelled)
    )
    assert torch.equal(first.scores, other.scores)


def test_a_model_of_ones_own_must_be_there_and_leave_records_to_ask_about(dataset: AmuletDataset) -> None:
    attack = AttributeFromOutputs(own_model=True)
    with pytest.raises(MissingInput, match="needs 1 surrogate models"):
        attack.attack(First(), dataset.train, dataset.test)
    models = {SURROGATE: [TrainedModel(First(), dataset.train.index)]}
    with pytest.raises(MissingInput, match="not on all"):
        attack.attack(First(), dataset.train, dataset.test, models=models)


def test_knowing_no_defense_has_no_effect_without_a_model_of_ones_own() -> None:
    with pytest.raises(InvalidParameter, match="'defense_known' of AttributeFromOutputs must be true"):
        AttributeFromOutputs(defense_known=False)


def test_without_a_split_the_adversary_holds_half_of_the_test_records(dataset: AmuletDataset) -> None:
    whole, division = game_records(dataset, None)
    target = TrainedModel(First(), whole.train.index[division.members])
    outcome = told(AttributeFromOutputs().play(Game({TARGET: (target,)}, whole, division, seed=0)))
    assert len(outcome) == 50
    assert torch.isin(outcome.index, whole.test.index).all()


def test_images_are_attacked_pixel_by_pixel() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (90, 1, 4, 4), dtype=np.uint8), np.arange(90) % 3
    sex = rng.integers(0, 2, 90)
    x[:, 0, 0, 0] = 100 + 50 * sex + rng.integers(0, 20, 90)
    data = from_arrays(
        (x[:60], y[:60]), (x[60:], y[60:]), sensitive=({"sex": sex[:60]}, {"sex": sex[60:]}), name="stamps"
    )
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 3))
    attack = AttributeFromOutputsAndRecord()
    assert demanded(attack, data) == []
    outcome = told(attack.attack(model, data.train, data.test))
    assert len(outcome) == 30


def test_metrics_by_hand() -> None:
    outcome = outcome_of([0, 0, 0, 1, -1], [0, 0, 1, 1, 1])
    assert balanced_accuracy(outcome) == pytest.approx((2 / 3 + 1) / 2)
    assert auc(outcome) == pytest.approx(5 / 6)
    assert baseline_auc(outcome) == 0.5
    assert baseline_balanced_accuracy(outcome) == 0.5


@pytest.mark.parametrize("values", [[0, 0], [1, -1], [-1, -1]])
def test_fewer_than_two_values_have_no_rates(values: list[int]) -> None:
    outcome = outcome_of(values, [0, 1])
    for metric in (auc, balanced_accuracy, baseline_auc, baseline_balanced_accuracy):
        assert metric(outcome) == Undefined("fewer than two values are present")


def test_scores_are_no_nan() -> None:
    with pytest.raises(ValueError, match="must not be NaN"):
        replace(outcome_of([0, 1], [0, 1]), scores=torch.full((2, 2), torch.nan))


def test_a_name_says_which_attribute_is_inferred() -> None:
    assert str(AttributeFromOutputs()) == "AttributeFromOutputs(attribute=sex)"
    assert str(AttributeFromOutputs("race", value="white")) == "AttributeFromOutputs(attribute=race, value=white)"


def test_adversary_and_victims_are_of_one_data_set(dataset: AmuletDataset) -> None:
    with pytest.raises(InvalidData, match="must share one schema"):
        AttributeFromOutputs().attack(First(), dataset.train, table().test)
