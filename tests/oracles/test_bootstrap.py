"""The bootstrap over records against SciPy, closed forms and simulation."""

from collections.abc import Callable
from itertools import islice

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from amulet.statistics import (
    Gate,
    Resampled,
    Word,
    draws,
    exceeds_resampled,
    explore_resampled,
    fewest_resamples,
    judge_resampled,
)
from amulet.statistics.bootstrap import percentile_interval
from amulet.statistics.turned import BELOW_CHANCE

Floats = NDArray[np.float64]
Metric = Callable[[Floats, NDArray[np.int64]], Floats]
"""Of (..., n) values and the (n,) strata that they lie in: a number for each of `...`."""

AT_ONCE = 100
"""Resamples that a metric is computed for at one time."""

Sample = tuple[Floats, Floats, NDArray[np.int64]]
"""What both models give for each record, and its stratum."""


def differences(metric: Metric, sample: Sample, resamples: int, seed: int = 0) -> Floats:
    """Of a metric, on the same resamples for both models. Each has its records in the order of their strata."""
    before, after, strata = sample
    drawn, ordered = draws(strata, resamples, np.random.default_rng(seed)), np.sort(strata)
    parts = (np.stack(list(islice(drawn, AT_ONCE))) for _ in range(0, resamples, AT_ONCE))
    return np.concatenate([metric(after[at], ordered) - metric(before[at], ordered) for at in parts])


def accuracy(right: Floats, _: NDArray[np.int64]) -> Floats:
    return np.asarray(right.mean(-1))


def auc(scores: Floats, members: NDArray[np.int64]) -> Floats:
    """Continuous scores have no ties."""
    ins, outs = scores[..., members == 1], scores[..., members == 0]
    return np.asarray((ins[..., :, None] > outs[..., None, :]).mean((-2, -1)))


def predictions(n: int, rng: np.random.Generator) -> Sample:
    """Before is right with probability 0.85; a tenth of the records is decided anew, then by a coin."""
    before = rng.random(n) < 0.85
    after = np.where(rng.random(n) < 0.1, rng.random(n) < 0.5, before)
    return before.astype(float), after.astype(float), np.zeros(n, dtype=np.int64)


def memberships(n: int, rng: np.random.Generator) -> Sample:
    """Scores of variance 1 and correlation 0.5; members lie higher by 0.5 before and by 0.2 after."""
    members = (np.arange(n) < n // 2).astype(np.int64)
    shared, own = rng.normal(size=n), rng.normal(size=(2, n))
    before, after = (
        np.sqrt(0.5) * (shared + each) + shift * members for each, shift in zip(own, (0.5, 0.2), strict=True)
    )
    return before, after, members


TRUE_ACCURACY = 0.1 * (0.5 - 0.85)
TRUE_AUC = float(stats.norm.cdf(0.2 / np.sqrt(2)) - stats.norm.cdf(0.5 / np.sqrt(2)))


def test_the_interval_of_an_accuracy_difference_is_the_paired_wald_interval() -> None:
    """McNemar's counts b and c: (c - b) / n, with variance ((b + c) - (c - b)^2 / n) / n^2."""
    before, after, strata = predictions(2000, np.random.default_rng(1))
    lost, won = int((before > after).sum()), int((after > before).sum())
    difference, error = (won - lost) / 2000, np.sqrt(won + lost - (won - lost) ** 2 / 2000) / 2000
    expected = (difference - 1.96 * error, difference + 1.96 * error)
    found = percentile_interval(differences(accuracy, (before, after, strata), 8000), 0.95)
    assert found == pytest.approx(expected, abs=0.06 * error)


@pytest.mark.parametrize(("metric", "make"), [(accuracy, predictions), (auc, memberships)])
def test_the_interval_is_scipys(metric: Metric, make: Callable[[int, np.random.Generator], Sample]) -> None:
    sample = make(300, np.random.default_rng(2))
    found = percentile_interval(differences(metric, sample, 8000), 0.95)
    before, after, strata = sample

    def difference(*groups: Floats) -> float:
        at = np.concatenate(groups).astype(np.int64)
        return float(metric(after[at], strata[at]) - metric(before[at], strata[at]))

    places = [np.flatnonzero(strata == code) for code in np.unique(strata)]
    theirs = stats.bootstrap(places, difference, n_resamples=8000, method="percentile", vectorized=False, rng=0)
    assert found == pytest.approx(tuple(theirs.confidence_interval), abs=0.15 * theirs.standard_error)


@pytest.mark.parametrize(
    ("metric", "make", "true"),
    [
        pytest.param(accuracy, predictions, TRUE_ACCURACY, id="accuracy"),
        pytest.param(auc, memberships, TRUE_AUC, id="auc"),
    ],
)
def test_intervals_cover_the_true_difference_as_often_as_stated(
    metric: Metric,
    make: Callable[[int, np.random.Generator], Sample],
    true: float,
) -> None:
    rng, covered = np.random.default_rng(3), 0
    for seed in range(250):
        found = percentile_interval(differences(metric, make(200, rng), 400, seed), 0.95)
        assert found is not None
        covered += found[0] <= true <= found[1]
    assert stats.binomtest(covered, 250, 0.95).pvalue > 0.01


def test_records_are_drawn_with_replacement_and_every_stratum_keeps_its_size() -> None:
    strata = np.array([1, 0, 1, 1, 0, 1, 0, 1])
    for places in draws(strata, 50, np.random.default_rng(0)):
        assert len(places) == 8
        assert strata[places].sum() == 5
    firsts = [places[0] for places in draws(np.zeros(4, dtype=np.int64), 4000, np.random.default_rng(0))]
    assert stats.chisquare(np.bincount(firsts)).pvalue > 0.01


def test_so_many_resamples_that_twenty_lie_beyond_each_end() -> None:
    assert fewest_resamples(1) == 800
    assert fewest_resamples(5) == 4000
    values = np.arange(4000.0)
    low, high = percentile_interval(values, 1 - 0.05 / 5) or (0.0, 0.0)
    assert ((values < low).sum(), (values > high).sum()) == (19, 19)  # the ends are the outer neighbours


def word(differences_: Floats | list[float], margin: float = 0.02, *, observed: float | None = 0.0) -> Word:
    return judge_resampled([Resampled(observed, np.array(differences_), margin)])[0].word


def test_each_word() -> None:
    spread = np.linspace(-0.01, 0.01, 801)
    assert word(spread) is Word.NO_CHANGE
    assert word(spread + 0.005) is Word.NO_CHANGE
    assert word(spread + 0.05) is Word.INCREASES
    assert word(spread - 0.05) is Word.DECREASES
    assert word(spread * 10) is Word.INCONCLUSIVE
    assert word([], observed=None) is Word.UNDEFINED
    assert judge_resampled([Resampled(0.0, spread, 0.02, same=True)])[0].word is Word.UNCHANGED


def test_from_chance_to_chance_is_no_change_in_a_pair() -> None:
    """The AUC falls from .50 to .45: the attack beats guessing on neither model. From .60 it would be a change."""
    spread = np.linspace(-0.01, 0.01, 801)
    for before, expected in ((0.0, Word.NO_LEAK), (0.1, Word.DECREASES)):
        cell = Resampled(-0.05, spread - 0.05 - before, 0.02, gains=(spread + before, spread - 0.05))
        assert judge_resampled([cell])[0].word is expected
    steady = Resampled(0.0, spread, 0.02, gains=(spread, spread))
    assert judge_resampled([steady])[0].word is Word.NO_CHANGE


def test_an_attack_below_chance_is_compared_with_its_answers_turned_round() -> None:
    """AUCs of .56 and .44: whoever says the opposite reaches .56, so that no risk is lower; from .70 it is lower."""
    spread = np.linspace(-0.01, 0.01, 801)
    for before, expected in ((0.56, Word.INCONCLUSIVE), (0.44, Word.INCONCLUSIVE), (0.70, Word.DECREASES)):
        change, total = 0.40 - before, before + 0.40 - 1
        verdict = judge_resampled([Resampled(change, spread + change, 0.02, sums=spread + total)])[0]
        assert verdict.word is expected
        assert verdict.reason == (BELOW_CHANCE if expected is Word.INCONCLUSIVE else None)
        assert verdict.interval is not None


@pytest.mark.parametrize(("unit", "units"), [("class", "classes"), ("suspect", "suspects"), ("model", "models")])
def test_what_is_no_record_is_not_resampled(unit: str, units: str) -> None:
    verdict = judge_resampled([Resampled(0.1, np.empty(0), 0.02, unit=unit)])[0]
    assert verdict.reason == f"the metric is of {units}, and only records can be resampled"


def test_a_difference_without_any_spread_is_not_taken_for_certain() -> None:
    """Models that decide every record alike may differ on the next one."""
    verdict = judge_resampled([Resampled(0.0, np.zeros(800), 0.02)])[0]
    assert verdict.word is Word.INCONCLUSIVE
    assert verdict.interval is None
    assert "exactly the same" in (verdict.reason or "")


def test_a_resample_without_a_value_counts_beyond_both_ends() -> None:
    values = np.concatenate([np.full(5, np.nan), np.linspace(0.05, 0.15, 795)])
    few = judge_resampled([Resampled(0.1, values, 0.02)])[0]
    whole = judge_resampled([Resampled(0.1, np.linspace(0.05, 0.15, 800), 0.02)])[0]
    assert few.word is Word.INCREASES
    assert few.interval is not None
    assert whole.interval is not None
    assert few.interval[0] < whole.interval[0]
    assert few.interval[1] > whole.interval[1]

    many = np.concatenate([np.full(30, np.nan), np.linspace(0.05, 0.15, 770)])
    verdict = judge_resampled([Resampled(0.1, many, 0.02)])[0]
    assert verdict.word is Word.INCONCLUSIVE
    assert verdict.reason == "no value on 30 of 800 resamples of the records"


def test_a_family_asks_for_more_than_one_cell() -> None:
    rng = np.random.default_rng(0)
    borderline = Resampled(0.045, rng.normal(0.045, 0.02, 4000), 0.01)
    nothing = [Resampled(0.0, rng.normal(0, 0.05, 4000), 0.01) for _ in range(4)]
    assert explore_resampled([borderline])[0].word is Word.INCREASES
    assert judge_resampled([borderline, *nothing])[0].word is Word.INCONCLUSIVE


def test_cells_without_a_test_do_not_widen_the_others() -> None:
    cell = Resampled(0.05, np.random.default_rng(0).normal(0.05, 0.02, 4000), 0.01)
    idle = [Resampled(None, np.empty(0), 0.02), Resampled(0.0, np.zeros(800), 0.02, same=True)]
    assert judge_resampled([cell, *idle])[0].interval == judge_resampled([cell])[0].interval


def test_false_words_are_as_rare_as_stated_in_families_without_any_effect() -> None:
    """150 families of four accuracies of equally good models: in 95% no cell is said to increase or decrease."""
    rng, wrong, resamples = np.random.default_rng(5), 0, fewest_resamples(4)
    for _ in range(150):
        strata, family = np.zeros(300, dtype=np.int64), []
        for _ in range(4):
            change = rng.choice([-1.0, 0.0, 1.0], 300, p=[0.06, 0.88, 0.06])
            counts = rng.multinomial(300, [float((change == code).mean()) for code in (-1, 0, 1)], size=resamples)
            family.append(Resampled(float(change.mean()), (counts[:, 2] - counts[:, 0]) / len(strata), 0.001))
        wrong += any(verdict.word in {Word.INCREASES, Word.DECREASES} for verdict in judge_resampled(family))
    assert stats.binomtest(wrong, 150, 0.05, alternative="greater").pvalue > 0.01


@pytest.mark.parametrize(("skill", "wrong"), [(0.0, Gate.PASSED), (0.02, Gate.FAILED)])
def test_a_model_is_wrongly_said_to_have_learned_or_not_as_rarely_as_stated(skill: float, wrong: Gate) -> None:
    """1000 test sets of 300 records, and a model with a balanced accuracy of 0.5 or, at the margin, 0.52."""
    rng, records, found = np.random.default_rng(6), (200, 100), 0
    for _ in range(1000):
        recalls = [rng.binomial(n, 0.5 + skill) / n for n in records]
        drawn = [rng.binomial(n, recall, fewest_resamples(1)) / n for n, recall in zip(records, recalls, strict=True)]
        found += exceeds_resampled(np.mean(drawn, axis=0) - 0.5, least=0.02) is wrong
    assert stats.binomtest(found, 1000, 0.05, alternative="greater").pvalue > 0.01
