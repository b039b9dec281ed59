"""What defenses against discriminatory behavior do in training, alone and beside others, and what they refuse."""

from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from amulet.core.data import Attribute
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import Conflict, InvalidParameter
from amulet.core.seeds import generator
from amulet.core.split import Split
from amulet.core.trainable import Stage
from amulet.datasets import from_arrays
from amulet.discriminatory_behavior import Discrimination
from amulet.discriminatory_behavior.defenses import FERMI, AdversarialDebiasing, Reweighing, ThresholdOptimizer
from amulet.discriminatory_behavior.metrics import demographic_parity, equalized_odds
from amulet.evasion.defenses import AdversarialTraining
from amulet.membership_inference.defenses import DPSGD
from amulet.models import LinearNet
from amulet.poisoning.defenses import OutlierRemoval
from amulet.testing import TOY_RECIPE, toy_dataset
from amulet.training import Adam, Fitted, Held, OneCycle, Recipe
from amulet.utility import Utility
from amulet.utility.metrics import accuracy

RECIPE = Recipe(LinearNet((16,), norm="none"), epochs=10, batch_size=64, optimizer=Adam(lr=0.01), schedule=OneCycle())


def applications(*, related: bool = True) -> AmuletDataset:
    """The class depends on the first two of three columns, and the groups of two attributes on the second, or none."""
    rng = generator(0, "applications")
    x = torch.rand(3000, 3, generator=rng)
    y = (x[:, 0] + x[:, 1] > 1).long()
    seen = x[:, 1] if related else x[torch.randperm(3000, generator=rng), 1]
    sex, race = (((seen + 0.3 * torch.rand(3000, generator=rng)) * k / 1.3).long() for k in (2, 3))
    return from_arrays(
        (x[:1500], y[:1500]),
        (x[1500:], y[1500:]),
        sensitive=({"sex": sex[:1500], "race": race[:1500]}, {"sex": sex[1500:], "race": race[1500:]}),
        classes=("no", "yes"),
        positive="yes",
        bounds=(0, 1),
        name="applications",
    )


DATA = applications()
PARITY = (AdversarialDebiasing(), FERMI())
ALL = (*PARITY, Reweighing())


@pytest.mark.parametrize("defense", [AdversarialDebiasing, FERMI, Reweighing, ThresholdOptimizer])
def test_without_settings_it_takes_the_attribute_whose_groups_differ_most(defense: type[Stage]) -> None:
    y = torch.tensor([0, 1] * 200)
    sex, race = torch.tensor([0, 0, 1, 1] * 100), (y + (torch.arange(400) % 8 == 0)).clamp_max(1)
    few = torch.where(torch.arange(400) < 20, y, 2)  # two groups that differ completely, and are too small to compare
    given = {"sex": sex, "few": few, "race": race}
    data = from_arrays((torch.rand(400, 2), y), (torch.rand(400, 2), y), sensitive=(given, given), bounds=(0, 1))
    [usual] = defense.for_data(data, Split())
    assert getattr(usual, "attribute", None) == "race" or getattr(usual, "attributes", None) == ("race",)


def trained(*stages: Stage, data: AmuletDataset = DATA, recipe: Recipe = RECIPE, seed: int = 0) -> Fitted:
    whole = replace(recipe, stages=stages)
    return whole.fit(data.train, seed=seed, held=Held(validation=data.test[torch.arange(300)]))


def gap(fitted: Fitted, attribute: str = "sex", data: AmuletDataset = DATA) -> float:
    return float(demographic_parity(Discrimination(attribute).audit(fitted.model, data.test)))  # type: ignore[arg-type]


def right(fitted: Fitted, data: AmuletDataset = DATA) -> float:
    return float(accuracy(Utility().audit(fitted.model, data.test)))  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def plain() -> Fitted:
    return trained()


@pytest.mark.parametrize("stage", PARITY, ids=str)
def test_the_gap_falls_below_a_third(stage: Stage, plain: Fitted) -> None:
    assert gap(trained(stage)) < gap(plain) / 3


def test_reweighing_lowers_the_gap(plain: Fitted) -> None:
    assert gap(trained(Reweighing())) < gap(plain) - 0.03


@pytest.mark.parametrize("kind", [AdversarialDebiasing, FERMI])
def test_several_attributes_at_once(kind: Callable[..., Stage], plain: Fitted) -> None:
    """Each by itself, and all combinations of their values."""
    for attributes in (("sex", "race"), (("sex", "race"),)):
        fitted = trained(kind(attributes))
        for attribute in ("sex", "race"):
            assert gap(fitted, attribute) < gap(plain, attribute) / 2


@pytest.mark.parametrize("kind", [AdversarialDebiasing, FERMI])
def test_equalized_odds_is_another_aim(kind: Callable[..., Stage]) -> None:
    outcomes = [
        Discrimination().audit(trained(kind(constraint=aim)).model, DATA.test)
        for aim in ("demographic_parity", "equalized_odds")
    ]
    for metric, best in ((demographic_parity, 0), (equalized_odds, 1)):
        values = [metric(outcome) for outcome in outcomes]
        assert values[best] == min(values)  # type: ignore[type-var]


@pytest.mark.parametrize("stage", ALL, ids=str)
def test_a_random_attribute_costs_nothing_and_shows_nothing(stage: Stage) -> None:
    """Of two groups of 750 the gap between random ones has a standard deviation of 2.6 points."""
    data = applications(related=False)
    plain, defended = trained(data=data), trained(stage, data=data)
    assert gap(plain, data=data) < 0.08
    assert gap(defended, data=data) < 0.08
    assert right(defended, data) > right(plain, data) - 0.02


@pytest.mark.parametrize("stage", ALL, ids=str)
def test_they_work_beside_adversarial_training_and_outlier_removal(stage: Stage) -> None:
    others = (AdversarialTraining(epsilon=0.02, steps=2), OutlierRemoval(percent=10))
    both = [trained(*others, *more) for more in ((), (stage,))]
    assert gap(both[1]) < gap(both[0]) - 0.03


@pytest.mark.parametrize("stage", ALL, ids=str)
def test_differential_privacy_is_refused_with_the_reason(stage: Stage) -> None:
    with pytest.raises(Conflict, match=f"{type(stage).__name__}, which uses the data set as a whole"):
        stage.apply(DPSGD(delta=1e-4).apply(TOY_RECIPE))


@pytest.mark.parametrize("stage", [AdversarialDebiasing(("race",)), FERMI(("race",)), Reweighing("race")], ids=str)
def test_an_attribute_that_is_absent_is_told_before_training(stage: Stage) -> None:
    (problem,) = stage.apply(TOY_RECIPE).data_problems(toy_dataset().schema, 100)
    assert problem.sentence == f"{stage} needs the sensitive attribute 'race'; the data set has: sex."


@pytest.mark.parametrize("kind", [AdversarialDebiasing, FERMI, Reweighing, ThresholdOptimizer])
def test_an_assessment_of_all_defenses_takes_an_attribute_that_the_data_have(kind: type[Stage]) -> None:
    schema = replace(DATA.schema, attributes=(Attribute("origin", ("0", "1")), Attribute("age", ("0", "1", "2"))))
    others = replace(DATA, train=replace(DATA.train, schema=schema), test=replace(DATA.test, schema=schema))
    (usual,), (elsewhere,) = kind.for_data(DATA, Split()), kind.for_data(others, Split())
    assert "race" in str(usual)  # whose groups differ more than those of sex
    assert not [*elsewhere.apply(TOY_RECIPE).data_problems(schema, 100)]
    assert "origin" in str(elsewhere) or "age" in str(elsewhere)


def test_so_is_one_with_too_many_values() -> None:
    schema = replace(toy_dataset().schema, attributes=(Attribute("age", tuple(map(str, range(60)))),))
    (problem,) = Reweighing("age").apply(TOY_RECIPE).data_problems(schema, 100)
    assert "at most 50 groups, and 'age' would make 60. Make ranges of a quantity" in problem.sentence


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (lambda: AdversarialDebiasing(()), "must be the name of an attribute, or several different names"),
        (lambda: FERMI(("sex", "sex")), "must be the name of an attribute, or several different names"),
        (lambda: FERMI((("sex", "sex"),)), "must be the name of an attribute, or several different names"),
        (lambda: FERMI((("sex", "race"), ("race", "sex"))), "several different names"),
        (lambda: AdversarialDebiasing(("sex", ("sex",))), "several different names"),
        (lambda: AdversarialDebiasing(((),)), "several different names"),
        (lambda: Reweighing(("sex", "sex")), "must be the name of an attribute, or several different names"),
        (lambda: FERMI(("sex", "race", "age"), strength=(1, 2)), "one for all, or one for each of the 3 attributes"),
        (lambda: AdversarialDebiasing(strength=(-1,)), "at least 0"),
    ],
)
def test_settings_are_checked(wrong: Callable[[], Stage], sentence: str) -> None:
    with pytest.raises(InvalidParameter, match=sentence):
        wrong()


def test_one_name_and_one_strength_need_no_list() -> None:
    brief = AdversarialDebiasing("sex", strength=3)  # type: ignore[arg-type]
    assert brief == AdversarialDebiasing(("sex",), strength=(3.0,))
    assert str(FERMI((("sex", "race"),))) == "FERMI(attributes=[[sex, race]])"


def test_unrecorded_attributes_take_no_part(plain: Fitted) -> None:
    """With the attribute recorded of nobody, training is what it is without the defense."""
    unknown = replace(DATA, train=DATA.train.without_attributes())
    for stage in ALL:
        weights = trained(stage, data=unknown).model.state_dict()
        assert all(torch.allclose(weights[name], value, atol=1e-5) for name, value in plain.model.state_dict().items())


def test_a_group_without_records_does_no_harm() -> None:
    schema = replace(DATA.schema, attributes=(Attribute("sex", ("0", "1", "2")), DATA.schema.attributes[1]))
    data = replace(DATA, train=replace(DATA.train, schema=schema), test=replace(DATA.test, schema=schema))
    for stage in PARITY:
        assert finite(trained(stage, data=data).model.state_dict())


def finite(weights: dict[str, Tensor]) -> bool:
    return all(bool(value.isfinite().all()) for value in weights.values())
