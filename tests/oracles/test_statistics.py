"""Statistics against SciPy, simulation and figures that can be checked by hand."""

import numpy as np
import pytest
from scipy import stats

from amulet.statistics import (
    Comparison,
    Printed,
    Word,
    doubling,
    explore,
    holm,
    judge,
    paired_t,
    rejudge,
    seeds_to_settle,
)
from amulet.statistics.power import power_of_difference, power_of_equivalence

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("n", [2, 5, 10])
def test_the_paired_test_is_scipys(n: int) -> None:
    treated, control = RNG.normal(1, 1, n), RNG.normal(0, 1, n)
    ours, theirs = paired_t(list(treated - control)), stats.ttest_rel(treated, control)
    assert ours is not None
    assert ours.p == pytest.approx(theirs.pvalue)
    assert ours.interval(0.9) == pytest.approx(tuple(theirs.confidence_interval(0.9)))


def test_the_effect_size_is_hedges_g_of_the_differences() -> None:
    ours = paired_t([1.0, 2.0, 3.0, 4.0, 5.0])
    assert ours is not None
    assert ours.effect == pytest.approx(3 / np.sqrt(2.5) * (1 - 3 / 15))


def test_two_pairs_have_no_standardised_size() -> None:
    """The correction is then zero, and an effect of 43 standard deviations would be shown as none."""
    ours = paired_t([0.30, 0.31])
    assert ours is not None
    assert ours.effect is None


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []
    assert holm([0.6, 0.7]) == [1.0, 1.0]


def test_welch_is_scipys() -> None:
    first, second = RNG.normal(0, 1, 10), RNG.normal(0.5, 2, 8)
    printed = [Printed(float(x.mean()), float(stats.sem(x)), len(x)) for x in (first, second)]
    [ours] = rejudge([(printed[0], printed[1])])
    theirs = stats.ttest_ind(second, first, equal_var=False)
    assert ours.p == pytest.approx(theirs.pvalue)
    assert ours.interval == pytest.approx(tuple(theirs.confidence_interval()))


@pytest.mark.parametrize("figure", [(np.nan, 0.1, 10), (1.0, -0.1, 10), (1.0, 0.1, 1)])
def test_figures_that_no_runs_give_are_refused(figure: tuple[float, float, int]) -> None:
    with pytest.raises(ValueError, match="A printed figure must have"):
        Printed(*figure)


def test_figures_printed_without_any_error_cannot_be_compared() -> None:
    """A table's "0.20 ± 0.00" says nothing of chance, unless the other figure does."""
    with pytest.raises(ValueError, match="One of two figures must have a standard error above 0"):
        rejudge([(Printed(0.20, 0.0, 10), Printed(0.25, 0.0, 10))])
    assert np.isfinite(rejudge([(Printed(0.20, 0.0, 10), Printed(0.25, 0.01, 10))])[0].p)


def test_the_published_table_on_outlier_removal_and_extraction_is_judged_again() -> None:
    """Amulet paper, Table 8, fidelity without and with 10% of outliers removed, FashionMNIST and CIFAR."""
    fashion = (Printed(92.89, 0.45, 10), Printed(90.61, 0.34, 10))
    cifar = (Printed(86.52, 0.32, 10), Printed(84.66, 0.76, 10))
    found = rejudge([fashion, cifar])
    assert found[0].p == pytest.approx(0.001, abs=0.0006)
    assert found[1].p < 0.05
    assert all(row.difference < 0 for row in found)


@pytest.mark.parametrize(("mean", "n", "alpha"), [(0.5, 10, 0.05), (1.0, 8, 0.01), (0.0, 6, 0.05)])
def test_power_of_a_difference_equals_its_simulated_share(mean: float, n: int, alpha: float) -> None:
    samples = np.random.default_rng(1).normal(mean, 1.0, (20_000, n))
    share = np.mean(np.asarray(stats.ttest_1samp(samples, 0, axis=1).pvalue) <= alpha)
    assert power_of_difference(mean, 1.0, n, alpha) == pytest.approx(share, abs=0.012)


@pytest.mark.parametrize(("mean", "n"), [(0.0, 40), (0.2, 60)])
def test_power_of_equivalence_is_near_its_simulated_share(mean: float, n: int) -> None:
    samples = np.random.default_rng(2).normal(mean, 1.0, (20_000, n))
    half = stats.t.ppf(0.975, n - 1) * samples.std(1, ddof=1) / np.sqrt(n)
    share = (np.abs(samples.mean(1)) + half < 0.5).mean()
    assert power_of_equivalence(mean, 1.0, n, 0.5, 0.05) == pytest.approx(share, abs=0.04)


def test_the_seeds_asked_for_settle_the_cell_four_times_in_five() -> None:
    undecided = paired_t([0.1, 2.0, -1.2, 0.8, 1.1])
    assert undecided is not None
    seeds = seeds_to_settle(undecided, margin=0.05, alpha=0.05)
    assert seeds is not None
    assert power_of_difference(undecided.mean, undecided.std, seeds, 0.05) >= 0.8
    assert power_of_difference(undecided.mean, undecided.std, seeds - 1, 0.05) < 0.8


def test_each_word() -> None:
    def word(differences: list[float], margin: float = 0.02, *, same: bool = False) -> Word:
        return judge([Comparison(tuple(differences), margin, same)])[0].word

    assert word([0.10, 0.11, 0.09, 0.10]) is Word.INCREASES
    assert word([-0.10, -0.11, -0.09, -0.10]) is Word.DECREASES
    assert word([0.001, -0.001, 0.0, 0.0005]) is Word.NO_CHANGE
    assert word([0.010, 0.0101, 0.0099]) is Word.NO_CHANGE  # surely not zero, surely too small to matter
    assert word([0.2, -0.2, 0.1]) is Word.INCONCLUSIVE
    assert word([0.1]) is Word.UNDEFINED
    assert word([], same=True) is Word.UNCHANGED
    assert word([0.1, 0.1, 0.1]) is Word.INCONCLUSIVE


def test_a_family_asks_for_more_than_one_cell() -> None:
    borderline = Comparison((0.05, 0.11, 0.02, 0.09, 0.13), 0.01)
    nothing = [Comparison(tuple(RNG.normal(0, 0.1, 5)), 0.01) for _ in range(19)]
    assert explore([borderline])[0].word is Word.INCREASES
    assert judge([borderline, *nothing])[0].word is Word.INCONCLUSIVE


@pytest.mark.parametrize("n", [3, 5, 10])
def test_false_words_are_as_rare_as_stated_in_families_without_any_effect(n: int) -> None:
    """2,000 families of twelve cells: with probability 0.95 no cell is said to increase or decrease."""
    rng, wrong = np.random.default_rng(n), 0
    for _ in range(2000):
        cells = [Comparison(tuple(row), 0.001) for row in rng.normal(0, 0.02, (12, n))]
        wrong += any(v.word in {Word.INCREASES, Word.DECREASES} for v in judge(cells))
    assert stats.binomtest(wrong, 2000, 0.05, alternative="greater").pvalue > 0.01


def test_a_cell_keeps_the_verdict_of_the_look_that_decides_it() -> None:
    first, then = (0.10, 0.11, 0.09, 0.10, 0.105), (-0.3, 0.2, 0.0, 0.1, -0.2)
    [decided] = judge([Comparison((*first, *then), 0.02)], looks=(5, 10))
    assert decided.word is Word.INCREASES
    assert decided.paired is not None
    assert decided.paired.n == 5
    assert judge([Comparison((*first, *then), 0.02)])[0].word is Word.INCONCLUSIVE


def test_an_open_cell_is_judged_by_all_its_seeds_at_a_share_of_the_level() -> None:
    open_cell = Comparison((0.05, 0.11, 0.02, 0.09, 0.13), 0.01)
    assert judge([open_cell])[0].word is Word.INCREASES
    [split] = judge([open_cell], looks=(5, 10, 20, 40))
    assert split.word is Word.INCONCLUSIVE
    assert split.level == pytest.approx(0.0125)


def test_what_a_cell_says_later_does_not_take_back_what_another_said_before() -> None:
    """The family is what was planned: a cell that is undefined at first has its place in it."""
    decided, late = (0.10, 0.13, 0.07, 0.10, 0.12), (None,) * 4 + (0.1, 0.2, -0.3, 0.1, 0.0, 0.2)
    words = [
        judge([Comparison(decided, 0.02), Comparison(late[:seeds], 0.02)], looks=(5, 10))[0].word for seeds in (5, 10)
    ]
    assert words[0] is words[1]
    identical = [Comparison((0.0,) * 3, 0.0), Comparison((1e-17,) * 3, 0.0)]
    assert [verdict.word for verdict in judge(identical)] == [Word.NO_CHANGE] * 2


def test_undefined_seeds_count_as_looked_at() -> None:
    cell = Comparison((None, 0.10, 0.11, None, 0.10, 0.09, 0.10), 0.02)
    [verdict] = judge([cell], looks=(5, 7))
    assert verdict.word is Word.INCREASES
    assert verdict.paired is not None
    assert verdict.paired.n == 3


@pytest.mark.parametrize(("most", "looks"), [(3, (3,)), (5, (5,)), (12, (5, 10, 12)), (40, (5, 10, 20, 40))])
def test_looks_double_up_to_the_most_seeds(most: int, looks: tuple[int, ...]) -> None:
    assert doubling(most) == looks


def test_power_is_a_number_and_grows_with_the_seeds() -> None:
    powers = [power_of_difference(0.02, 0.015, n, 0.05 / 18) for n in range(5, 60)]
    assert powers == sorted(powers)


def test_no_interval_contradicts_its_word() -> None:
    rng = np.random.default_rng(4)
    for _ in range(200):
        cells = [Comparison(tuple(row), 0.01) for row in rng.normal(rng.choice([0, 0.04], (9, 1)), 0.02, (9, 5))]
        for verdict in judge(cells):
            if verdict.word is Word.NO_CHANGE:
                continue  # it may be surely different from zero, and surely too small to matter
            assert verdict.interval is not None
            low, high = verdict.interval
            assert (low >= 0) == (verdict.word is Word.INCREASES)
            assert (high <= 0) == (verdict.word is Word.DECREASES)
