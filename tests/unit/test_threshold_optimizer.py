"""Thresholds by group around a model: what they make of its decisions, what they ask for, how they are attacked."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from amulet.core.data import Attribute
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import AmuletError, InvalidData, InvalidParameter, MissingInput
from amulet.core.fitted import Fitted
from amulet.core.held import Held
from amulet.core.model import layers, predict
from amulet.core.seeds import generator
from amulet.core.trainable import Stage
from amulet.datasets import from_arrays
from amulet.discriminatory_behavior import Discrimination
from amulet.discriminatory_behavior.defenses import AdversarialDebiasing, Reweighing, ThresholdOptimizer
from amulet.discriminatory_behavior.defenses.threshold_optimizer import ThresholdsByGroup
from amulet.discriminatory_behavior.metrics import demographic_parity, equalized_odds
from amulet.evasion import EvasionOutcome
from amulet.evasion.attacks import PGD
from amulet.evasion.defenses import AdversarialTraining
from amulet.evasion.metrics import robust_accuracy
from amulet.membership_inference.defenses import DPSGD
from amulet.models import LinearNet, load_weights, save_weights
from amulet.poisoning.defenses import OutlierRemoval
from amulet.testing import TOY_RECIPE, toy_dataset
from amulet.training import Recipe

DATA = toy_dataset(records=5000)
CLEAN = toy_dataset(records=2500, seed=1).train
RECIPE = replace(TOY_RECIPE, epochs=3, batch_size=64)


def trained(*stages: Stage, clean: object = CLEAN, data: AmuletDataset = DATA, recipe: Recipe = RECIPE) -> Fitted:
    return replace(recipe, stages=stages).fit(data.train, seed=0, held=Held(validation=clean))  # type: ignore[arg-type]


def gaps(model: nn.Module) -> Mapping[str, float]:
    outcome = Discrimination().audit(model, DATA.test)
    return {"demographic_parity": float(demographic_parity(outcome)), "equalized_odds": float(equalized_odds(outcome))}  # type: ignore[arg-type]


def decisions(model: nn.Module, data: AmuletDataset = DATA) -> Tensor:
    return predict(model, data.test).argmax(1)


def survived(outcome: EvasionOutcome) -> float:
    return float(robust_accuracy(outcome))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def plain() -> Fitted:
    return trained()


@pytest.fixture(scope="module")
def fitted() -> Fitted:
    return trained(ThresholdOptimizer())


@pytest.mark.parametrize("constraint", ["demographic_parity", "equalized_odds"])
def test_the_gap_falls_to_what_clean_records_let_know(constraint: str, plain: Fitted) -> None:
    """Of groups of 500 test records a rate of one half has a standard deviation of 2.2 points."""
    model = trained(ThresholdOptimizer(constraint=constraint)).model  # type: ignore[arg-type]
    assert gaps(plain.model)["demographic_parity"] > 0.25
    assert gaps(model)[constraint] < 0.08


def test_training_is_what_it_is_without_thresholds(plain: Fitted, fitted: Fitted) -> None:
    below = list(layers(fitted.model))[1]
    for name, value in plain.model.state_dict().items():
        assert torch.equal(below.state_dict()[name], value)
    assert fitted.artifacts["ThresholdOptimizer"]["records"].sum() == len(CLEAN)


def test_it_asks_for_the_attribute(fitted: Fitted) -> None:
    with pytest.raises(InvalidParameter, match="ThresholdsByGroup needs the records' sensitive attributes to predict"):
        predict(fitted.model, DATA.test.x)


def test_a_record_is_decided_alike_in_any_company(fitted: Fitted) -> None:
    whole = predict(fitted.model, DATA.test)
    order = torch.randperm(len(DATA.test), generator=generator(0))
    assert torch.allclose(predict(fitted.model, DATA.test[order]), whole[order], atol=1e-5)
    assert torch.allclose(predict(fitted.model, DATA.test[order[:1]]), whole[order[:1]], atol=1e-5)


def test_lots_are_uniform_and_others_for_other_seeds(fitted: Fitted) -> None:
    assert isinstance(fitted.model, ThresholdsByGroup)
    lots = fitted.model._lots(DATA.train.x)
    assert torch.histc(lots.float(), 10, 0, 1).sub(400).abs().max() < 80  # four standard deviations
    again = replace(RECIPE, stages=(ThresholdOptimizer(),), epochs=1).fit(
        DATA.train, seed=1, held=Held(validation=CLEAN)
    )
    assert isinstance(again.model, ThresholdsByGroup)
    assert torch.corrcoef(torch.stack([lots, again.model._lots(DATA.train.x)]))[0, 1].abs() < 0.06


def test_a_share_of_a_group_meets_each_threshold_as_often_as_planned() -> None:
    model = ThresholdsByGroup(nn.Linear(6, 2))
    model.columns, model.sizes, model.factors = torch.tensor([0]), torch.tensor([1]), torch.arange(1, 12, 2) * 2**40 + 1
    model.thresholds = torch.tensor([[torch.inf, -torch.inf, torch.inf, -torch.inf], [0.0] * 4], dtype=torch.float64)
    model.shares = torch.tensor([[0.1, 0.2, 0.3, 0.4], [0.25] * 4], dtype=torch.float64)
    model.factors = torch.randint(2**62, (6,), generator=generator(0)) | 1
    accepted = model(DATA.train.x, torch.zeros(len(DATA.train), 1, dtype=torch.int64)).argmax(1)
    assert accepted.double().mean().item() == pytest.approx(0.6, abs=0.03)


def test_it_is_rebuilt_from_its_weights(fitted: Fitted) -> None:
    recipe = replace(RECIPE, stages=(ThresholdOptimizer(),))
    rebuilt = recipe.build(DATA.schema)
    assert torch.equal(decisions(rebuilt.eval()), decisions(list(layers(rebuilt))[1]))  # nothing is fitted yet
    rebuilt.load_state_dict(fitted.model.state_dict())
    assert torch.equal(predict(rebuilt.eval(), DATA.test), predict(fitted.model, DATA.test))


def test_it_is_rebuilt_from_a_file(fitted: Fitted, tmp_path: Path) -> None:
    recipe = replace(RECIPE, stages=(ThresholdOptimizer(),))
    save_weights(fitted.model, tmp_path / "net")
    rebuilt = recipe.build(DATA.schema)
    load_weights(rebuilt, tmp_path / "net")
    assert torch.equal(predict(rebuilt.eval(), DATA.test), predict(fitted.model, DATA.test))


def test_weights_that_do_not_fit_leave_the_thresholds_as_they_were(fitted: Fitted, tmp_path: Path) -> None:
    save_weights(fitted.model, tmp_path / "net")
    wider = replace(RECIPE, model=LinearNet((32,), norm="group"), stages=(ThresholdOptimizer(),)).build(DATA.schema)
    before = {name: value.clone() for name, value in wider.state_dict().items()}
    with pytest.raises(AmuletError, match="do not fit ThresholdsByGroup: underneath"):
        load_weights(wider, tmp_path / "net")
    assert all(torch.equal(value, before[name]) for name, value in wider.state_dict().items())


def test_who_has_no_group_or_one_without_clean_records_is_decided_by_the_model(plain: Fitted) -> None:
    of_one = CLEAN[CLEAN.attribute("sex") == 0]
    model = trained(ThresholdOptimizer(), clean=of_one).model
    other = DATA.test.attribute("sex") == 1
    own, whole = decisions(plain.model), decisions(model)
    assert torch.equal(whole[other], own[other])
    unknown = replace(DATA, test=DATA.test.without_attributes())
    assert torch.equal(decisions(trained(ThresholdOptimizer()).model, unknown), own)


@pytest.mark.parametrize(
    ("stage", "sentence"),
    [
        (ThresholdOptimizer(), "needs at least one clean record with 'sex' recorded"),
        (
            ThresholdOptimizer(constraint="equalized_odds"),
            "needs at least one group of clean records of both classes with 'sex' recorded",
        ),
    ],
)
def test_clean_records_that_say_nothing_are_refused(stage: ThresholdOptimizer, sentence: str) -> None:
    with pytest.raises(InvalidData, match=sentence):
        trained(stage, clean=CLEAN.without_attributes())


def test_what_is_missing_is_told() -> None:
    with pytest.raises(MissingInput, match="ThresholdOptimizer compares with clean records of the defender's own"):
        trained(ThresholdOptimizer(), clean=None)
    three = from_arrays(
        (torch.rand(30, 2), torch.arange(30) % 3),
        (torch.rand(30, 2), torch.arange(30) % 3),
        sensitive=({"sex": torch.arange(30) % 2}, {"sex": torch.arange(30) % 2}),
        bounds=(0, 1),
    )
    recipe = ThresholdOptimizer().apply(TOY_RECIPE)
    (problem,) = recipe.data_problems(three.schema, 30)
    assert problem.sentence == "ThresholdOptimizer needs a data set of two classes; this one has 3."
    problem, *_ = ThresholdOptimizer("race").apply(TOY_RECIPE).data_problems(DATA.schema, 30)
    assert problem.sentence.endswith("needs the sensitive attribute 'race'; the data set has: sex.")


def test_combinations_of_attributes_have_thresholds_of_their_own() -> None:
    schema = replace(DATA.schema, attributes=(*DATA.schema.attributes, Attribute("race", ("a", "b", "c"))))

    def with_race(part: str) -> object:
        data = CLEAN if part == "clean" else getattr(DATA, part)
        race = torch.randint(3, (len(data), 1), generator=generator(0, part))
        return replace(data, z=torch.cat([data.z, race], 1), schema=schema)

    data = AmuletDataset("both", with_race("train"), with_race("test"))  # type: ignore[arg-type]
    model = trained(ThresholdOptimizer(("race", "sex")), clean=with_race("clean"), data=data).model
    codes = data.test.attribute("race") * 2 + data.test.attribute("sex")
    rates = [decisions(model, data)[codes == code].double().mean().item() for code in range(6)]
    assert max(rates) - min(rates) < 0.15
    assert isinstance(model, ThresholdsByGroup)
    assert model.thresholds.shape == (7, 4)


def test_a_gradient_attack_finds_no_less_than_without_thresholds(plain: Fitted, fitted: Fitted) -> None:
    attack = PGD(epsilon=0.1, steps=5)
    below, above = (survived(attack.attack(each.model, DATA.test)) for each in (plain, fitted))
    assert above < below + 0.03
    always = trained(ThresholdOptimizer(), recipe=replace(RECIPE, epochs=1)).model
    assert isinstance(always, ThresholdsByGroup)
    always.thresholds[:-1] = torch.tensor([torch.inf, -torch.inf] * 2, dtype=torch.float64)  # decides by lot alone
    outcome = attack.attack(always, DATA.test)
    assert survived(outcome) < float(outcome.correct.double().mean()) - 0.1


def test_a_private_model_keeps_its_guarantee() -> None:
    """The thresholds follow from the private model and from records that it was not trained on."""
    private = DPSGD(epsilon=8, delta=1e-4)
    recipe = replace(RECIPE, epochs=1)
    alone, both = (trained(*stages, recipe=recipe) for stages in ((private,), (private, ThresholdOptimizer())))
    assert both.facts["epsilon"] == alone.facts["epsilon"]
    below = list(layers(both.model))[1].state_dict()
    assert all(torch.equal(below[name], value) for name, value in alone.model.state_dict().items())


def test_it_works_behind_all_others() -> None:
    others = (OutlierRemoval(percent=10), Reweighing(), AdversarialTraining(epsilon=0.02, steps=1))
    model = trained(*others, AdversarialDebiasing(), ThresholdOptimizer(), recipe=replace(RECIPE, epochs=1)).model
    assert gaps(model)["demographic_parity"] < 0.08
