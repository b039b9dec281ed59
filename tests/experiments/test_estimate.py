"""What a plan will cost: trainings by their steps, games by small ones, by a clock that only the tasks move."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Self

import pytest
import torch
from torch import Generator, Tensor, nn

from amulet.core.data import Data, Schema
from amulet.core.held import Held
from amulet.core.metric import Undefined
from amulet.core.model import ModelSpec
from amulet.core.probe import Attack, Audit, Game
from amulet.core.spec import Count
from amulet.core.split import Split
from amulet.core.threat import Access, Adversary
from amulet.core.trainable import DataUse, Trainable
from amulet.evasion import EvasionAttack
from amulet.evasion.attacks import PGD, AutoAttack, Transfer, WorstCase
from amulet.experiments import Experiment, Row, Store, assess, plan
from amulet.experiments.graph.plays import Play
from amulet.experiments.planning.estimate import Estimate, Line, estimate
from amulet.experiments.planning.extrapolation import extrapolated
from amulet.experiments.planning.rehearsal import Rehearsal
from amulet.membership_inference.attacks import LiRA, LossThreshold
from amulet.models import LinearNet
from amulet.poisoning.attacks import BadNets
from amulet.poisoning.defenses import SpectralSignatures
from amulet.testing import TOY_RECIPE, toy_dataset
from amulet.training import DPSGD, Finish, Perturb, Placebo, Prepare, Prepared, Removal, Scorer, TrainingFunction
from amulet.unauthorized_model_ownership.attacks import ModelExtraction
from amulet.utility import Utility
from amulet.utility.outcome import PredictionOutcome


class Clock:
    """Stands still but for what tasks say that they take."""

    now = 0.0

    def __call__(self, device: str) -> float:
        del device
        return self.now

    def move(self, seconds: float) -> None:
        self.now += seconds


CLOCK = Clock()
PREPARATION, STEP, PASS, RECORD, PAIR = 3.0, 0.25, 0.05, 0.001, 1e-5
PER_RECORD = 0.1


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("amulet.training.timing.clock", CLOCK)


@dataclass(frozen=True)
class SlowPreparation(Prepare):
    """Takes its time once."""

    data_use = DataUse.RECORD

    def prepare(self, data: Data, rng: Generator) -> Prepared:
        del rng
        CLOCK.move(PREPARATION)
        return Prepared(data)


@dataclass(frozen=True)
class SlowSteps(Perturb):
    """Takes its time at each step."""

    data_use = DataUse.RECORD

    def perturb(self, model: nn.Module, batch: Data, rng: Generator) -> Data:
        del model, rng
        CLOCK.move(STEP)
        return batch


@dataclass(frozen=True)
class Wrapped(Finish):
    """Puts another module around the model."""

    data_use = DataUse.RECORD

    def wrap(self, model: nn.Module) -> nn.Module:
        return nn.Sequential(model)

    def finish(self, model: nn.Module, data: Data, held: Held, rng: Generator) -> Mapping[str, Tensor]:
        del model, data, held, rng
        return {}


@dataclass(frozen=True)
class SlowNet(ModelSpec):
    """Takes its time for each record."""

    def build(self, schema: Schema) -> nn.Module:
        model = LinearNet((4,), norm="group").build(schema)
        model.register_forward_pre_hook(lambda _, given: CLOCK.move(PER_RECORD * len(given[0])))
        return model


@dataclass(frozen=True)
class SlowAttack(EvasionAttack):
    """Takes its time for each step, and for each record in it."""

    needs = Access.LABELS
    steps: Count = 640

    def briefer(self, share: float) -> Self:
        return replace(self, steps=max(1, round(share * self.steps)))

    def perturb(self, adversary: Adversary, victims: Data) -> Tensor:
        CLOCK.move(self.steps * (PASS + RECORD * int((adversary.target.predictions(victims) == victims.y).sum())))
        return victims.x


@dataclass(frozen=True)
class SampledAttack(SlowAttack):
    """On a sample of the records."""

    def sample(self) -> int:
        return 200


@dataclass(frozen=True)
class FailingAttack(EvasionAttack):
    """Raises."""

    needs = Access.LABELS

    def perturb(self, adversary: Adversary, victims: Data) -> Tensor:
        del adversary, victims
        raise ValueError("out of luck")


@dataclass(frozen=True)
class EndlessAttack(EvasionAttack):
    """Asks the model again and again."""

    needs = Access.LABELS

    def perturb(self, adversary: Adversary, victims: Data) -> Tensor:
        while True:
            CLOCK.move(1.0)
            adversary.target.predictions(victims)


@dataclass(frozen=True)
class AuditOfMany(Audit[PredictionOutcome]):
    """Has an outcome only if there are many records, and takes its time for each of them."""

    risk = "utility"
    outcome_type = PredictionOutcome

    def play(self, game: Game) -> PredictionOutcome | Undefined:
        if len(game.test) < 500:
            return Undefined("there are fewer than 500 records")
        CLOCK.move(RECORD * len(game.test))
        return Utility().play(game)


@dataclass(frozen=True)
class Pairs(Scorer):
    """Compares all records with all others."""

    needs_validation = False

    def score(self, model: nn.Module, data: Data, validation: Data | None) -> Tensor:
        del model, validation
        CLOCK.move(PAIR * len(data) ** 2)
        return torch.arange(len(data)).double()


@dataclass(frozen=True)
class PairRemoval(Removal):
    """By such scores."""

    @property
    def scorer(self) -> Pairs:
        return Pairs()


DATA = toy_dataset(4000)
RECIPE = replace(TOY_RECIPE, epochs=5, batch_size=100)
STEPS = 5 * 16  # 3200 training records, of which half are members


def estimated(store: Store, *attacks: Attack, recipe: Trainable = RECIPE, rows: tuple[Row, ...] = ()) -> Estimate:  # type: ignore[type-arg]
    experiment = Experiment(
        "toy", None, recipe, rows, attacks, audits=(Utility(),), seeds=2, split=Split(validation=0.0)
    )
    return estimate(plan(experiment, DATA), store)


def line(found: Estimate, name: str) -> Line:
    return next(each for each in found.lines if each.name.startswith(name))


def test_steps_are_multiplied_and_what_happens_once_is_not(store: Store) -> None:
    slow = replace(RECIPE, stages=(SlowPreparation(), SlowSteps()))
    found = line(estimated(store, recipe=slow), "Train undefended")
    assert (found.missing, found.untold) == (2, 0)
    assert found.seconds == pytest.approx(PREPARATION + STEPS * STEP)


@pytest.mark.parametrize(
    "row",
    [
        Row("private", (DPSGD(epsilon=None, noise_multiplier=1.0, delta=1e-4),)),
        Row("placebo", (Placebo(),)),
        Row("placebos", (Placebo(), Placebo(2))),
    ],
    ids=lambda row: row.label,
)
def test_a_recipe_is_timed_whatever_it_is_wrapped_in(store: Store, row: Row) -> None:
    slow = replace(RECIPE, stages=(SlowSteps(),))
    found = line(estimated(store, recipe=slow, rows=(row,)), f"Train {row.label}")
    assert found.seconds == pytest.approx(STEPS * STEP)


def test_few_steps_are_made_of_many() -> None:
    slow = replace(RECIPE, epochs=1000, stages=(SlowSteps(),))
    before = CLOCK.now
    fitted = slow.timed(1.0).fit(DATA.train, seed=0)
    assert CLOCK.now - before == pytest.approx(1.0 + STEP)  # and a part of the first batch
    assert fitted.facts["seconds of steps left out"] == pytest.approx((1000 * 32 - 4) * STEP - STEP)


def test_slow_models_are_timed_on_parts_of_a_batch_and_samples_of_the_records(store: Store) -> None:
    before = CLOCK.now
    found = estimated(store, ModelExtraction(), recipe=replace(RECIPE, model=SlowNet()))
    assert CLOCK.now - before < 200.0
    taught = 5 * 1600 * PER_RECORD
    accuracy = 1600 * PER_RECORD  # of targets, which are half of those that are trained
    assert line(found, "Train undefended").seconds == pytest.approx(taught + accuracy / 2, rel=0.05)
    asked = 1600 * PER_RECORD  # the attacker's records, by the target
    assert line(found, "Derive Extraction").seconds == pytest.approx(taught + asked, rel=0.05)


def test_attacks_are_counted_by_records_and_iterations(store: Store) -> None:
    found = line(estimated(store, SlowAttack()), "Play SlowAttack")
    assert found.seconds == pytest.approx(640 * (PASS + 800 * RECORD), rel=1e-3)


def test_games_are_tried_once_for_models_of_one_structure(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[Play] = []

    def played(rehearsal: Rehearsal, task: Play) -> float:
        tried.append(task)
        return real(rehearsal, task)

    real = Rehearsal._played
    monkeypatch.setattr(Rehearsal, "_played", played)
    rows = (Row("again", (Placebo(),)), Row("wrapped", (Wrapped(),)))
    found = estimated(store, SlowAttack(), LossThreshold(), rows=rows)
    assert sorted(str(task.probe) for task in tried) == sorted(2 * ["SlowAttack", "LossThreshold", "Utility"])
    assert found.gaps == ()
    assert line(found, "Play SlowAttack").missing == 3 * 2


def test_an_attack_on_a_sample_is_counted_for_the_sample(store: Store) -> None:
    found = line(estimated(store, SampledAttack()), "Play SampledAttack")
    assert found.seconds == pytest.approx(640 * (PASS + 200 * RECORD), rel=1e-3)


def test_a_game_without_an_outcome_on_few_records_is_tried_with_all(store: Store) -> None:
    experiment = Experiment("toy", None, RECIPE, (), audits=(AuditOfMany(),), seeds=2, split=Split(validation=0.0))
    found = line(estimate(plan(experiment, DATA), store), "Play AuditOfMany")
    assert found.seconds == pytest.approx(800 * RECORD)


def test_shadows_are_counted(store: Store) -> None:
    found = estimated(store, LiRA(shadows=4), recipe=replace(RECIPE, stages=(SlowSteps(),)))
    assert line(found, "Train undefended").missing == 2 * (1 + 4)
    assert found.seconds == pytest.approx(10 * STEPS * STEP)


def test_scores_of_pairs_are_quadratic(store: Store) -> None:
    found = line(estimated(store, rows=(Row("removal", (PairRemoval(),)),)), "Score Pairs")
    assert found.seconds == pytest.approx(PAIR * 1600**2, rel=1e-3)


def test_a_training_without_its_worst_records_has_fewer_steps(store: Store) -> None:
    slow = replace(RECIPE, stages=(SlowSteps(),))
    removals = (PairRemoval(percent=50.0), PairRemoval(percent=50.0))
    found = line(estimated(store, recipe=slow, rows=(Row("removal", removals),)), "Train removal")
    assert found.seconds == pytest.approx(STEPS / 4 * STEP)


def test_what_is_not_known_is_named_and_does_not_fail(store: Store) -> None:
    function = TrainingFunction("amulet.utils:train_classifier", LinearNet())
    found = estimated(store, FailingAttack(), EndlessAttack(), LossThreshold(), recipe=function)
    reasons = {gap.name: gap.reason for gap in found.gaps}
    assert "training function" in reasons["Train undefended"]
    assert "out of luck" in reasons["Play FailingAttack"]
    assert "more than 10 seconds" in reasons["Play EndlessAttack"]
    assert line(found, "Play FailingAttack").untold == 2
    assert line(found, "Play LossThreshold").untold == 0


def test_nothing_is_written(store: Store) -> None:
    estimated(store, PGD(epsilon=0.1), LiRA(shadows=2), BadNets(), rows=(Row("removal", (PairRemoval(),)),))
    assert not [path for path in store.root.parent.rglob("*") if path.is_file()]


def test_every_task_of_amulets_own_is_timed(store: Store) -> None:
    attacks = (
        AutoAttack(epsilon=0.1, steps=2, queries=4, records=50),
        WorstCase((PGD(epsilon=0.1), Transfer())),
        LiRA(shadows=2),
    )
    found = estimated(store, *attacks, BadNets(), rows=(Row("removal", (SpectralSignatures(),)),))
    assert found.gaps == ()
    assert all(each.seconds is not None for each in found.lines if each.name != "Source")


def test_what_the_store_has_timed_is_not_tried(experiment: Experiment, store: Store) -> None:
    assess(replace(experiment, seeds=2), store=store.root, workers=1)
    before = CLOCK.now
    found = estimate(plan(replace(experiment, seeds=3)), store)
    assert CLOCK.now == before
    assert found.gaps == ()
    assert line(found, "Train undefended").seconds


@pytest.mark.parametrize(
    ("times", "size", "degree", "expected"),
    [
        ({1.0: 3.0, 2.0: 5.0}, 10.0, 1, 21.0),
        ({1.0: 4.0}, 10.0, 1, 40.0),
        ({1.0: 4.0, 2.0: 4.0}, 10.0, 1, 4.0),
        ({1.0: 4.0, 2.0: 3.0, 10.0: 3.5}, 10.0, 1, 3.5),
        ({1.0: 2.0, 2.0: 5.0, 4.0: 17.0}, 10.0, 2, 101.0),
    ],
    ids=["with an offset", "one time", "all offset", "measured", "quadratic"],
)
def test_times_are_extrapolated(times: dict[float, float], size: float, degree: int, expected: float) -> None:
    assert extrapolated(times, size, degree) == pytest.approx(expected)


@pytest.mark.parametrize("attack", [PGD(), AutoAttack(), Transfer(), WorstCase()], ids=str)
def test_briefer_attacks_have_at_least_one_iteration(attack: EvasionAttack) -> None:
    assert attack.briefer(1.0) == attack
    assert attack.briefer(1e-9).briefer(1e-9) == attack.briefer(1e-9) != attack
