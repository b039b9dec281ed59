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
from amulet.statistics.rare import FEWEST, seeds_to_exclude, share_not_excluded
from amulet.statistics.spread import OTHERS, PAIRING, unpaired_std
from amulet.statistics.turned import BELOW_CHANCE

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


@pytest.mark.parametrize(("mean", "std"), [(0.0, 0.02), (0.01, 0.02), (0.03, 0.04)])
def test_at_least_four_in_five_cells_are_settled_with_the_seeds_asked_for(mean: float, std: float) -> None:
    """Cells that are open after five seeds, with no effect, with one of half the margin, and with a larger one."""
    rng, asked, settled = np.random.default_rng(5), 0, 0
    for _ in range(150):
        differences = tuple(rng.normal(mean, std, 1000))
        seeds = judge([Comparison(differences[:5], 0.02)])[0].seeds_needed
        if seeds is not None:
            asked += 1
            settled += judge([Comparison(differences[:seeds], 0.02)])[0].settled
    assert asked > 50
    assert settled / asked >= 0.8


def test_each_word() -> None:
    def word(differences: list[float], margin: float = 0.02, *, same: bool = False) -> Word:
        return judge([Comparison(tuple(differences), margin, same)])[0].word

    assert word([0.10, 0.11, 0.09, 0.10]) is Word.INCREASES
    assert word([-0.10, -0.11, -0.09, -0.10]) is Word.DECREASES
    assert word([0.001, -0.001, 0.0, 0.0005] * 3) is Word.NO_CHANGE
    assert word([0.010, 0.0101, 0.0099] * 3) is Word.NO_CHANGE  # surely not zero, surely too small to matter
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


def test_two_seeds_do_not_say_how_many_more_are_needed() -> None:
    """Of true differences of one margin and one standard deviation, which ten seeds settle in four cases of five."""
    rng, margin = np.random.default_rng(6), 0.02
    asked = {}
    for seeds in (2, 5):
        tests = [paired_t(rng.normal(margin, margin, seeds).tolist()) for _ in range(200)]
        asked[seeds] = [seeds_to_settle(test, margin, 0.05) or 1001 for test in tests if test is not None]
    assert np.quantile(asked[2], 0.9) > 300
    assert np.quantile(asked[5], 0.9) < 150


@pytest.mark.parametrize("seeds", [2, 3, 4, 5])
def test_a_number_of_seeds_is_stated_from_five_on(seeds: int) -> None:
    verdict = judge([Comparison((0.1, -0.1, 0.05, -0.02, 0.03)[:seeds], 0.02)])[0]
    assert (verdict.seeds_needed is None) == verdict.too_few_seeds == (seeds < 5)
    assert verdict.seeds_may_settle == (seeds == 5)


def test_no_number_of_seeds_is_stated_where_an_attack_below_chance_stands_in_the_way() -> None:
    values = ((0.57, 0.43), (0.55, 0.45), (0.56, 0.43), (0.57, 0.45), (0.56, 0.44))
    differences = tuple(after - before for before, after in values)
    verdict = judge([Comparison(differences, 0.02, values=values, centre=0.5)])[0]
    assert (verdict.word, verdict.reason) == (Word.INCONCLUSIVE, BELOW_CHANCE)
    assert not verdict.seeds_may_settle
    assert verdict.seeds_needed is None


@pytest.mark.parametrize("differences", [(0.0,), (1e-17,), (0.0001, 0.0, -0.0001)], ids=str)
def test_hardly_any_difference_is_no_proof_until_rare_changes_are_excluded(differences: tuple[float, ...]) -> None:
    """A defense that acts in one training of three leaves 13% of experiments with five seeds as they were."""
    few, many = (judge([Comparison((differences * 9)[:seeds], 0.002)])[0] for seeds in (5, 9))
    assert few.word is Word.INCONCLUSIVE
    assert few.reason is not None
    assert few.reason.endswith(
        "in all 5 seeds, which cannot exclude a change that happens in fewer than 45% of trainings"
    )
    assert few.seeds_needed == FEWEST == 9
    assert many.word is Word.NO_CHANGE


@pytest.mark.parametrize("seeds", [5, 9, 10, 20])
def test_what_no_seed_shows_is_excluded_as_the_exact_binomial_bound_says(seeds: int) -> None:
    assert share_not_excluded(seeds) == pytest.approx(stats.binomtest(0, seeds).proportion_ci(0.90).high)
    assert seeds_to_exclude(share_not_excluded(seeds) + 1e-9) == seeds


def test_the_least_spread_is_taken_from_both_models_and_from_other_rows() -> None:
    """Differences that agree by chance: the models themselves vary, and so do the differences of other rows."""
    close = (0.050, 0.051, 0.049, 0.050, 0.052)
    before = (0.50, 0.60, 0.70, 0.45, 0.65)
    values = tuple((value, value + change) for value, change in zip(before, close, strict=True))
    other = Comparison((0.1, -0.1, 0.2, -0.2, 0.0), 0.02, metric="auc")
    alone, paired, beside = (
        Comparison(close, 0.02, values=given, metric=name) for given, name in (((), ""), (values, "auc"), ((), "auc"))
    )
    assert judge([alone])[0].word is Word.INCREASES
    assert judge([paired])[0].word is Word.INCONCLUSIVE
    assert [judge([cell, other])[0].word for cell in (alone, beside)] == [Word.INCREASES, Word.INCONCLUSIVE]
    [found] = explore([paired])
    assert found.paired is not None
    assert found.paired.least_std == pytest.approx(PAIRING * unpaired_std(*zip(*values, strict=True)))
    assert judge([beside, other])[0].paired.least_std == pytest.approx(OTHERS * np.std(other.differences, ddof=1))  # type: ignore[union-attr, arg-type]


@pytest.mark.parametrize("std", [0.5, 2.0])
def test_a_least_spread_makes_the_test_no_less_careful(std: float) -> None:
    differences = list(np.random.default_rng(3).normal(0.5, 1.0, 8))
    plain, floored = paired_t(differences), paired_t(differences, least_std=std)
    assert plain is not None
    assert floored is not None
    expected = stats.t.sf(plain.mean / max(plain.std, std) * np.sqrt(8), 7) * 2
    assert floored.p == pytest.approx(expected)
    assert floored.p >= plain.p


def test_from_chance_to_chance_is_no_change() -> None:
    """AUC .514 to .491: below, but on neither model is the attack shown to beat guessing."""
    low, lower = (0.515, 0.48, 0.53, 0.52, 0.495), (0.492, 0.458, 0.506, 0.497, 0.473)
    drop = tuple(after - before for before, after in zip(low, lower, strict=True))
    gains = tuple(tuple(value - 0.5 for value in values) for values in (low, lower))
    leaking = (tuple(value + 0.1 for value in gains[0]), gains[1])
    cells = [Comparison(drop, 0.01), Comparison(drop, 0.01, gains=gains), Comparison(drop, 0.01, gains=leaking)]
    assert [verdict.word for verdict in explore(cells)] == [Word.DECREASES, Word.NO_LEAK, Word.DECREASES]
    assert judge(cells[1:2])[0].settled


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
            if verdict.word is Word.NO_CHANGE or verdict.reason:
                continue  # it may be surely different from zero, and surely too small to matter
            assert verdict.interval is not None
            low, high = verdict.interval
            assert (low >= 0) == (verdict.word is Word.INCREASES)
            assert (high <= 0) == (verdict.word is Word.DECREASES)


def test_an_attack_below_chance_is_compared_with_its_answers_turned_round() -> None:
    """AUCs of 0.56 and 0.44: whoever says the opposite reaches 0.56, so that no risk is lower; 0.70 and 0.44 are."""

    def word(before: float, after: float, centre: float | None = 0.5) -> Word:
        around = np.array([0.011, -0.009, 0.004, -0.012, 0.006])
        first, second = (before + around).tolist(), (after - around[::-1]).tolist()
        differences = tuple(float(one) - float(other) for one, other in zip(second, first, strict=True))
        values = tuple(zip(first, second, strict=True))
        return judge([Comparison(differences, 0.02, values=values, centre=centre)])[0].word

    assert word(0.56, 0.44) is Word.INCONCLUSIVE
    assert word(0.56, 0.44, centre=None) is Word.DECREASES
    assert word(0.70, 0.44) is Word.DECREASES
    assert word(0.44, 0.70) is Word.INCREASES
    assert word(0.44, 0.36) is Word.INCONCLUSIVE  # further from chance, so that it tells more
    assert word(0.70, 0.57) is Word.DECREASES
