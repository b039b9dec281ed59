"""Two trained models compared: nothing is trained, records are paired, and the intervals are over records."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from scipy import stats
from torch import nn

from amulet.core.dataset import AmuletDataset
from amulet.core.errors import AmuletError, InvalidParameter
from amulet.core.measurements.tally import Tally
from amulet.core.probe import Attack, Audit, Game, Probe
from amulet.core.roles import TARGET, target_request
from amulet.core.split import Split
from amulet.discriminatory_behavior import Discrimination
from amulet.evasion.attacks import PGD
from amulet.evasion.metrics import noise_accuracy, robust_accuracy
from amulet.experiments import PairResults, compare
from amulet.experiments.pairs.comparison import answer
from amulet.experiments.pairs.differences import gains_on_resamples, measured_pairs
from amulet.experiments.pairs.questions import Questions
from amulet.experiments.pairs.shared_game import SharedGame, game_records
from amulet.experiments.registry.plugins import Kind, plugins
from amulet.membership_inference.attacks import LiRA, LossThreshold
from amulet.membership_inference.metrics import TPRAtFPR, auc, balanced_accuracy
from amulet.models import LinearNet
from amulet.poisoning.attacks import BadNets
from amulet.statistics import Gate, Word
from amulet.training import Recipe
from amulet.utility import PredictionOutcome, Utility

Places = NDArray[np.int64]
PROBES = (Utility(), PGD(epsilon=0.1, steps=2), LossThreshold())
RECIPE = Recipe(LinearNet((8,), norm="group"), epochs=3, batch_size=32)


@pytest.fixture(scope="module")
def before(dataset: AmuletDataset) -> nn.Module:
    return RECIPE.fit(dataset.train, seed=0).model


@pytest.fixture(scope="module")
def after(dataset: AmuletDataset) -> nn.Module:
    """Of another architecture."""
    return Recipe(LinearNet((16, 8), norm="none"), epochs=30, batch_size=32).fit(dataset.train, seed=1).model


@pytest.fixture(scope="module")
def results(before: nn.Module, after: nn.Module, dataset: AmuletDataset) -> PairResults:
    return compare(before, after, dataset, probes=PROBES)


def test_both_values_are_those_of_the_probes_themselves(
    results: PairResults, before: nn.Module, after: nn.Module, dataset: AmuletDataset
) -> None:
    by_name = {(cell.column.risk, cell.column.metric): cell for cell in results.cells}
    robust, attacked = by_name["evasion", "robust_accuracy"], by_name["membership_inference", "auc"]
    assert robust.before == robust_accuracy(PGD(epsilon=0.1, steps=2).attack(before, dataset.test))
    assert attacked.after == auc(LossThreshold().attack(after, dataset.train, dataset.test))
    assert attacked.records == len(dataset.train) + len(dataset.test)
    assert results.records == {"members": 200, "others": 100, "test": 100}


@pytest.mark.parametrize("probe", [Utility(), LossThreshold()], ids=str)
def test_the_interval_is_scipys(
    probe: Utility | LossThreshold, before: nn.Module, after: nn.Module, dataset: AmuletDataset
) -> None:
    """One primary metric, so its interval is that of level 95%; members and others are drawn apart."""
    [cell] = [c for c in compare(before, after, dataset, probes=[probe], resamples=2000).cells if c.column.primary]
    if isinstance(probe, Utility):
        outcomes = [probe.audit(model, dataset.test).probabilities.argmax(1).numpy() for model in (before, after)]
        labels = dataset.test.y.numpy()
        groups = [np.arange(len(labels))]

        def value(found: Places, at: Places) -> float:
            return float(np.mean([(found == labels)[at][labels[at] == code].mean() for code in (0, 1)]))
    else:
        attacked = [probe.attack(model, dataset.train, dataset.test) for model in (before, after)]
        outcomes = [outcome.scores.numpy() for outcome in attacked]
        members = attacked[0].members.numpy()
        groups = [np.flatnonzero(members), np.flatnonzero(~members)]

        def value(found: Places, at: Places) -> float:
            ins, outs = found[at][members[at]], found[at][~members[at]]
            return float(np.searchsorted(np.sort(outs), ins).mean() / len(outs))

    theirs = stats.bootstrap(
        groups,
        lambda *drawn: value(outcomes[1], np.concatenate(drawn)) - value(outcomes[0], np.concatenate(drawn)),
        n_resamples=2000,
        method="percentile",
        vectorized=False,
        rng=0,
    )
    assert cell.verdict.interval == pytest.approx(tuple(theirs.confidence_interval), abs=0.3 * theirs.standard_error)


def test_the_same_arguments_give_the_same_bytes_and_come_back_from_them(
    results: PairResults, before: nn.Module, after: nn.Module, dataset: AmuletDataset
) -> None:
    one, again, other = (compare(before, after, dataset, probes=[Utility()], seed=seed) for seed in (0, 0, 1))
    assert one.to_json() == again.to_json()
    assert [cell.verdict.interval for cell in other.cells] != [cell.verdict.interval for cell in one.cells]
    assert PairResults.from_json(results.to_json()) == results
    assert results.tested == Tally.of(dataset.test)


def test_models_are_left_as_they_were(dataset: AmuletDataset) -> None:
    model = RECIPE.build(dataset.schema).train()
    weights = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    compare(model, model, dataset, probes=PROBES)
    assert model.training
    assert all(parameter.grad is None and parameter.requires_grad for parameter in model.parameters())
    assert all(torch.equal(tensor, weights[name]) for name, tensor in model.state_dict().items())


def test_a_model_beside_itself_is_unchanged_by_construction(before: nn.Module, dataset: AmuletDataset) -> None:
    results = compare(before, before, dataset, probes=PROBES)
    assert {cell.verdict.word for cell in results.cells if not cell.reasons} == {Word.UNCHANGED}
    assert {cell.verdict.word for cell in results.cells if cell.reasons} == {Word.UNDEFINED}


def test_models_that_decide_alike_are_not_taken_for_one(before: nn.Module, dataset: AmuletDataset) -> None:
    """Twice the logits give the same decisions, on these records at least."""
    doubled = nn.Sequential(before, _Twice())
    results = compare(before, doubled, dataset, probes=[Utility()])
    words = {cell.column.metric: cell.verdict.word for cell in results.cells}
    assert words["balanced_accuracy"] is Word.INCONCLUSIVE
    assert words["accuracy"] is Word.INCONCLUSIVE


def test_with_a_split_members_and_others_are_the_assessments(
    before: nn.Module, after: nn.Module, dataset: AmuletDataset
) -> None:
    split = Split(seed=3)
    division = split.divide(len(dataset.train))
    results = compare(before, after, dataset, probes=[LossThreshold()], split=split)
    expected = LossThreshold().attack(before, dataset.train[division.members], dataset.train[division.auxiliary])
    [cell] = [cell for cell in results.cells if cell.column.metric == "auc"]
    assert cell.before == auc(expected)
    assert results.records["members"] == len(division.members)


def test_parts_that_both_count_from_zero_are_told_apart(
    before: nn.Module, after: nn.Module, dataset: AmuletDataset
) -> None:
    test = replace(dataset.test, index=torch.arange(len(dataset.test)))
    counted = AmuletDataset("counted", dataset.train, test)
    found, expected = (compare(before, after, data, probes=[LossThreshold()]).cells for data in (counted, dataset))
    assert found == expected


@pytest.mark.parametrize(
    "probe",
    [
        pytest.param(probe, id=str(probe))
        for plugin in plugins()
        if plugin.kind in {Kind.ATTACK, Kind.AUDIT}
        and isinstance(probe := plugin.spec(), Probe)
        and probe.models(Split()) == {TARGET: (target_request(Split()),)}
    ],
)
def test_every_probe_that_needs_no_training_can_be_compared(
    probe: Audit[PredictionOutcome], before: nn.Module, after: nn.Module, dataset: AmuletDataset
) -> None:
    assert set(probe.outcome_type.truth) <= set(probe.outcome_type.__annotations__)
    assert all(
        cell.before is not None or cell.reasons for cell in compare(before, after, dataset, probes=[probe]).cells
    )


def test_every_problem_is_told_at_once(before: nn.Module, dataset: AmuletDataset) -> None:
    wide, narrow = nn.Linear(6, 2), nn.Linear(5, 3)
    shapes = "mat1 and mat2 shapes cannot be multiplied (2x5 and 6x2)"
    with pytest.raises(InvalidParameter) as found:
        compare(wide, narrow, dataset, probes=[Utility(), Discrimination("age")], metrics=[TPRAtFPR(0.05)])
    assert [problem.sentence for problem in found.value.problems] == [
        "Discrimination(attribute=age) needs the sensitive attribute 'age'; the data set has: sex, race.",
        "TPRAtFPR(fpr=0.05) has no effect: no attack or audit gives a MembershipOutcome.",
        f"The model 'before' cannot take records of shape (5,): {shapes}.",
        "The 'after' of compare must be a map to logits of shape (n, 2). Got (2, 3) for 2 records.",
    ]
    advice = "Leave it out, or assess both recipes with `amulet assess`."
    with pytest.raises(InvalidParameter) as found:
        compare(before, before, dataset, probes=[Utility(), Utility(), LiRA()], resamples=100)
    assert [problem.sentence for problem in found.value.problems] == [
        "The 'attacks and audits' of Questions must be all different. Got ['Utility', 'Utility', 'LiRA'].",
        f"LiRA needs 16 shadow models, and a pair is compared without training any. {advice}",
        "The 'resamples' of Questions must be at least 2400 for 3 simultaneous intervals. Got 100.",
    ]


def test_an_attack_that_tampers_with_training_cannot_be_asked_of_models_that_are_trained(
    before: nn.Module, dataset: AmuletDataset
) -> None:
    with pytest.raises(InvalidParameter, match="BadNets is played on a model that was trained on tampered records"):
        compare(before, before, dataset, probes=[BadNets()])


def test_a_model_that_gives_no_numbers_is_refused(after: nn.Module, dataset: AmuletDataset) -> None:
    broken = nn.Linear(5, 2)
    nn.init.constant_(broken.weight, float("nan"))
    with pytest.raises(InvalidParameter, match="The model 'before' gives NaN or infinity"):
        compare(broken, after, dataset, probes=[Utility()])


def test_outcomes_of_other_records_are_refused(before: nn.Module, after: nn.Module, dataset: AmuletDataset) -> None:
    with pytest.raises(AmuletError, match="gave outcomes of other records for the second model than for the first"):
        compare(before, after, dataset, probes=[_OnlyTheSure()])


def test_a_metric_without_a_value_says_why(results: PairResults) -> None:
    [cell] = [cell for cell in results.cells if cell.column.metric == "TPRAtFPR(fpr=0.01)"]
    assert cell.verdict.word is Word.UNDEFINED
    assert cell.difference is None
    assert cell.reasons == ("fewer than 10 of 100 non-members would be accused",)


def test_exploratory_metrics_are_read_off_fewer_resamples(results: PairResults) -> None:
    assert results.resamples == 2400
    assert {cell.resamples for cell in results.cells if cell.column.primary} == {2400}
    assert {cell.resamples for cell in results.cells if not cell.column.primary} == {800, 0}  # 0 where undefined


def test_the_work_is_told(before: nn.Module, after: nn.Module, dataset: AmuletDataset) -> None:
    heard: list[tuple[str, int, int]] = []
    answer(before, after, dataset, Questions((Utility(),)), lambda *step: heard.append(step))
    assert list(dict.fromkeys(heard)) == [("Utility", done, 800) for done in range(0, 801, 50)]


def test_the_frame_has_a_line_for_each_metric(results: PairResults) -> None:
    frame = results.frame
    assert len(frame) == len(results.cells)
    assert ((frame.low <= frame.difference) & (frame.difference <= frame.high))[frame.primary].all()


@pytest.mark.parametrize("probes", [PROBES, PROBES[1:]], ids=["with Utility", "without"])
def test_a_model_that_names_one_class_has_no_verdicts_on_its_risks(
    after: nn.Module, dataset: AmuletDataset, probes: tuple[Attack[Any] | Audit[Any], ...]
) -> None:
    """It is almost constant; without any gradient, PGD would refuse it."""
    constant = nn.Linear(5, 2)
    nn.init.normal_(constant.weight, std=1e-4)
    nn.init.constant_(constant.bias[:1].data, 3.0)
    results = compare(after, constant, dataset, probes=probes)
    assert [(gate.name, gate.row, gate.state) for gate in results.gates] == [
        ("model", "before", Gate.PASSED),
        ("model", "after", Gate.FAILED),
    ]
    words = {cell.verdict.word for cell in results.cells if cell.column.risk != "utility"}
    assert words <= {Word.NOT_INTERPRETABLE, Word.UNDEFINED}
    for cell in results.cells:
        if cell.column.metric == "balanced_accuracy" and cell.column.risk == "utility":
            assert cell.verdict.word is Word.DECREASES
    assert PairResults.from_json(results.to_json()) == results


class _Twice(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Twice as sure."""
        return 2 * x


@dataclass(frozen=True)
class _OnlyTheSure(Audit[PredictionOutcome]):
    """Leaves out records that the model is unsure of, as no probe should."""

    risk = "utility"
    outcome_type = PredictionOutcome

    def play(self, game: Game) -> PredictionOutcome:
        """Which records these are depends on the model."""
        outcome = Utility().play(game)
        return outcome[outcome.probabilities.max(1).values > 0.8]


def test_an_attack_below_chance_has_the_sums_by_which_it_is_compared_turned_round(
    before: nn.Module, dataset: AmuletDataset
) -> None:
    """The opposite logits give two classes the opposite order of losses, so that the two AUCs add up to one."""
    probe, game = LossThreshold(), SharedGame((before, _Opposite(before)), *game_records(dataset, None), alike=False)
    found = measured_pairs(probe, Questions((probe,)), game, game.play(probe, seed=0), lambda *_: None)
    sums = {each.column.metric: each.resampled.sums for each in found}
    assert sums["auc"] == pytest.approx(np.zeros(800), abs=1e-9)
    assert sums["balanced_accuracy"] is None


class _Opposite(nn.Module):
    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits: torch.Tensor = self.model(x)
        return -logits


def test_an_attack_gains_over_its_chance_level_or_by_its_primary_metric() -> None:
    values = np.array([[0.6, 0.7], [0.5, 0.4]])
    drawn = {auc: values, balanced_accuracy: values[:, :1], TPRAtFPR(fpr=0.1): values}
    gained = [gains_on_resamples(LossThreshold(), metric, drawn) for metric in drawn]
    assert np.allclose(gained[0], values - 0.5)
    assert np.allclose(gained[1], values - 0.5)  # it has no chance level
    assert np.allclose(gained[2], values - 0.1)
    evaded = {robust_accuracy: values, noise_accuracy: np.array([[0.9], [0.8]])}
    assert np.allclose(gains_on_resamples(PGD(), robust_accuracy, evaded), [[0.3], [0.3]])
    assert gains_on_resamples(PGD(), noise_accuracy, evaded) == ()
    assert gains_on_resamples(Utility(), auc, drawn) == ()
