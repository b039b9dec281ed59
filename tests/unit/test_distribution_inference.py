"""Worlds, the models in them, and what is read off the judgements of an adversary."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidParameter, ProblemsError
from amulet.core.metric import Undefined
from amulet.core.roles import Whose
from amulet.core.split import RatioDraw, Split
from amulet.datasets import from_arrays
from amulet.distribution_inference import WorldOutcome, Worlds
from amulet.distribution_inference.attacks import PIM, SuriEvans
from amulet.distribution_inference.metrics import attack_accuracy, auc, null_auc, p_value
from amulet.evasion.defenses import AdversarialTraining
from amulet.experiments import Experiment, Row, game_for, plan
from amulet.experiments.graph.tasks import Train
from amulet.experiments.planning.models_asked import models_asked
from amulet.membership_inference.attacks import LiRA, LossThreshold
from amulet.membership_inference.defenses import DPSGD
from amulet.testing import TOY_RECIPE, toy_dataset

SMALL = SuriEvans(victims=3, shadows=2)


@pytest.fixture(scope="module")
def data() -> AmuletDataset:
    return toy_dataset(800)


def test_worlds_have_the_shares_that_were_asked_for(data: AmuletDataset) -> None:
    for role, requests in SMALL.models(Split()).items():
        for request in requests:
            drawn = request.draw.take(data.train)
            ratio = 0.9 if "second" in role else 0.1
            assert abs(int(drawn.attribute("sex").sum()) - ratio * len(drawn)) <= 1


def test_a_value_goes_by_its_name_or_its_code(data: AmuletDataset) -> None:
    by_code, by_name = (SuriEvans(victims=2, shadows=2, value=value) for value in (1, "1"))
    for role, requests in by_code.models(Split()).items():
        for request, named in zip(requests, by_name.models(Split())[role], strict=True):
            assert torch.equal(request.draw.choose(data.train), named.draw.choose(data.train))
    recipe, split = TOY_RECIPE, Split()
    first, second = (attack.play(game_for(attack, recipe, data, split)) for attack in (by_code, by_name))
    assert torch.equal(first.scores, second.scores)


def test_every_model_has_a_draw_and_a_seed_of_its_own(data: AmuletDataset) -> None:
    requests = [request for asked in SMALL.models(Split()).values() for request in asked]
    assert len({request.number for request in requests}) == len(requests) == 3 * (3 + 2)
    drawn = {tuple(request.draw.choose(data.train).tolist()) for request in requests}
    assert len(drawn) == len(requests)


def test_victims_are_the_rows_on_the_targets_records_and_the_adversarys_models_are_on_its_own() -> None:
    for role, requests in SMALL.models(Split()).items():
        draws = [request.draw for request in requests]
        assert all(isinstance(draw, RatioDraw) for draw in draws)
        assert {draw.holder for draw in draws} == {"members" if "victim" in role else "auxiliary"}  # type: ignore[attr-defined]
        assert {request.recipe for request in requests} == {Whose.ROW}
    unaware = replace(SMALL, defense_known=False)
    assert {request.recipe for asked in unaware.own_models(Split()).values() for request in asked} == {Whose.PLAIN}


def test_both_attacks_share_their_models_and_rows_share_those_of_an_unaware_adversary(data: AmuletDataset) -> None:
    def trainings(*attacks: SuriEvans | PIM, rows: tuple[Row, ...] = ()) -> int:
        experiment = Experiment("toy", None, TOY_RECIPE, rows, attacks, seeds=1)
        return sum(isinstance(task, Train) for task in plan(experiment, data).tasks)

    kl, pim = replace(SMALL, defense_known=False), PIM(victims=3, shadows=4, defense_known=False)
    target = 1  # of the baseline, for its utility
    assert trainings(kl) == target + 3 * (3 + 2)
    assert trainings(kl, pim) == target + 3 * (3 + 4)
    row = Row("robust", (AdversarialTraining(epsilon=0.1),))
    assert trainings(kl, rows=(row,)) == 2 * target + 3 * (2 * 3 + 2)
    assert trainings(SMALL, rows=(row,)) == 2 * (target + 3 * (3 + 2))


def test_one_model_is_judged_alone(data: AmuletDataset) -> None:
    """Its score does not depend on the other models that are judged."""
    game = game_for(SMALL, TOY_RECIPE, data, Split())
    found = SMALL.play(game)
    fewer = {role: held[:1] if "victim" in role else held for role, held in game.models.items()}
    alone = SMALL.play(replace(game, models=fewer))
    assert alone.scores.tolist() == [found.scores[place].item() for place in (0, 3, 6, 9)]
    assert found.second.tolist() == 2 * ([False] * 3 + [True] * 3)
    assert found.null.tolist() == [False] * 6 + [True] * 6


@pytest.mark.parametrize("attack", [SuriEvans(), PIM()], ids=lambda attack: type(attack).__name__)
def test_the_models_of_a_world_are_judged_to_come_from_it(data: AmuletDataset, attack: SuriEvans | PIM) -> None:
    """The models that the adversary holds itself; exchanged worlds exchange the signs."""
    game = game_for(replace(attack, victims=2, shadows=4), TOY_RECIPE, data, Split())
    first, second = (list(game.models[f"shadow, {world} world"]) for world in ("first", "second"))
    worlds = Worlds(first, second, game.auxiliary, seed=0)
    for known, sign in ((worlds, 1), (replace(worlds, first=second, second=first), -1)):
        judge = attack.judge(known)
        judged = torch.tensor([attack._score(judge, each.model, game.auxiliary) for each in [*first, *second]])
        assert (sign * judged[:4]).mean() < 0 < (sign * judged[4:]).mean()


def outcome(scores: list[float], second: list[bool], null: list[bool] | None = None) -> WorldOutcome:
    pair = null or [False] * len(scores)
    return WorldOutcome(torch.tensor(scores).double(), torch.tensor(second), torch.tensor(pair))


def test_metrics_by_hand() -> None:
    worlds = [False, False, True, True]
    found = outcome([-0.5, 0.2, 0.0, 0.5, 1.0, -1.0, 0.5, -0.5], 2 * worlds, [False] * 4 + [True] * 4)
    assert auc(found) == 0.75
    assert attack_accuracy(found) == (1 + 0 + 0.5 + 1) / 4
    assert null_auc(found) == 0.5
    assert p_value(found) == pytest.approx(4 / 6)  # of the six ways to choose two of four, four are as far


def test_metrics_without_models_of_a_world_are_undefined() -> None:
    found = outcome([0.1, 0.2], [True, True])
    assert isinstance(auc(found), Undefined)
    assert isinstance(null_auc(found), Undefined)
    assert isinstance(p_value(found), Undefined)


def test_attacks_with_other_settings_have_other_names() -> None:
    """They are columns of one matrix, such as the shares of two values."""
    attacks = (SuriEvans(), SuriEvans(value=0), SuriEvans(size=0.1), PIM(), PIM(shadows=8))
    assert len({str(attack) for attack in attacks}) == len(attacks)
    assert str(SuriEvans(value=0)) == "SuriEvans(attribute=sex, ratios=[0.1, 0.9], value=0)"


def test_equal_ratios_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="The 'ratios' of SuriEvans must be two different shares"):
        SuriEvans(ratios=(0.5, 0.5))


@pytest.mark.parametrize(
    ("attack", "sentence"),
    [
        (SuriEvans(attribute="age"), "needs the sensitive attribute 'age'; the data set has: sex"),
        (SuriEvans(value=7), "must be a code 0..1 of the attribute 'sex'"),
        (SuriEvans(value="x"), r"attribute 'sex' or a name \(0 for 0, 1 for 1\)\. Got 'x'"),
        (
            SuriEvans(size=0.001),
            "draws none of 72 members for each model. With these ratios the largest possible 'size'",
        ),
        (
            SuriEvans(size=0.1, ratios=(0.5, 0.55)),
            "draws 7 of 72 members for each model, of which 4 would have the value in either world",
        ),
        (
            SuriEvans(size=0.9),
            r"needs 58 members with sex=1, and there are 31\. With .* the largest possible 'size' is 0\.465",
        ),
    ],
)
def test_worlds_that_cannot_be_made_are_told_by_the_plan(attack: SuriEvans, sentence: str) -> None:
    with pytest.raises(ProblemsError, match=sentence):
        plan(Experiment("toy", None, TOY_RECIPE, (), (attack,), seeds=1), toy_dataset(200))


def without_many(share: float) -> AmuletDataset:
    """Records of which so large a share has the value 1."""
    x, rng = np.random.default_rng(0).random((400, 3)).astype(np.float32), np.random.default_rng(1)
    y, group = rng.integers(2, size=400), {"group": (np.arange(400) < 400 * share).astype(int)}
    x[:, 0] = group["group"]
    return from_arrays(x, y, sensitive=group, bounds=(0.0, 1.0), name="few")


def test_the_size_that_is_named_is_possible_and_the_largest() -> None:
    """Of both worlds, of members and of auxiliary records, in one sentence."""
    data, attack = without_many(0.1), SuriEvans(attribute="group", victims=2, shadows=2)
    (sentence,) = attack.data_demands(data, Split())
    largest = float(sentence.rpartition(" is ")[2].rstrip("."))
    assert tuple(replace(attack, size=largest).data_demands(data, Split())) == ()
    assert tuple(replace(attack, size=largest + 0.02).data_demands(data, Split())) != ()
    plan(Experiment("few", None, TOY_RECIPE, (), (replace(attack, size=largest),), seeds=1), data)


def test_a_value_that_all_records_have_leaves_nothing_to_infer() -> None:
    attack = SuriEvans(attribute="group", value=0)
    (sentence,) = attack.data_demands(without_many(0.005), Split())
    assert sentence.endswith("there are 0. With these ratios no 'size' is possible.")


@pytest.mark.parametrize("value", [0, 2, "b"])
def test_an_attribute_may_have_three_values(value: int | str) -> None:
    x, group = np.random.default_rng(0).random((600, 3)).astype(np.float32), np.arange(600) % 3
    sensitive = {"group": np.array(["a", "b", "c"])[group]}
    data = from_arrays(x, np.arange(600) % 2, sensitive=sensitive, bounds=(0.0, 1.0), name="three")
    attack = SuriEvans(attribute="group", value=value, size=0.1, ratios=(0.0, 1.0), victims=2, shadows=2)
    code = data.schema.attribute("group").code(value)
    assert code is not None
    for role, requests in attack.models(Split()).items():
        for request in requests:
            assert set(request.draw.take(data.train).z.eq(code).flatten().tolist()) == {"second" in role}
    assert len(attack.play(game_for(attack, TOY_RECIPE, data, Split())).scores) == 8


def test_a_plan_says_how_many_models_are_asked_for_and_which_are_shared(data: AmuletDataset) -> None:
    attacks = (SMALL, replace(SMALL, defense_known=False), PIM(victims=3, shadows=4))
    experiment = Experiment("toy", None, TOY_RECIPE, (Row("dp", (DPSGD(delta=1e-3),)),), attacks, seeds=1)
    aware, unaware, pim = models_asked(plan(experiment, data))
    assert aware.startswith(f"{attacks[0]} asks for 15 models beside the target for each row and seed, 30 different")
    assert f"24 serve {attacks[1]} as well; 30 serve {attacks[2]} as well." in aware
    assert "15 models beside the target for each row and seed, 24 different in all; 24 serve" in unaware
    assert "21 models beside the target for each row and seed, 42 different in all; 30 serve" in pim


def test_of_attacks_on_the_target_alone_a_plan_says_nothing() -> None:
    experiment = Experiment("toy", None, TOY_RECIPE, (), (LossThreshold(), LiRA(shadows=2)), seeds=2)
    (sentence,) = models_asked(plan(experiment, toy_dataset()))
    assert sentence == "LiRA(shadows=2) asks for 2 models beside the target for each row and seed, 4 different in all."


def test_a_plan_says_that_few_victims_give_coarse_results(data: AmuletDataset) -> None:
    few, enough = (plan(Experiment("toy", None, TOY_RECIPE, (), (SuriEvans(victims=count, shadows=2),), seeds=1), data)
                   for count in (3, 5))  # fmt: skip
    assert any("its AUC is a multiple of 1/18" in notice for notice in few.notices)
    assert not any("multiple" in notice for notice in enough.notices)


def test_weights_that_are_no_sequence_of_layers_are_told_by_the_plan(data: AmuletDataset) -> None:
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Identity())
    (sentence,) = PIM().model_demands("victim", model, data.test)
    assert sentence.endswith("needs a victim model with linear or convolutional layers. Sequential has none.")
    branches = torch.nn.ModuleList([torch.nn.Linear(6, 4), torch.nn.Linear(6, 2)])
    (sentence,) = PIM().model_demands("victim", branches, data.test)
    assert "has 6 inputs, and the layer before has 4 outputs" in sentence
