"""Games about more models than one: each is a task, trained once, loaded when it is asked for."""

import re
from dataclasses import dataclass, replace
from typing import Any

import pytest
import torch
from torch import Generator, Tensor

from amulet.core.data import Data, concatenate
from amulet.core.dataset import AmuletDataset
from amulet.core.dataset_spec import DatasetSpec
from amulet.core.errors import InvalidData, InvalidParameter
from amulet.core.metric import Metric, Undefined
from amulet.core.outcome import Outcome
from amulet.core.probe import Audit, Game
from amulet.core.roles import ModelRequest, Requests, Whose, target_request
from amulet.core.split import AuxiliaryDraw, MemberDraw, RatioDraw, Split, WholeDraw
from amulet.core.threat import TrainedModel
from amulet.core.trainable import DataUse
from amulet.derivations import Extraction, FineTuning, Pruning, Quantization
from amulet.experiments import BASELINE, Experiment, Row, Store, models_for, plan
from amulet.experiments.assess import carry_out
from amulet.experiments.graph.tasks import Train
from amulet.experiments.planning.plan import count_by_kind
from amulet.membership_inference.attacks import LossThreshold
from amulet.membership_inference.defenses import EarlyStopping
from amulet.poisoning.attacks import BadNets
from amulet.poisoning.defenses import OutlierRemoval, SpectralSignatures
from amulet.testing import TOY_RECIPE, toy_dataset
from amulet.training import Prepare, Prepared
from amulet.utility import Utility


@dataclass(frozen=True, eq=False)
class AgreementOutcome(Outcome):
    """How often each suspect agrees with the target.

    Attributes:
        agreement: (n,) share of test records.
        stolen: (n,) bool.
    """

    unit = "suspect"
    truth = ("stolen",)
    agreement: Tensor
    stolen: Tensor


@dataclass(frozen=True)
class Agreement(Audit[AgreementOutcome]):
    """Compares models made from the target with models that were trained without it."""

    risk = "unauthorized_model_ownership"
    outcome_type = AgreementOutcome

    def models(self, split: Split) -> Requests:
        """Stolen from the target, one through another theft; independent, one of another data set."""
        target, own = target_request(split), AuxiliaryDraw(split)
        tuned = ModelRequest(own, Whose.PLAIN, 0, FineTuning(), target)
        return {
            "target": (target,),
            "stolen": (
                ModelRequest(own, Whose.PLAIN, 0, Extraction(), target),
                tuned,
                ModelRequest(own, Whose.PLAIN, 1, Pruning(0.3), tuned),
                ModelRequest(own, Whose.PLAIN, 0, Quantization(), target),
            ),
            "independent": (
                ModelRequest(own, Whose.PLAIN, 0),
                ModelRequest(WholeDraw(split), Whose.PLAIN, 0, source=OtherToys()),
            ),
        }

    def play(self, game: Game) -> AgreementOutcome:
        """On the test records."""
        own = game.target.model(game.test.x).argmax(1)
        suspects = [each for role in ("stolen", "independent") for each in game.models[role]]
        found = [(each.model(game.test.x).argmax(1) == own).double().mean() for each in suspects]
        stolen = torch.arange(len(suspects)) < len(game.models["stolen"])
        return AgreementOutcome(torch.stack(found), stolen)


@dataclass(frozen=True)
class StolenAgreement(Metric[AgreementOutcome]):
    """Mean agreement of the stolen suspects."""

    low, high, riskier, primary = 0.0, 1.0, "high", True

    def measure(self, outcome: AgreementOutcome) -> float:
        return outcome.agreement[outcome.stolen].mean().item()


@dataclass(frozen=True)
class OtherToys(DatasetSpec):
    """Records of another draw."""

    def load(self) -> AmuletDataset:
        return replace(toy_dataset(seed=9), name="others")


def played(experiment: Experiment, store: Store) -> dict[str, Any]:
    planned, _ = carry_out(plan(experiment), store, workers=1)
    return {f"{trial.row} {trial.play.probe}": store.load(trial.play) for trial in planned.trials}


@pytest.fixture
def suspects(experiment: Experiment) -> Experiment:
    alone = replace(experiment, recipe=TOY_RECIPE, defenses=(), attacks=(), audits=(Agreement(),), seeds=1)
    return replace(alone, metrics=(StolenAgreement(),))


def test_models_made_from_models_are_tasks(suspects: Experiment, store: Store) -> None:
    planned, results = carry_out(plan(suspects), store, workers=1)

    counts = count_by_kind(planned.tasks)
    assert (counts["Train"], counts["Derive"], counts["Source"]) == (3, 4, 2)
    (value,) = results.values
    assert value.value is not None
    assert value.value > 0.8
    outcome = store.load(planned.trials[0].play)
    assert isinstance(outcome, AgreementOutcome)
    assert outcome.agreement[outcome.stolen].min() > outcome.agreement[~outcome.stolen].max() - 0.2


def test_what_a_game_does_not_look_at_is_not_loaded(suspects: Experiment, store: Store) -> None:
    planned, _ = carry_out(plan(suspects), store, workers=1)
    (play,) = (trial.play for trial in planned.trials)
    loaded: list[str] = []

    class Counting:
        def load(self, task: Any) -> Any:
            loaded.append(type(task).__name__)
            return store.load(task)

    game = play.game(Counting())
    assert not {"Train", "Derive"} & set(loaded)
    assert isinstance(game.models["stolen"][1], TrainedModel)
    assert loaded.count("Derive") == 1


def test_models_by_hand_are_those_of_the_assessment(suspects: Experiment, store: Store) -> None:
    planned, _ = carry_out(plan(suspects), store, workers=1)
    models = models_for(Agreement(), TOY_RECIPE, toy_dataset(), suspects.split)
    for role in planned.trials[0].play.cast:
        for task, own in zip(role.tasks, models[role.name], strict=True):
            stored = store.load(task).model.state_dict()
            assert all(torch.equal(tensor, stored[name]) for name, tensor in own.model.state_dict().items())


def test_a_model_of_another_data_set_knows_no_record(suspects: Experiment) -> None:
    models = models_for(Agreement(), TOY_RECIPE, toy_dataset(), suspects.split)
    assert len(models["independent"][1].index) == 0
    assert len(models["independent"][0].index) == len(suspects.split.divide(128).auxiliary)


@dataclass(frozen=True)
class Worlds(Audit[AgreementOutcome]):
    """Victims in two worlds, one model for each draw."""

    risk = "distribution_inference"
    outcome_type = AgreementOutcome
    ratios: tuple[float, float] = (0.2, 0.8)
    size: float = 0.25

    def models(self, split: Split) -> Requests:
        """Two models a world, and no target."""
        return {
            f"world {world}": tuple(
                ModelRequest(RatioDraw(split, ratio=ratio, size=self.size, number=number), number=2 * number + world)
                for number in range(2)
            )
            for world, ratio in enumerate(self.ratios)
        }

    def play(self, game: Game) -> AgreementOutcome:
        """Mean prediction of each model."""
        models = [(each, world) for world in (0, 1) for each in game.models[f"world {world}"]]
        means = torch.stack([each.model(game.test.x).softmax(1)[:, 1].mean() for each, _ in models])
        return AgreementOutcome(means.detach().double(), torch.tensor([world == 1 for _, world in models]))


def test_a_game_without_a_target_has_worlds(experiment: Experiment, store: Store) -> None:
    rows = experiment.defenses[:1]
    worlds = replace(experiment, defenses=rows, attacks=(), audits=(Worlds(),), metrics=(StolenAgreement(),), seeds=2)
    planned, results = carry_out(plan(worlds), store, workers=1)
    assert count_by_kind(planned.tasks)["Train"] == 2 * 4 * len(worlds.rows)
    assert len(results.values) == 2 * len(worlds.rows)
    assert results.facts == {}
    data = toy_dataset().train
    for role in planned.trials[0].play.cast:
        shares = [task.draw.take(data).attribute("sex").double().mean().item() for task in role.tasks]
        assert shares == pytest.approx([0.2 if role.name == "world 0" else 0.8] * 2, abs=0.05)


def test_records_that_do_not_suffice_for_a_ratio_are_told_before_training(experiment: Experiment) -> None:
    scarce = replace(experiment, audits=(Worlds(ratios=(0.0, 1.0), size=0.9),), attacks=(), seeds=2)
    with pytest.raises(InvalidParameter) as caught:
        plan(scarce)
    assert len(caught.value.problems) == 4  # two seeds, two worlds
    sentence = r"Worlds.*needs 58 of the members whose sex is 1\. There are \d+; choose a 'size' of at most"
    assert any(re.search(sentence, problem.sentence) for problem in caught.value.problems)


def test_a_draw_by_an_attribute_needs_the_attribute() -> None:
    with pytest.raises(InvalidData, match=r"The 'attribute' of RatioDraw must be one of sex\. Got 'age'"):
        RatioDraw(Split(), attribute="age").take(toy_dataset().train)
    with pytest.raises(InvalidData, match=r"The 'value' of RatioDraw must be a code 0\.\.1 of the attribute 'sex'"):
        RatioDraw(Split(), value=2).take(toy_dataset().train)


@dataclass(frozen=True)
class Silent(Audit[AgreementOutcome]):
    """Has nothing to say of any model."""

    risk = "unauthorized_model_ownership"
    outcome_type = AgreementOutcome

    def play(self, game: Game) -> Undefined:
        """Why."""
        del game
        return Undefined("the model carries no watermark")


def test_a_game_may_say_why_it_has_no_outcome(suspects: Experiment, store: Store) -> None:
    _, results = carry_out(plan(replace(suspects, audits=(Silent(),))), store, workers=1)
    (value,) = results.values
    assert (value.value, value.reason) == (None, "the model carries no watermark")


@dataclass(frozen=True)
class Marks(Prepare):
    """Adds made-up records."""

    risk = "unauthorized_model_ownership"
    data_use = DataUse.NONE

    def prepare(self, data: Data, rng: Generator) -> Prepared:
        """Ten of them."""
        x = torch.rand(10, *data.schema.shape, generator=rng)
        y = torch.randint(len(data.schema.classes), (10,), generator=rng)
        z = torch.full((10, len(data.schema.attributes)), -1)
        key = Data(x, y, z, -1 - torch.arange(10), data.schema)
        return Prepared(concatenate(data, key), {"x": x, "y": y})


@pytest.mark.parametrize(
    "defenses",
    [(Marks(), SpectralSignatures(20)), (SpectralSignatures(10), Marks(), OutlierRemoval(20))],
    ids=["after", "twice"],
)
def test_the_reference_of_every_removal_is_a_task(
    experiment: Experiment, store: Store, defenses: tuple[Any, ...]
) -> None:
    marked = replace(experiment, defenses=(Row("both", defenses),), attacks=(), seeds=1, split=Split(validation=0.2))
    planned, _ = carry_out(plan(marked), store, workers=1)
    task = planned.target("both", seed=0)
    assert isinstance(task, Train)
    assert len(task.scores) == len(defenses) - 1

    train, recipe = toy_dataset().train, marked.recipe
    for defense in defenses:
        recipe = defense.apply(recipe)
    held = task.held(train, store)
    by_hand = recipe.fit(MemberDraw(marked.split).take(train), seed=0, held=replace(held, scores=()))
    stored = store.load(task)
    assert by_hand.artifacts["Marks"]["y"].equal(stored.artifacts["Marks"]["y"])
    assert all(t.equal(stored.model.state_dict()[name]) for name, t in by_hand.model.state_dict().items())


def test_a_row_can_be_compared_with_another_row(experiment: Experiment, store: Store) -> None:
    rows = (*experiment.defenses, Row("more", experiment.defenses[0].defenses, against=experiment.defenses[0].label))
    _, results = carry_out(plan(replace(experiment, defenses=rows, seeds=2)), store, workers=1)
    assert results.reference("more") == experiment.defenses[0].label
    words = {str(verdict.word) for (row, _), verdict in results.verdicts.items() if row == "more"}
    assert words == {"unchanged by construction"}
    assert results.own_risks["more"] == ()
    assert type(results).from_json(results.to_json()).reference("more") == experiment.defenses[0].label


def test_a_row_is_compared_with_a_row_that_is_there(experiment: Experiment) -> None:
    with pytest.raises(InvalidParameter, match="The 'against' of row 'x' must be the label of another row"):
        replace(experiment, defenses=(Row("x", experiment.defenses[0].defenses, against="y"),))


def test_a_row_can_carry_an_attack_on_its_training_records(experiment: Experiment, store: Store) -> None:
    poisoned = replace(experiment, defenses=(Row("colluding", attacked=BadNets(fraction=0.2)),), seeds=1)
    planned, results = carry_out(plan(poisoned), store, workers=1)
    tasks = dict(planned.targets)
    assert tasks["colluding"].draw == BadNets(fraction=0.2).tampered(tasks[BASELINE].draw)
    shadows = [role.tasks for trial in planned.trials if trial.row == "colluding" for role in trial.play.cast]
    assert all(task.draw.origin == poisoned.split for models in shadows for task in models)
    assert "colluding" in results.facts


def test_the_attack_that_a_row_carries_is_measured_on_its_own_model(experiment: Experiment) -> None:
    attack, other = BadNets(fraction=0.2), BadNets(fraction=0.2, label=1)
    rows = (Row("colluding", attacked=attack),)
    planned = plan(replace(experiment, defenses=rows, attacks=(attack, other), audits=(Utility(),), seeds=1))
    trials = {(trial.row, trial.play.probe): trial for trial in planned.trials}
    own = planned.target("colluding", 0)
    [measured], [control] = (role.tasks for role in trials["colluding", attack].play.cast)
    assert measured == own  # and not poisoned twice
    assert control == planned.target(BASELINE, 0)
    [twice], _ = (role.tasks for role in trials["colluding", other].play.cast)
    assert twice.draw == attack.tampered(other.tampered(control.draw))


@pytest.mark.parametrize("attribute", ["sex"])
def test_metrics_are_measured_by_group(experiment: Experiment, store: Store, attribute: str) -> None:
    data = toy_dataset(records=800)
    grouped = replace(experiment, by_group=(attribute,), defenses=(), seeds=2)
    planned, results = carry_out(plan(replace(grouped, dataset=None), data), store, workers=1)
    assert {column.group for column in results.columns} == {None, "sex=0", "sex=1"}
    assert not any(column.primary for column in results.columns if column.group)
    for column in results.columns:
        if (column.metric, column.group) == ("accuracy", "sex=1"):
            (first, _) = results.of(BASELINE, column)
            model = store.load(planned.target(BASELINE, 0)).model
            mine = data.test[data.test.attribute("sex") == 1]
            assert first.value == pytest.approx((model(mine.x).argmax(1) == mine.y).double().mean().item())


def test_membership_by_group_has_spread_and_intervals(experiment: Experiment, store: Store) -> None:
    grouped = replace(
        experiment,
        attacks=(LossThreshold(),),
        audits=(),
        metrics=(),
        by_group=("sex",),
        defenses=(Row("early", (EarlyStopping(),)),),
        seeds=3,
        dataset=None,
    )
    _, results = carry_out(plan(grouped, toy_dataset(records=800)), store, workers=1)
    [column] = [column for column in results.columns if (column.metric, column.group) == ("auc", "sex=1")]
    for row in (BASELINE, "early"):
        cell = results.cell(row, column)
        assert cell.summary is not None
        assert cell.summary.std is not None
        assert cell.summary.n == 3
    assert cell.verdict is not None
    assert cell.verdict.interval is not None


def test_groups_that_are_too_small_are_undefined(experiment: Experiment, store: Store) -> None:
    _, results = carry_out(plan(replace(experiment, by_group=("sex",), defenses=(), seeds=1)), store, workers=1)
    reasons = {value.reason for value in results.values if value.group}
    assert any(reason and "a metric by group needs at least 30" in reason for reason in reasons)


def test_an_attribute_that_is_not_there_is_told(experiment: Experiment) -> None:
    with pytest.raises(InvalidParameter, match=r"'by_group' of Experiment must be one of sex\. Got 'age'"):
        plan(replace(experiment, by_group=("age",)))
