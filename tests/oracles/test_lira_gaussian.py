"""LiRA and RMIA on a toy whose best attack is known.

The scaled logit of record i is N(offset_i + gap_i, std_i^2) under models trained with it and N(offset_i,
std_i^2) under others. The log-likelihood ratio of two Gaussians of one variance grows with the value, and
where gap_i / std_i = d for all records its AUC is Phi(d / sqrt 2).

RMIA compares probabilities. Where the log odds are far below zero they are log probabilities, so with one spread for
all records its ratio is the same effect plus the same noise, and its AUC the same closed form.
"""

from dataclasses import dataclass, replace
from math import sqrt
from typing import get_args

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal, norm
from torch import Generator, Tensor, nn

from amulet.core.dataset import AmuletDataset
from amulet.core.split import MemberDraw, ShadowDraw, Split
from amulet.core.threat import TrainedModel
from amulet.datasets import from_arrays
from amulet.functional.membership.likelihood import fit_gaussian_pair, fit_gaussians
from amulet.membership_inference import MembershipInferenceAttack, MembershipOutcome
from amulet.membership_inference.attacks import RMIA, LiRA, LossThreshold
from amulet.membership_inference.attacks.lira import Variance
from amulet.membership_inference.metrics import auc

RECORDS = 4000
SPLIT = Split(validation=0.0)
EFFECT = 1.0
EXACT = float(norm.cdf(EFFECT / sqrt(2)))
MONTE_CARLO = 4 * 0.5 / sqrt(RECORDS)
"""Four standard errors of an AUC over 2,000 members and 2,000 others, at most."""


class Table(nn.Module):
    """A model that looks up one confidence per record: x is the record's number, its class always 1."""

    def __init__(self, confidences: Tensor) -> None:
        super().__init__()
        self.confidences = nn.Buffer(confidences)

    def forward(self, x: Tensor) -> Tensor:
        found = self.confidences[x.flatten().long()]
        return torch.stack([torch.zeros_like(found), found], dim=1)


@dataclass(frozen=True)
class Toy:
    """Offsets and standard deviations of the records' confidences, and the randomness of the models."""

    offsets: Tensor
    stds: Tensor
    rng: Generator

    def trained_on(self, places: Tensor) -> Table:
        inside = torch.zeros(RECORDS).index_fill(0, places, 1)
        noise = torch.randn(RECORDS, generator=self.rng, dtype=torch.float64)
        return Table(self.offsets + self.stds * (EFFECT * inside + noise))


def toy(offset_spread: float, std_spread: float) -> Toy:
    rng = Generator().manual_seed(0)
    offsets = offset_spread * torch.randn(RECORDS, generator=rng, dtype=torch.float64)
    stds = (std_spread * torch.randn(RECORDS, generator=rng, dtype=torch.float64)).exp()
    return Toy(offsets, stds, rng)


@pytest.fixture(scope="module")
def numbered() -> AmuletDataset:
    x, y = torch.arange(float(RECORDS))[:, None], torch.ones(RECORDS)
    return from_arrays((x, y), (x, y), classes=["no", "yes"])


def played(attack: MembershipInferenceAttack, toy: Toy, dataset: AmuletDataset, count: int) -> MembershipOutcome:
    """The attack on a toy target, with `count` shadows drawn as an assessment draws them."""
    division = SPLIT.divide(RECORDS)
    target = toy.trained_on(MemberDraw(SPLIT).choose(dataset.train))
    draws = [ShadowDraw(SPLIT, number).choose(dataset.train) for number in range(count)]
    shadows = [TrainedModel(toy.trained_on(places), dataset.train.index[places]) for places in draws]
    members, others = dataset.train[division.members], dataset.train[division.auxiliary]
    return attack.attack(target, members, others, models={"shadow": shadows})


def value(outcome: MembershipOutcome) -> float:
    found = auc(outcome)
    assert isinstance(found, float)
    return found


@pytest.mark.parametrize("online", [True, False], ids=["online", "offline"])
@pytest.mark.parametrize("variance", get_args(Variance))
@pytest.mark.parametrize("offset_spread", [0.0, 3.0], ids=["alike", "some records harder"])
def test_with_many_shadows_the_auc_is_the_closed_form(
    numbered: AmuletDataset, variance: Variance, offset_spread: float, *, online: bool
) -> None:
    """Offline as well: one-sided, it ranks by how unlikely so much confidence is without the record."""
    attack = LiRA(shadows=128, variance=variance, online=online)
    found = value(played(attack, toy(offset_spread, 0.0), numbered, 128))
    assert found == pytest.approx(EXACT, abs=MONTE_CARLO)


def test_a_variance_per_record_is_right_where_records_differ_in_it(numbered: AmuletDataset) -> None:
    found = value(played(LiRA(shadows=128, variance="record"), toy(0.0, 1.0), numbered, 128))
    assert found == pytest.approx(EXACT, abs=MONTE_CARLO)


def test_one_global_variance_is_better_with_few_shadows(numbered: AmuletDataset) -> None:
    few = {
        each: value(played(LiRA(shadows=8, variance=each), toy(0.0, 0.0), numbered, 8)) for each in get_args(Variance)
    }
    assert few["record"] + MONTE_CARLO < few["global"] < EXACT + MONTE_CARLO


@pytest.mark.parametrize("online", [True, False], ids=["online", "offline"])
def test_from_2_to_256_shadows_of_one_pool_the_attack_grows_to_the_closed_form(
    numbered: AmuletDataset, *, online: bool
) -> None:
    found = [
        value(played(LiRA(shadows=count, online=online), toy(3.0, 0.0), numbered, count)) for count in (2, 8, 32, 256)
    ]
    assert found[0] > 0.5 + MONTE_CARLO
    assert found == sorted(found)
    assert found[-1] == pytest.approx(EXACT, abs=MONTE_CARLO)


def test_two_shadows_rank_as_the_likelihood_ratio_of_any_common_spread_does() -> None:
    confidences = torch.tensor([[1.0, 3.0, 2.0], [0.0, 1.0, 5.0]], dtype=torch.float64)
    inside = torch.tensor([[True, True, False], [False, False, True]])
    with_it, without = fit_gaussian_pair(confidences, inside)
    observed = torch.tensor([0.2, 2.5, 3.1], dtype=torch.float64)
    ratio = with_it.log_density(observed) - without.log_density(observed)
    for std in (0.5, 2.0):
        exact = ((observed - without.mean) ** 2 - (observed - with_it.mean) ** 2) / (2 * std**2)
        assert exact.argsort().equal(ratio.argsort())


def test_the_loss_threshold_is_as_good_only_where_records_are_alike(numbered: AmuletDataset) -> None:
    alike, harder = (value(played(LossThreshold(), toy(spread, 0.0), numbered, 0)) for spread in (0.0, 3.0))
    assert alike == pytest.approx(EXACT, abs=MONTE_CARLO)
    assert harder < 0.65


@pytest.mark.parametrize("variance", get_args(Variance))
def test_shadows_that_say_nothing_leave_guessing(numbered: AmuletDataset, variance: Variance) -> None:
    """Trained on other records than they claim, they know nothing of membership."""
    silent = toy(0.0, 0.0)
    draws = [ShadowDraw(SPLIT, number).choose(numbered.train) for number in range(16)]
    shadows = [TrainedModel(silent.trained_on(draws[0][:0]), numbered.train.index[places]) for places in draws]
    division = SPLIT.divide(RECORDS)
    outcome = LiRA(variance=variance).attack(
        silent.trained_on(draws[0][:0]),
        numbered.train[division.members],
        numbered.train[division.auxiliary],
        models={"shadow": shadows},
    )
    assert value(outcome) == pytest.approx(0.5, abs=MONTE_CARLO)


def improbable(offset_spread: float) -> Toy:
    """Records whose log odds are their log probabilities, to within 1e-6."""
    found = toy(offset_spread, 0.0)
    return replace(found, offsets=found.offsets - 30)


@pytest.mark.parametrize(
    "attack", [RMIA(shadows=128), RMIA(shadows=128, gamma=2), RMIA(128, online=False, a=1)], ids=str
)
@pytest.mark.parametrize("offset_spread", [0.0, 3.0], ids=["alike", "some records harder"])
def test_with_many_references_rmia_reaches_the_closed_form(
    numbered: AmuletDataset, attack: RMIA, offset_spread: float
) -> None:
    found = value(played(attack, improbable(offset_spread), numbered, 128))
    assert found == pytest.approx(EXACT, abs=MONTE_CARLO)


@pytest.mark.parametrize("attack", [RMIA(), RMIA(online=False, a=1)], ids=str)
def test_with_more_references_rmia_grows_to_the_closed_form(numbered: AmuletDataset, attack: RMIA) -> None:
    counts = (2, 8, 64)
    found = [value(played(replace(attack, shadows=count), improbable(3.0), numbered, count)) for count in counts]
    assert found[0] > 0.5 + MONTE_CARLO
    assert found == sorted(found)


def test_references_that_say_nothing_leave_rmia_guessing(numbered: AmuletDataset) -> None:
    silent = improbable(0.0)
    nobody = torch.arange(0)
    draws = [ShadowDraw(SPLIT, number).choose(numbered.train) for number in range(4)]
    shadows = [TrainedModel(silent.trained_on(nobody), numbered.train.index[places]) for places in draws]
    division = SPLIT.divide(RECORDS)
    members, others = numbered.train[division.members], numbered.train[division.auxiliary]
    outcome = RMIA().attack(silent.trained_on(nobody), members, others, models={"shadow": shadows})
    assert value(outcome) == pytest.approx(0.5, abs=MONTE_CARLO)


@pytest.mark.parametrize("per_record", [True, False])
def test_several_queries_are_one_spherical_gaussian_a_record(per_record: bool) -> None:
    """By SciPy; the variance is that of all queries of a record, or of all of all records."""
    values = torch.randn(6, 4, 3, generator=Generator().manual_seed(0), dtype=torch.float64)
    use, observed = torch.ones(6, 4, dtype=torch.bool), torch.zeros(4, 3, dtype=torch.float64)
    deviations = (values - values.mean(0)).square()
    variances = deviations.sum((0, 2)) / 15 if per_record else (deviations.sum() / 60).expand(4)
    found = fit_gaussians(values, use, per_record=per_record).log_density(observed)
    for record in range(4):
        mean, variance = values[:, record].mean(0), float(variances[record])
        expected = multivariate_normal(mean.numpy(), variance).logpdf(observed[record].numpy())
        assert found[record].item() - 1.5 * float(np.log(2 * np.pi)) == pytest.approx(expected)


@pytest.mark.parametrize("online", [True, False], ids=["online", "offline"])
def test_queries_with_noise_of_their_own_add_up(*, online: bool) -> None:
    """Four queries that each see the effect once: Phi(d sqrt(4) / sqrt(2))."""
    rng = Generator().manual_seed(0)
    inside = torch.rand(129, RECORDS, generator=rng) < 0.5
    noise = torch.randn(129, RECORDS, 4, generator=rng, dtype=torch.float64)
    values = 0.5 * inside[..., None] + noise
    observed, shadows, used = values[0], values[1:], inside[1:]
    with_it, without = (fit_gaussians(shadows, use, per_record=False) for use in (used, ~used))
    scores = with_it.log_density(observed) - without.log_density(observed)
    scores = scores if online else without.standardized(observed).mean(1)
    outcome = MembershipOutcome(scores, inside[0], torch.arange(RECORDS))
    assert value(outcome) == pytest.approx(norm.cdf(0.5 * 2 / sqrt(2)), abs=MONTE_CARLO)
