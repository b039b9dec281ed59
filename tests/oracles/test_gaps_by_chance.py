"""What chance makes of gaps between groups, against exact distributions, plain permutation and SciPy's interval."""

import numpy as np
import pytest
import torch
from scipy import stats

from amulet.core.metric import Metric
from amulet.discriminatory_behavior import DiscriminationOutcome
from amulet.discriminatory_behavior.metrics import (
    demographic_parity,
    equalized_odds,
    false_positive_parity,
    p_rule,
    true_positive_parity,
    worst_group_accuracy,
)
from amulet.functional.rates import rates_by_group
from amulet.statistics.proportion import wilson_interval

GAPS = [demographic_parity, equalized_odds, false_positive_parity, true_positive_parity]


def lottery(sizes: tuple[int, ...], winning: float, seed: int) -> DiscriminationOutcome:
    """Decisions by lot, the same for every group and class."""
    rng = np.random.default_rng(seed)
    groups = torch.repeat_interleave(torch.arange(len(sizes)), torch.tensor(sizes))
    labels, wins = (torch.from_numpy(rng.random(len(groups)) < share) for share in (0.3, winning))
    return DiscriminationOutcome(labels, wins, groups)


def permuted(outcome: DiscriminationOutcome, rng: np.random.Generator, *, within_classes: bool) -> torch.Tensor:
    """The groups, permuted among all records or among those of each class."""
    groups = outcome.groups.clone()
    for members in (outcome.labels, ~outcome.labels) if within_classes else (torch.ones_like(outcome.labels),):
        places = torch.nonzero(members).flatten()
        groups[places] = groups[places[torch.from_numpy(rng.permutation(len(places)))]]
    return groups


def test_the_mean_gap_between_two_groups_is_that_of_the_hypergeometric_distribution() -> None:
    outcome = lottery((200, 40), 0.4, seed=1)
    of, total = (200, 40), int(outcome.predictions.sum())
    small = np.arange(of[1] + 1)
    gaps = np.abs((total - small) / of[0] - small / of[1])
    expected = float(gaps @ stats.hypergeom(240, total, 40).pmf(small))
    found = demographic_parity.by_chance(outcome)
    assert found is not None
    assert found.added == pytest.approx(expected, rel=0.05)


@pytest.mark.parametrize("metric", [*GAPS, p_rule, worst_group_accuracy], ids=str)
def test_drawing_counts_is_permuting_groups(metric: Metric[DiscriminationOutcome]) -> None:
    outcome, rng = lottery((150, 60, 40), 0.3, seed=2), np.random.default_rng(0)
    within = metric in {equalized_odds, false_positive_parity, true_positive_parity}
    by_hand = np.empty(1000)
    for number in range(len(by_hand)):
        groups = permuted(outcome, rng, within_classes=within)
        value = metric(DiscriminationOutcome(outcome.labels, outcome.predictions, groups))
        assert isinstance(value, float)
        by_hand[number] = value
    parity = {p_rule: 1.0, worst_group_accuracy: (outcome.labels == outcome.predictions).double().mean().item()}
    found = metric.by_chance(outcome)
    assert found is not None
    assert found.added == pytest.approx(np.mean(by_hand) - parity.get(metric, 0.0), abs=0.015)
    assert found.bound == pytest.approx(np.quantile(by_hand, 0.05 if metric in parity else 0.95), abs=0.03)


def test_of_lotteries_fair_to_everyone_nothing_is_left_on_average() -> None:
    for metric in GAPS:
        nets = []
        for seed in range(200):
            outcome = lottery((300, 80, 50), 0.5, seed)
            value, chance = metric(outcome), metric.by_chance(outcome)
            assert isinstance(value, float)
            assert chance is not None
            nets.append(value - chance.added)
        assert abs(np.mean(nets)) < 4 * np.std(nets) / np.sqrt(200)


def test_a_random_attribute_shows_no_disparity_beyond_chance() -> None:
    outcome, rng = lottery((400, 100), 0.2, seed=3), np.random.default_rng(1)
    passed = []
    for _ in range(200):
        drawn = DiscriminationOutcome(outcome.labels, outcome.predictions, permuted(outcome, rng, within_classes=False))
        value, chance = equalized_odds(drawn), equalized_odds.by_chance(drawn)
        assert isinstance(value, float)
        assert chance is not None
        passed.append(value > chance.bound)
    assert np.mean(passed) < stats.binom(200, 0.05).ppf(0.999) / 200


def test_a_gap_that_is_there_is_beyond_chance() -> None:
    labels = torch.ones(1000, dtype=torch.bool)
    groups = torch.repeat_interleave(torch.arange(2), 500)
    wins = torch.cat([torch.arange(500) < 300, torch.arange(500) < 250])
    outcome = DiscriminationOutcome(labels, wins, groups)
    value, chance = demographic_parity(outcome), demographic_parity.by_chance(outcome)
    assert isinstance(value, float)
    assert chance is not None
    assert value == pytest.approx(0.1)
    assert chance.added < 0.03
    assert value > chance.bound


@pytest.mark.parametrize(("count", "of"), [(0, 10), (10, 10), (3, 7), (250, 1000)])
def test_the_interval_of_a_rate_is_scipy_s(count: int, of: int) -> None:
    expected = stats.binomtest(count, of).proportion_ci(0.95, method="wilson")
    assert wilson_interval(count, of, 0.95) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_resamples_compare_the_same_groups() -> None:
    """The third group has 30 records, just enough, of which a resample often has fewer."""
    outcome = lottery((100, 60, 30), 0.5, seed=4)
    outcome = DiscriminationOutcome(outcome.labels, outcome.predictions, outcome.groups, fewest=torch.tensor(30))
    rng = np.random.default_rng(0)
    for _ in range(50):
        places = torch.from_numpy(rng.integers(190, size=190))
        rates = rates_by_group(outcome.predictions[places], outcome.groups[places], torch.ones(190, dtype=torch.bool))
        assert demographic_parity(outcome.resample(places)) == pytest.approx((rates.max() - rates.min()).item())
