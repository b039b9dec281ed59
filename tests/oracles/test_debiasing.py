"""Adversarial debiasing, FERMI and reweighing against their formulas, written out, and what they reach on Census."""

import math
import os
from dataclasses import replace

import pytest
import torch
from torch import Tensor
from torch.nn.functional import one_hot

from amulet.attribute_inference.attacks import AttributeFromOutputs
from amulet.attribute_inference.metrics import auc
from amulet.core.data import Attribute, Data, Modality, Schema
from amulet.core.metric import Undefined
from amulet.core.seeds import generator
from amulet.datasets import Census
from amulet.discriminatory_behavior import Discrimination
from amulet.discriminatory_behavior.defenses import FERMI, AdversarialDebiasing, Reweighing
from amulet.discriminatory_behavior.defenses.fermi import slopes
from amulet.discriminatory_behavior.metrics import demographic_parity
from amulet.models import LinearNet
from amulet.training import SGD, Adam, OneCycle, Pace, Penalize, Penalty, Recipe
from amulet.utility import Utility
from amulet.utility.metrics import accuracy

PACE = Pace(records=4, batch_size=4, epochs=1)
TABLE = Schema(
    Modality.TABULAR, (1,), ("no", "yes"), attributes=(Attribute("sex", ("f", "m")), Attribute("race", ("a", "b", "c")))
)


def records(y: list[int], sex: list[int], race: list[int] | None = None, schema: Schema = TABLE) -> Data:
    z = torch.tensor([sex, race or [0] * len(sex)]).T
    return Data(torch.zeros(len(y), 1), torch.tensor(y), z, torch.arange(len(y)), schema)


def term(penalty: Penalty, logits: Tensor, batch: Data) -> Tensor:
    return penalty.penalize(lambda x: x, logits, batch)


def gradient(penalty: Penalty, logits: Tensor, batch: Data) -> Tensor:
    leaf = logits.clone().requires_grad_()
    term(penalty, leaf, batch).sum().backward()
    assert leaf.grad is not None
    return leaf.grad


def begun(stage: AdversarialDebiasing | FERMI, pace: Pace = PACE) -> Penalty:
    torch.manual_seed(0)
    return stage.begin(TABLE, pace, 0, "cpu")


# Adversarial debiasing


@pytest.mark.parametrize("constraint", ["demographic_parity", "equalized_odds"])
def test_the_gradient_is_the_reversed_one_of_the_adversary(constraint: str) -> None:
    """Of a linear adversary with logits a = W p + V y + b the loss has the gradient J W' (softmax(a) - group)."""
    stage = AdversarialDebiasing(strength=(3,), constraint=constraint, hidden=(), warmup=0, steps=1)  # type: ignore[arg-type]
    batch, logits = records([0, 1, 1, 0], [0, 1, 1, -1]), torch.randn(4, 2, generator=generator(0))
    torch.manual_seed(0)
    penalty = stage.begin(TABLE, PACE, 0, "cpu")
    torch.manual_seed(0)
    linear = torch.nn.Linear(4 if constraint == "equalized_odds" else 2, 2)
    p = logits.softmax(1)
    shown = torch.cat([p, one_hot(batch.y, 2)], 1) if constraint == "equalized_odds" else p
    wrong = linear(shown).softmax(1) - one_hot(batch.z[:, 0].clamp_min(0), 2)
    by_probability = (wrong @ linear.weight[:, :2]).detach()
    by_logit = p * (by_probability - (p * by_probability).sum(1, keepdim=True))
    expected = torch.where(batch.z[:, :1] >= 0, -3 * by_logit, 0.0)
    assert torch.allclose(gradient(penalty, logits, batch), expected, atol=1e-6)


def test_a_step_of_the_adversary_is_one_down_its_own_loss() -> None:
    stage = AdversarialDebiasing(hidden=(), optimizer=SGD(lr=0.5, momentum=0), steps=1, warmup=0)
    batch, logits = records([0, 1, 1, 0], [0, 1, 1, -1]), torch.randn(4, 2, generator=generator(0))
    penalty = begun(stage)
    before = term(penalty, logits, batch)
    torch.manual_seed(0)
    linear = torch.nn.Linear(2, 2)
    recorded = batch.z[:, 0] >= 0
    loss = torch.nn.functional.cross_entropy(linear(logits.softmax(1))[recorded], batch.z[recorded, 0])
    loss.backward()
    torch.optim.SGD(linear.parameters(), lr=0.5).step()
    with torch.no_grad():
        stepped = torch.nn.functional.cross_entropy(linear(logits.softmax(1))[recorded], batch.z[recorded, 0])
    penalty.learn(logits, batch)
    after = term(penalty, logits, batch)
    assert -before.sum().item() / 15 == pytest.approx(loss.item(), abs=1e-6)
    assert -after.sum().item() / 15 == pytest.approx(stepped.item(), abs=1e-6)
    assert after[3] == 0


def test_the_strength_rises_over_the_warm_up() -> None:
    stage = AdversarialDebiasing(optimizer=SGD(lr=1e-9), warmup=0.5)
    batch, logits = records([0, 1, 1, 0], [0, 1, 1, 0]), torch.randn(4, 2, generator=generator(0))
    penalty, sizes = begun(stage, Pace(records=4, batch_size=4, epochs=4)), []
    for _ in range(4):
        penalty.learn(logits, batch)
        sizes.append(term(penalty, logits, batch).sum().item())
    assert [size / sizes[-1] for size in sizes] == pytest.approx([0.5, 1, 1, 1], abs=1e-3)


def test_each_attribute_has_its_adversary_and_its_strength() -> None:
    batch, logits = records([0, 1, 1, 0], [0, 1, 1, 0], [2, 0, 1, 1]), torch.randn(4, 2, generator=generator(0))
    both = begun(AdversarialDebiasing(("sex", "race"), strength=(0, 2), warmup=0))
    torch.manual_seed(0)
    AdversarialDebiasing(("sex",), warmup=0).begin(TABLE, PACE, 0, "cpu")  # draws what comes first
    alone = AdversarialDebiasing(("race",), strength=(2,), warmup=0).begin(TABLE, PACE, 0, "cpu")
    assert torch.allclose(term(both, logits, batch), term(alone, logits, batch))


def test_combined_attributes_are_one_with_all_combinations() -> None:
    stage = AdversarialDebiasing((("sex", "race"),), hidden=(), warmup=0)
    batch, logits = records([0, 1, 1, 0], [0, 1, 1, -1], [2, 0, -1, 1]), torch.randn(4, 2, generator=generator(0))
    torch.manual_seed(0)
    losses = torch.nn.Linear(2, 6)(logits.softmax(1)).log_softmax(1)
    expected = 5 * torch.stack([losses[0, 2], losses[1, 3], torch.tensor(0.0), torch.tensor(0.0)])
    assert torch.allclose(term(begun(stage), logits, batch), expected, atol=1e-6)


@pytest.mark.parametrize("stage", [AdversarialDebiasing(warmup=0), FERMI()], ids=str)
def test_groups_that_are_empty_or_never_recorded_do_no_harm(stage: AdversarialDebiasing | FERMI) -> None:
    logits = torch.randn(4, 2, generator=generator(0))
    for sex in ([0, 0, 0, 0], [-1, -1, -1, -1]):
        penalty, batch = begun(stage), records([0, 1, 1, 0], sex)
        for _ in range(3):
            penalty.learn(logits, batch)
        assert gradient(penalty, logits, batch).isfinite().all()
    assert (term(penalty, logits, batch) == 0).all()


# FERMI


def ermi(probabilities: Tensor, groups: Tensor, number: int) -> Tensor:
    """The definition: the mean of P(class, group) / (P(class) P(group)) under the joint distribution, less one."""
    joint = torch.stack([(probabilities * (groups == g)[:, None]).mean(0) for g in range(number)])
    independent = joint.sum(1, keepdim=True) * joint.sum(0, keepdim=True)
    return (joint.square() / independent).nan_to_num().sum() - 1


def test_the_mean_penalty_has_value_and_gradient_of_the_dependence() -> None:
    y, sex = torch.randint(2, (40,), generator=generator(1)), torch.randint(2, (40,), generator=generator(2))
    batch, logits = records(y.tolist(), sex.tolist()), torch.randn(40, 2, generator=generator(0))
    penalty = begun(FERMI(strength=(1,)))
    penalty.learn(logits, batch)
    leaf = logits.clone().requires_grad_()
    dependence = ermi(leaf.softmax(1), sex, 2)
    dependence.backward()
    assert term(penalty, logits, batch).mean().item() == pytest.approx(dependence.item(), abs=1e-6)
    assert leaf.grad is not None
    assert torch.allclose(gradient(penalty, logits, batch) / 40, leaf.grad, atol=1e-6)


def test_for_equalized_odds_it_is_the_mean_over_true_classes() -> None:
    y, race = torch.randint(2, (60,), generator=generator(1)), torch.randint(3, (60,), generator=generator(2))
    batch, logits = records(y.tolist(), [0] * 60, race.tolist()), torch.randn(60, 2, generator=generator(0))
    penalty = begun(FERMI(("race",), strength=(1,), constraint="equalized_odds"))
    penalty.learn(logits, batch)
    p = logits.softmax(1)
    expected = sum((y == c).double().mean() * ermi(p[y == c], race[y == c], 3) for c in range(2))
    assert term(penalty, logits, batch).mean().item() == pytest.approx(float(expected), abs=1e-6)


def test_the_dependence_is_a_chi_squared_statistic_by_record() -> None:
    from scipy.stats import chi2_contingency  # noqa: PLC0415

    table = torch.tensor([[30.0, 10.0], [25.0, 35.0], [5.0, 15.0]])
    statistic = chi2_contingency(table.numpy(), correction=False).statistic
    mean_slope = (slopes(table[None])[0] * table / table.sum()).sum()
    assert mean_slope.item() - 1 == pytest.approx(statistic / 120, abs=1e-5)


def test_the_average_is_plain_until_the_window_is_full() -> None:
    first, second = torch.randn(2, 4, 2, generator=generator(0))
    batch = records([0, 1, 1, 0], [0, 1, 1, 0])
    one, both = begun(FERMI()), begun(FERMI())
    one.learn(torch.cat([first, second]), records([0, 1, 1, 0] * 2, [0, 1, 1, 0] * 2))
    both.learn(first, batch)
    both.learn(second, batch)
    assert torch.allclose(term(one, first, batch), term(both, first, batch), atol=1e-6)


# Reweighing


def test_weights_are_those_of_the_published_example() -> None:
    """Ten applicants, as in Table 1 of the paper: 5 men of whom 4 are hired, 5 women of whom 2 are."""
    data = records([1, 1, 1, 1, 0, 1, 1, 0, 0, 0], [1] * 5 + [0] * 5)
    weight = Reweighing().prepare(data, generator(0)).data.weight
    assert weight is not None
    assert weight.tolist() == pytest.approx([0.75] * 4 + [2.0] + [1.5] * 2 + [2 / 3] * 3)


def test_group_and_class_are_independent_in_the_weighted_records() -> None:
    rng = generator(0)
    y, sex, race = (torch.randint(high, (300,), generator=rng) for high in (2, 2, 3))
    sex[:40], race[30:60] = -1, -1
    data = replace(records(y.tolist(), sex.tolist(), race.tolist()), weight=torch.rand(300, generator=generator(9)))
    weight = Reweighing(("sex", "race")).prepare(data, generator(0)).data.weight
    assert weight is not None
    assert data.weight is not None
    recorded = (sex >= 0) & (race >= 0)
    assert torch.equal(weight[~recorded], data.weight[~recorded])
    table = torch.zeros(6, 2).index_put_(((sex * 3 + race)[recorded], y[recorded]), weight[recorded], accumulate=True)
    shares = table / table.sum()
    assert torch.allclose(shares, shares.sum(1, keepdim=True) * shares.sum(0), atol=1e-6)
    assert weight.sum().item() == pytest.approx(data.weight.sum().item(), rel=1e-5)


# Census


@pytest.mark.skipif("AMULET_DATA" not in os.environ, reason="needs the files of $AMULET_DATA")
@pytest.mark.parametrize("stage", [AdversarialDebiasing(), FERMI()], ids=str)
def test_on_census_the_gap_falls_below_a_third_and_so_does_what_is_inferred(stage: Penalize) -> None:
    data = Census(train_records=6000, test_records=6000).load()
    members, others = data.train[torch.arange(4000)], data.train[torch.arange(4000, 6000)]
    recipe = Recipe(LinearNet((64,), norm="none"), epochs=10, optimizer=Adam(lr=3e-3), schedule=OneCycle())
    values = []
    for each in (recipe, stage.apply(recipe)):
        model = each.fit(members, seed=0).model
        inferred = AttributeFromOutputs(attribute="sex").attack(model, others, data.test)
        assert not isinstance(inferred, Undefined)
        found = (
            demographic_parity(Discrimination("sex").audit(model, data.test)),
            accuracy(Utility().audit(model, data.test)),
            auc(inferred),
        )
        values.append([value for value in found if not isinstance(value, Undefined)])
    (gap, right, told), (fair_gap, fair_right, fair_told) = values
    assert fair_gap < gap / 3
    assert fair_right > right - 0.04
    assert fair_told < told - 0.05


def test_an_adversary_never_dies() -> None:
    """Units that are below zero for all records still learn. Those of ReLU would stay there, and end the defense."""
    batch, rng = records([0, 1] * 32, [0, 0, 1, 1] * 16), generator(0)
    penalty = AdversarialDebiasing(warmup=0).begin(TABLE, Pace(records=64, batch_size=64, epochs=1), 0, "cpu")
    net = penalty._adversaries[0][1]  # type: ignore[attr-defined]
    net[0].bias.data.fill_(-5.0)
    telling = torch.stack([1.0 - 2 * batch.z[:, 0], 2.0 * batch.z[:, 0] - 1], 1) + 0.1 * torch.randn(
        64, 2, generator=rng
    )
    for _ in range(60):
        penalty.learn(telling, batch)
    assert term(penalty, telling, batch).mean() > -0.5 * 5 * math.log(2)
