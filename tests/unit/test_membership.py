"""Membership inference: the adversary does not see the truth, and rates of too few records are no results."""

import pickle
from dataclasses import dataclass, replace

import numpy as np
import pytest
import torch
from torch import Generator, Tensor, nn
from torch.nn.functional import cross_entropy

from amulet.core.data import Data, Modality, Schema, Selection
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidData, InvalidParameter, MissingInput
from amulet.core.measurements.estimate import Estimate, estimate
from amulet.core.measurements.groups import measure_by_group
from amulet.core.metric import Metric, Undefined
from amulet.core.model import predict
from amulet.core.probe import Game
from amulet.core.roles import SHADOW, TARGET, Whose
from amulet.core.split import Split
from amulet.core.threat import Access, Adversary, TrainedModel
from amulet.experiments import game_for
from amulet.experiments.registry.plugins import metrics_for
from amulet.experiments.results.numbers import Column
from amulet.membership_inference import MembershipInferenceAttack, MembershipOutcome
from amulet.membership_inference.attacks import RMIA, LiRA, LossThreshold, SignalThreshold
from amulet.membership_inference.metrics import TPRAtFPR, accuracy_at_threshold, auc, balanced_accuracy
from amulet.models import LinearNet
from amulet.testing import TOY_RECIPE, toy_dataset
from amulet.training import Adam, Recipe, fit_shadows


@dataclass(frozen=True)
class ByPlace(MembershipInferenceAttack):
    """Guesses from where a record stands among the candidates."""

    needs = Access.LABELS

    def score(self, adversary: Adversary, candidates: Selection) -> Tensor:
        del adversary
        return -torch.arange(len(candidates))


@dataclass(frozen=True)
class Guesses(MembershipInferenceAttack):
    """Draws from the adversary's own randomness."""

    needs = Access.LABELS

    def score(self, adversary: Adversary, candidates: Selection) -> Tensor:
        return torch.rand(len(candidates), generator=adversary.rng)


def outcome_of(members: int, others: int) -> MembershipOutcome:
    count = members + others
    return MembershipOutcome(torch.rand(count), torch.arange(count) < members, torch.arange(count))


def number(value: object) -> float:
    assert isinstance(value, float)
    return value


def test_the_adversary_sees_the_candidates_in_no_telling_order(dataset: AmuletDataset) -> None:
    outcome = ByPlace().attack(nn.Linear(5, 2), dataset.train[torch.arange(100)], dataset.test)
    assert number(auc(outcome)) == pytest.approx(0.5, abs=0.12)
    assert outcome.members.sum() == 100


@dataclass(frozen=True)
class ByStorage(MembershipInferenceAttack):
    """Guesses from where the records are stored, and from weights that only some of them have."""

    needs = Access.LABELS

    def score(self, adversary: Adversary, candidates: Selection) -> Tensor:
        del adversary
        assert candidates.data.weight is None
        return -candidates.places


def test_neither_storage_nor_weights_tell_who_is_a_member(dataset: AmuletDataset) -> None:
    members = dataset.train[torch.arange(100)]
    weighted = replace(members, weight=torch.full((100,), 2.0))
    outcome = ByStorage().attack(nn.Linear(5, 2), weighted, dataset.test)
    assert number(auc(outcome)) == pytest.approx(0.5, abs=0.12)


def test_no_record_is_both_a_member_and_another(dataset: AmuletDataset) -> None:
    with pytest.raises(InvalidData, match=r"The 'others' of LossThreshold must be none of the 'members'\. 3 of 3 are"):
        LossThreshold().attack(nn.Linear(5, 2), dataset.train, dataset.train[torch.arange(3)])


def test_others_with_the_identities_of_members_are_refused(dataset: AmuletDataset) -> None:
    """By their identities it is known which records a shadow model was trained on."""
    others = replace(dataset.test, index=torch.arange(len(dataset.test)))
    with pytest.raises(InvalidData, match=r"'others' of LossThreshold must be numbered .* 100 of 100 have the number"):
        LossThreshold().attack(nn.Linear(5, 2), dataset.train, others)


def test_members_and_others_are_of_one_data_set(dataset: AmuletDataset) -> None:
    others = replace(dataset.test, schema=replace(dataset.test.schema, classes=("granted", "refused")))
    with pytest.raises(InvalidData, match="'others' of LossThreshold must be of the same data set as 'members'"):
        LossThreshold().attack(nn.Linear(5, 2), dataset.train, others)


def test_no_members_is_told_by_the_name_of_the_parameter(dataset: AmuletDataset) -> None:
    with pytest.raises(InvalidData, match=r"The 'members' of LossThreshold must hold at least one record\. Got none\."):
        LossThreshold().attack(nn.Linear(5, 2), dataset.train[torch.arange(0)], dataset.test)


def test_shadows_must_say_what_they_were_trained_on(dataset: AmuletDataset) -> None:
    models = {SHADOW: [nn.Linear(5, 2)]}
    with pytest.raises(InvalidParameter, match=r"'shadow' of SignalThreshold must be a TrainedModel, .* Got 'Linear'"):
        SignalThreshold().attack(nn.Linear(5, 2), dataset.train, dataset.test, models=models)  # type: ignore[arg-type]


@pytest.mark.parametrize("models", [[1], {SHADOW: nn.Linear(5, 2)}], ids=["a list", "one bare model"])
def test_models_come_in_sequences_by_role(models: object, dataset: AmuletDataset) -> None:
    with pytest.raises(InvalidParameter, match="The 'models' of an adversary must be a map from roles to sequences"):
        SignalThreshold().attack(nn.Linear(5, 2), dataset.train, dataset.test, models=models)  # type: ignore[arg-type]


def test_a_score_that_is_no_number_names_attack_and_cause(dataset: AmuletDataset) -> None:
    """Of a class that a model excludes, the log odds are infinite, and so is the mean over shadow models."""
    excluding = nn.Linear(5, 2)
    nn.init.constant_(excluding.bias[1:].detach(), float("-inf"))
    division = Split().divide(200)
    shadows = [
        TrainedModel(excluding, dataset.train.index[places]) for places in (division.members, division.auxiliary)
    ]
    members, others = dataset.train[division.members], dataset.train[division.auxiliary]
    with pytest.raises(InvalidData, match=r"LiRA\(shadows=2\) has no score for .* a logit of minus infinity\?"):
        LiRA(shadows=2).attack(excluding, members, others, models={SHADOW: shadows})


def test_scores_truth_and_identities_belong_together(dataset: AmuletDataset) -> None:
    model = nn.Linear(5, 2)
    outcome = LossThreshold().attack(model, dataset.train, dataset.test)
    assert torch.equal(outcome.members, outcome.index < 200)
    everyone = torch.cat([dataset.train.x, dataset.test.x]), torch.cat([dataset.train.y, dataset.test.y])
    losses = cross_entropy(predict(model, everyone[0]).double(), everyone[1], reduction="none")
    assert torch.allclose(outcome.scores, -losses[outcome.index])


def test_the_attack_repeats_itself_for_one_seed(dataset: AmuletDataset) -> None:
    model = nn.Linear(5, 2)
    first, again, other = (Guesses().attack(model, dataset.train, dataset.test, seed=seed) for seed in (0, 0, 1))
    assert torch.equal(first.scores, again.scores)
    assert torch.equal(first.index, again.index)
    assert not torch.equal(first.index, other.index)


def test_members_are_the_draw_even_where_a_defense_dropped_some(dataset: AmuletDataset) -> None:
    division = Split().divide(200)
    target = TrainedModel(nn.Linear(5, 2), dataset.train.index[division.members])
    outcome = LossThreshold().play(Game({TARGET: (target,)}, dataset, division, seed=0))
    found = outcome.index[outcome.members].sort().values
    assert torch.equal(found, dataset.train.index[division.members])
    assert torch.equal(outcome.index[~outcome.members].sort().values, dataset.train.index[division.auxiliary])


def test_a_model_that_has_learnt_by_heart_gives_its_members_away(dataset: AmuletDataset) -> None:
    rng = Generator().manual_seed(0)
    members, others = (
        replace(part, y=torch.randint(2, (len(part),), generator=rng))
        for part in (dataset.train[torch.arange(50)], dataset.test)
    )
    recipe = Recipe(LinearNet(hidden=(64, 64), norm="none"), epochs=100, batch_size=25, optimizer=Adam(lr=0.02))
    outcome = LossThreshold().attack(recipe.fit(members, seed=0).model, members, others)
    assert number(auc(outcome)) > 0.7


def test_lira_without_shadows_says_what_is_missing(dataset: AmuletDataset) -> None:
    with pytest.raises(MissingInput) as caught:
        LiRA().attack(nn.Linear(5, 2), dataset.train, dataset.test)
    assert str(caught.value) == (
        "LiRA needs 16 shadow models. Got 0. Train them with amulet.experiments.models_for, "
        "or use an attack that needs none."
    )


def test_lira_with_shadows_that_never_saw_a_candidate_says_so(recipe: Recipe, dataset: AmuletDataset) -> None:
    """A record that is never in cannot be scored; the shadows here know nothing of the test records."""
    shadows = fit_shadows(recipe, dataset, Split(validation=0), 4)
    with pytest.raises(MissingInput, match="shadow"):
        LiRA(shadows=4).attack(nn.Linear(5, 2), dataset.train, dataset.test, models={SHADOW: shadows})


def test_lira_takes_the_shadows_that_an_assessment_draws(recipe: Recipe, dataset: AmuletDataset) -> None:
    split = Split(validation=0.2)
    division, shadows = split.divide(200), fit_shadows(recipe, dataset, split, 4)
    target = TrainedModel(nn.Linear(5, 2), dataset.train.index[division.members])
    outcome = LiRA(shadows=4).play(Game({TARGET: (target,), SHADOW: shadows}, dataset, division, seed=0))
    assert len(outcome) == 160
    assert outcome.scores.dtype == torch.float64


def test_lira_leaves_its_shadows_as_they_were(dataset: AmuletDataset) -> None:
    shadows = [
        TrainedModel(LinearNet(hidden=(4,)).build(dataset.schema).train(), dataset.train.index[half])
        for _ in range(2)
        for half in torch.arange(200).chunk(2)
    ]
    members, others = (dataset.train[half] for half in torch.arange(200).chunk(2))
    LiRA(shadows=4).attack(nn.Linear(5, 2), members, others, models={SHADOW: shadows})
    assert all(module.training for shadow in shadows for module in shadow.model.modules())


@pytest.mark.parametrize("count", [3, 5])
def test_shadows_come_in_pairs(count: int) -> None:
    with pytest.raises(InvalidParameter, match="'shadows' of LiRA must be"):
        LiRA(shadows=count)


@pytest.mark.parametrize("known", [True, False])
def test_lira_asks_for_its_shadows_and_says_whether_it_knows_the_defense(known: bool) -> None:
    asked = LiRA(shadows=8, defense_known=known).own_models(Split())[SHADOW]
    assert [request.recipe for request in asked] == [Whose.ROW if known else Whose.PLAIN] * 8


def test_the_loss_threshold_needs_no_shadows() -> None:
    assert LossThreshold().own_models(Split()) == {}


@pytest.mark.parametrize(("fpr", "others"), [(0.01, 1000), (0.05, 200), (0.001, 10_000), (0.08, 125)])
def test_tpr_at_fpr_needs_ten_accused(fpr: float, others: int) -> None:
    metric = TPRAtFPR(fpr)
    assert isinstance(metric(outcome_of(50, others)), float)
    assert metric(outcome_of(50, others - 1)) == Undefined(
        f"fewer than 10 of {others - 1} non-members would be accused"
    )


@pytest.mark.parametrize("metric", [auc, balanced_accuracy, TPRAtFPR(0.5)], ids=str)
@pytest.mark.parametrize(("members", "others"), [(0, 40), (40, 0)])
def test_one_kind_of_record_alone_has_no_rates(metric: Metric[MembershipOutcome], members: int, others: int) -> None:
    assert metric(outcome_of(members, others)) == Undefined("there are no members, or no others")


def test_tpr_at_fpr_by_hand() -> None:
    """Three of 100 others are accused at a threshold of 8, which finds all members but one of four."""
    others = [9.0, 8.0, 8.0] + [0.0] * 97
    members = [9.5, 8.5, 8.0, -1.0]
    outcome = MembershipOutcome(torch.tensor(members + others), torch.arange(104) < 4, torch.arange(104))
    assert TPRAtFPR(0.1)(outcome) == 0.75
    assert balanced_accuracy(outcome) == pytest.approx((0.75 + 0.97) / 2)


@pytest.mark.parametrize("sure", [5.0, 40.0, 300.0])
def test_the_loss_still_tells_apart_what_a_model_is_very_sure_of(sure: float) -> None:
    """Over-fitted models are: a loss that rounds to zero for members and others alike would hide the leak."""
    schema = Schema(Modality.TABULAR, (2,), ("no", "yes"), low=-1e3, high=1e3)
    logits = torch.tensor([[sure, 0.0], [sure - 1, 0.0], [0.0, sure + 1], [0.0, sure - 2]])
    zero = torch.zeros(4, 0, dtype=torch.int64)
    data = Data(logits, torch.tensor([0, 0, 1, 1]), zero, torch.arange(4), schema)
    outcome = LossThreshold().attack(nn.Identity(), data[torch.tensor([0, 2])], data[torch.tensor([1, 3])])
    assert auc(outcome) == 1.0
    assert outcome.scores.sort(descending=True).values.numpy() == pytest.approx(
        [-np.log1p(np.exp(-margin)) for margin in (sure + 1, sure, sure - 1, sure - 2)], rel=1e-6
    )


@pytest.mark.parametrize(("fpr", "margin"), [(0.001, 0.002), (0.01, 0.02), (0.05, 0.02), (0.5, 0.02)])
def test_the_margin_scales_with_the_rate_up_to_one_member_in_fifty(fpr: float, margin: float) -> None:
    metric = TPRAtFPR(fpr)
    assert metric.margin == pytest.approx(margin)
    assert Column.of(LossThreshold(), metric).margin == metric.margin
    assert pickle.loads(pickle.dumps(metric)).margin == metric.margin  # noqa: S301 - our own
    assert TPRAtFPR.margin == 0.02


def test_one_percent_and_one_in_a_thousand_are_measured_where_no_rate_is_listed() -> None:
    names = [str(metric) for metric in metrics_for(LossThreshold(), ())]
    assert names == ["TPRAtFPR(fpr=0.01)", "TPRAtFPR(fpr=0.001)", "auc", "balanced_accuracy"]
    listed = [str(metric) for metric in metrics_for(LossThreshold(), (TPRAtFPR(0.05),))]
    assert listed == ["auc", "balanced_accuracy", "TPRAtFPR(fpr=0.05)"]


def test_the_accuracy_of_decisions_is_measured_for_attacks_that_decide() -> None:
    assert "accuracy_at_threshold" in [str(metric) for metric in metrics_for(SignalThreshold(), ())]
    for attack in (LossThreshold(), LiRA(), RMIA()):
        assert "accuracy_at_threshold" not in [str(metric) for metric in metrics_for(attack, ())]


def test_metrics_by_sensitive_group_are_those_of_its_records_with_intervals() -> None:
    data = toy_dataset(records=2500)
    outcome = SignalThreshold().play(game_for(SignalThreshold(), TOY_RECIPE, data, Split()))
    sex = data.train.attribute("sex")[torch.searchsorted(data.train.index, outcome.index)]
    for metric in (auc, balanced_accuracy, accuracy_at_threshold, TPRAtFPR(0.05)):
        by_group = measure_by_group(metric, outcome, data, "sex")
        assert by_group == {str(code): metric(outcome[sex == code]) for code in (0, 1)}
        found = estimate(metric, outcome[sex == 1])
        assert isinstance(found, Estimate)
        assert found.value == by_group["1"]
        assert found.interval is not None
        assert found.interval[0] <= found.value <= found.interval[1]
