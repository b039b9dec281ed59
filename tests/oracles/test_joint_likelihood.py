"""Gaussians of several statistics against SciPy's, and LiRA with explanations where the best attack is known."""

from math import sqrt

import numpy as np
import pytest
import torch
from scipy.stats import multivariate_normal, norm
from torch import Generator, Tensor

from amulet.functional.membership.joint_likelihood import RIDGE, fit_joint_gaussians
from amulet.functional.membership.likelihood import fit_gaussians
from amulet.functional.roc import area_under, roc

MODELS, RECORDS = 12, 5


def drawn() -> tuple[Tensor, Tensor]:
    """Two statistics of five records under twelve models, and which models to use."""
    rng = Generator().manual_seed(0)
    values = torch.randn(MODELS, RECORDS, 2, generator=rng, dtype=torch.float64)
    values[..., 1] += 2 * values[..., 0]
    return values, torch.rand(MODELS, RECORDS, generator=rng) < 0.7


@pytest.mark.parametrize("per_record", [True, False])
def test_means_covariances_and_densities_are_those_of_numpy_and_scipy(per_record: bool) -> None:
    values, use = drawn()
    observed = values[0] + 0.5
    found = fit_joint_gaussians(values, use, per_record=per_record)
    samples = [values[use[:, record], record].numpy() for record in range(RECORDS)]
    own = [np.cov(sample, rowvar=False) for sample in samples]
    freedom = [len(sample) - 1 for sample in samples]
    pooled = sum(free * matrix for free, matrix in zip(freedom, own, strict=True)) / sum(freedom)
    for record, sample in enumerate(samples):
        covariance = own[record] if per_record else pooled
        exact = multivariate_normal(sample.mean(0), covariance + RIDGE * np.diag(np.diag(pooled)))
        assert found.log_density(observed)[record].item() == pytest.approx(exact.logpdf(observed[record].numpy()))


@pytest.mark.parametrize("per_record", [True, False])
def test_of_one_statistic_the_ratios_are_those_of_lira(per_record: bool) -> None:
    values, use = drawn()
    single, observed = values[..., :1], values[3, :, :1]
    joint, plain = (
        [fit(single, which, per_record=per_record).log_density(observed) for which in (use, ~use | use[:1])]
        for fit in (fit_joint_gaussians, fit_gaussians)
    )
    assert torch.allclose(joint[0] - joint[1], plain[0] - plain[1], rtol=1e-4)


def test_two_statistics_reach_the_best_auc_there_is() -> None:
    """Membership moves two independent statistics by 0.7: an effect of 0.7 sqrt 2 standard deviations."""
    rng, records, models = Generator().manual_seed(1), 4000, 64
    inside = torch.rand(models + 1, records, generator=rng) < 0.5
    noise = torch.randn(models + 1, records, 2, generator=rng, dtype=torch.float64)
    values = 0.7 * inside[..., None] + noise
    shadows, sides = values[1:], inside[1:]
    with_it, without = (fit_joint_gaussians(shadows, use, per_record=False) for use in (sides, ~sides))
    scores = with_it.log_density(values[0]) - without.log_density(values[0])
    one = scores_of_one(shadows, sides, values[0])
    best = norm.cdf(0.7 * sqrt(2) / sqrt(2))
    assert _auc(scores, inside[0]) == pytest.approx(best, abs=0.035)
    assert _auc(scores, inside[0]) > _auc(one, inside[0]) + 0.04


def _auc(scores: Tensor, members: Tensor) -> float:
    return area_under(*roc(scores, members))


def scores_of_one(shadows: Tensor, sides: Tensor, observed: Tensor) -> Tensor:
    with_it, without = (fit_gaussians(shadows[..., 0], use, per_record=False) for use in (sides, ~sides))
    return with_it.log_density(observed[:, 0]) - without.log_density(observed[:, 0])


def test_a_constant_statistic_adds_nothing() -> None:
    values, use = drawn()
    values[..., 1] = 3.0
    found = fit_joint_gaussians(values, use, per_record=True).log_density(values[0])
    plain = fit_joint_gaussians(values[..., :1], use, per_record=True).log_density(values[0, :, :1])
    assert (found - plain).std().item() == pytest.approx(0.0, abs=1e-6)
