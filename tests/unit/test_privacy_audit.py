"""The audit of privacy: who its canaries are, what it guesses, and that broken training is caught."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from math import inf

import pytest
import torch
from torch import Generator, Tensor, nn

from amulet.core.data import Data
from amulet.core.errors import InvalidParameter
from amulet.core.metric import Undefined
from amulet.core.roles import Whose
from amulet.core.split import Split
from amulet.core.threat import TrainedModel
from amulet.datasets import Digits
from amulet.experiments import Experiment, Row, assess
from amulet.membership_inference import PrivacyAudit, PrivacyAuditOutcome
from amulet.membership_inference.canaries import Canaries, CanaryDraw
from amulet.membership_inference.metrics import epsilon_lower_bound, excess_epsilon
from amulet.models import LinearNet
from amulet.report.pages.matrix_markdown import render
from amulet.statistics import Gate
from amulet.testing import toy_dataset
from amulet.training import DPSGD, Adam, Pace, Recipe
from amulet.training.updates import RecordLosses, Rule

SPLIT = Split(seed=3)
LEARNS_BY_HEART = Recipe(LinearNet(hidden=(256,), norm="group"), epochs=60, batch_size=64, optimizer=Adam(lr=1e-2))
PRIVATE = DPSGD(epsilon=0.5, delta=1e-4, accountant="rdp")


def test_all_members_and_about_half_of_the_canaries_are_trained_on() -> None:
    data, draw = toy_dataset(4000).train, CanaryDraw(SPLIT, Canaries(400))
    division = SPLIT.divide(len(data))
    chosen, canaries = draw.choose(data), draw.canaries.places(division.auxiliary, SPLIT.seed)
    included = torch.isin(canaries, chosen)
    assert torch.isin(division.members, chosen).all()
    assert torch.isin(canaries, division.auxiliary).all()
    assert len(canaries) == 400
    assert 160 < int(included.sum()) < 240
    assert len(chosen) == len(division.members) + int(included.sum()) == draw.count(data)


def test_a_model_that_does_not_say_what_it_was_trained_on_is_refused() -> None:
    with pytest.raises(InvalidParameter, match=r"'audited' of PrivacyAudit must be a TrainedModel, .*\. Got 'Linear'"):
        PrivacyAudit().audit(nn.Linear(6, 2), toy_dataset().test)  # type: ignore[arg-type]


@pytest.mark.parametrize("labels", ["wrong", "own"])
def test_only_canaries_have_other_labels(labels: str) -> None:
    data, draw = toy_dataset(4000).train, CanaryDraw(SPLIT, Canaries(400, labels))  # type: ignore[arg-type]
    before, after = data[draw.choose(data)], draw.take(data)
    members = torch.isin(before.index, data.index[SPLIT.divide(len(data)).members])
    assert torch.equal(before.y == after.y, members if labels == "wrong" else torch.ones_like(members))
    assert torch.equal(before.index, after.index)


def test_a_canary_is_shown_under_the_label_it_is_trained_with() -> None:
    data, draw = toy_dataset(4000).train, CanaryDraw(SPLIT, Canaries(400))
    places = draw.canaries.places(SPLIT.divide(len(data)).auxiliary, SPLIT.seed)
    shown, trained = draw.canaries.labelled(data[places], SPLIT.seed), draw.take(data)
    for index, label in zip(shown.index, shown.y, strict=True):
        assert (trained.y[trained.index == index] == label).all()


def test_coins_and_labels_are_drawn_anew_for_each_seed() -> None:
    data = toy_dataset(4000).train
    first, again, other = (CanaryDraw(Split(seed=seed)).take(data).index.tolist() for seed in (0, 0, 1))
    assert first == again != other


def test_records_are_trained_on_as_they_are_whatever_attacks_the_row() -> None:
    (request,) = PrivacyAudit().models(SPLIT)["audited"]
    assert request.recipe is Whose.UNTAMPERED
    assert request.number is None


def outcome(scores: list[float], included: list[int], share: float, proven: float = inf) -> PrivacyAuditOutcome:
    guesses, confidence, delta, epsilon = (torch.tensor(n).double() for n in ([share], 0.95, 1e-5, proven))
    coins = torch.tensor(included).bool()
    return PrivacyAuditOutcome(
        torch.tensor(scores).double(), coins, torch.arange(len(coins)), guesses, confidence, delta, epsilon
    )


def test_the_highest_and_as_many_of_the_lowest_scores_are_guessed_at() -> None:
    found = outcome([9, 1, 5, 7, 3, 0, 8, 2], [1, 0, 1, 0, 1, 1, 1, 0], share=0.5)
    assert found.counts() == ((3,), (4,))  # 9 and 8 are in, 1 is out; 0 is not


def test_equal_scores_are_ranked_the_same_in_any_order() -> None:
    found = outcome([0.0] * 8, [1, 0, 1, 0, 1, 1, 1, 0], share=0.5)
    assert found[torch.arange(7, -1, -1)].counts() == found.counts()


def test_the_excess_is_what_is_found_above_the_proven_epsilon() -> None:
    scores, coins = [float(place) for place in range(200)], [int(place >= 100) for place in range(200)]
    bound = epsilon_lower_bound(outcome(scores, coins, 0.5))
    assert isinstance(bound, float)
    assert bound == pytest.approx(3.49, abs=0.01)  # log of 20^(1/100) - 1, less a little for delta
    assert excess_epsilon(outcome(scores, coins, 0.5, proven=1.0)) == pytest.approx(bound - 1)
    assert excess_epsilon(outcome(scores, coins, 0.5, proven=8.0)) == 0
    assert excess_epsilon(outcome(scores, coins, 0.5)) == Undefined("training has no privacy guarantee")


def test_too_few_canaries_to_guess_at() -> None:
    assert isinstance(epsilon_lower_bound(outcome([1.0, 2.0], [0, 1], share=0.25)), Undefined)


def test_settings_that_make_no_sense_are_refused() -> None:
    for wrong in ({"guesses": ()}, {"guesses": (1.5,)}, {"confidence": 0.5}, {"canaries": 10**6}, {"labels": "none"}):
        with pytest.raises(InvalidParameter):
            PrivacyAudit(**wrong)


def test_a_model_of_one_s_own_is_audited_with_its_facts() -> None:
    data = toy_dataset(400).train
    trained = TrainedModel(nn.Linear(6, 2), data.index[::2], facts={"epsilon": 2.0, "delta": 1e-3})
    found = PrivacyAudit().audit(trained, data)
    assert found.included.tolist() == [True, False] * 160
    assert (found.proven.item(), found.delta.item()) == (2.0, 1e-3)


class Claiming(Rule):
    """Does one thing and claims the guarantee of another."""

    def __init__(self, does: Rule, claims: Rule) -> None:
        self.does, self.claims = does, claims

    @property
    def steps_per_epoch(self) -> int:
        return self.does.steps_per_epoch

    @property
    def facts(self) -> dict[str, object]:  # type: ignore[override]
        return dict(self.claims.facts)

    def epoch(self, order: Generator) -> Iterator[Tensor]:
        return self.does.epoch(order)

    def backward(self, losses: RecordLosses, model: nn.Module, batch: Data) -> None:
        self.does.backward(losses, model, batch)


@dataclass(frozen=True)
class NoiseOff(DPSGD):
    """Clips, but adds no noise, and claims epsilon all the same."""

    def begin(self, pace: Pace, seed: int, device: str) -> Rule:
        silent = replace(PRIVATE, epsilon=None, noise_multiplier=0.0, clip=self.clip)
        return Claiming(silent.begin(pace, seed, device), PRIVATE.begin(pace, seed, device))


@dataclass(frozen=True)
class ClipOff(DPSGD):
    """Clips at a thousand times the bound that the noise is made for."""

    def begin(self, pace: Pace, seed: int, device: str) -> Rule:
        honest = PRIVATE.begin(pace, seed, device)
        sigma = honest.facts["noise_multiplier"]
        assert isinstance(sigma, float)
        loose = replace(PRIVATE, epsilon=None, noise_multiplier=sigma / 1000, clip=1000 * self.clip, accountant="rdp")
        return Claiming(loose.begin(pace, seed, device), honest)


def test_broken_training_is_caught_and_honest_training_is_not(tmp_path_factory: pytest.TempPathFactory) -> None:
    rows = (
        Row("honest", (PRIVATE,)),
        Row("noise off", (NoiseOff(epsilon=0.5, delta=1e-4),)),
        Row("clip off", (ClipOff(epsilon=0.5, delta=1e-4),)),
    )
    experiment = Experiment("audited", Digits(), LEARNS_BY_HEART, rows, audits=(PrivacyAudit(),), seeds=1)
    results = assess(experiment, workers=1, store=tmp_path_factory.mktemp("store"))
    bounds = {value.row: value.value for value in results.values if value.metric == "epsilon_lower_bound"}
    states = {gate.row: gate.state for gate in results.gates if gate.name == "proof"}
    assert states == {"honest": Gate.PASSED, "noise off": Gate.FAILED, "clip off": Gate.FAILED}
    assert bounds["honest"] == 0
    assert all(bound is not None and bound > 0.5 for row, bound in bounds.items() if row != "honest")
    told = [line for line in render(results, {}).splitlines() if "proof check failed" in line]
    assert [line.partition("“")[2].partition("”")[0] for line in told] == ["noise off", "clip off"]
