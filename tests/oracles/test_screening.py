"""Rows that are screened: by hand, and the error rates of rows that share one undefended model, by simulation."""

import sys
from pathlib import Path

import numpy as np
import pytest
from numpy.random import Generator
from scipy import stats

from amulet.statistics import ALPHA, CHANGES, Comparison, Verdict, Word, judge, screen
from amulet.statistics.calibration import Design
from amulet.statistics.multiplicity import Evidence, screened_rows, share_of_level
from amulet.statistics.paired import paired_t
from amulet.statistics.screened_pool import real_false_rows

ROWS, METRICS = 20, 4
NAMES = [f"row {row}" for row in range(ROWS) for _ in range(METRICS)]


def matrix(rng: Generator, seeds: int, effects: np.ndarray, margin: float = 0.0) -> list[Comparison]:
    """Rows of independent trainings, all minus those of one undefended model, so that differences go together."""
    undefended, defended = rng.normal(0, 1, (METRICS, seeds)), rng.normal(0, 1, (ROWS, METRICS, seeds))
    differences = (defended - undefended + effects[..., None]).reshape(-1, seeds)
    return [Comparison(tuple(each.tolist()), margin) for each in differences]


def rows_with(verdicts: list[Verdict], words: frozenset[Word]) -> set[int]:
    return {place // METRICS for place, verdict in enumerate(verdicts) if verdict.word in words}


def test_the_share_of_the_level_by_hand() -> None:
    """Of five rows the level is shared by two: p-values of .001 and .02 are at most two fifths of .05, .04 is not."""
    assert share_of_level([0.3, 0.02, 0.04, 0.001, 0.9], 0.05) == 2 / 5
    assert share_of_level([0.3, 0.9], 0.05) == 1 / 2
    assert share_of_level([0.04], 0.05) == 1
    bars = screened_rows(
        {0: Evidence(0.005, 1.0), 1: Evidence(0.6, 1.0), 2: Evidence(0.01, 1.0), 3: Evidence(0.3, 1.0)},
        {0: "a", 1: "a", 2: "b", 3: "c"},
        0.05,
    )
    assert [bar.p for bar in bars.values()] == pytest.approx([0.015, 0.9, 0.015, 0.45])
    assert [bar.shown for bar in bars.values()] == pytest.approx([0.05 / 3, 0.05 / 3, 0.1 / 3, 0.1 / 3])


def test_a_row_alone_is_judged_as_a_family() -> None:
    cells = matrix(np.random.default_rng(0), 12, np.full((ROWS, METRICS), 1.0), margin=0.5)[:METRICS]
    assert screen(cells, NAMES[:METRICS]) == judge(cells)


def test_the_level_at_which_an_interval_reaches_the_margin() -> None:
    test = paired_t([0.01, 0.03, -0.01, 0.02])
    assert test is not None
    low, high = test.interval(1 - test.p_beyond(0.05))
    assert max(-low, high) == pytest.approx(0.05)
    assert test.p_beyond(0.01) == 1.0


@pytest.mark.parametrize("looks", [(5,), (12,), (5, 10, 20)], ids=str)
def test_without_any_effect_it_is_as_rare_as_stated_that_any_row_is_said_to_change(looks: tuple[int, ...]) -> None:
    rng, wrong = np.random.default_rng(1), 0
    for _ in range(200):
        verdicts = screen(matrix(rng, looks[-1], np.zeros((ROWS, METRICS))), NAMES, looks=looks)
        wrong += bool(rows_with(verdicts, CHANGES))
    assert stats.binomtest(wrong, 200, ALPHA, alternative="greater").pvalue > 0.01


@pytest.mark.parametrize("changing", [2, 10, 19])
def test_of_the_rows_that_are_said_to_change_few_have_a_false_change(changing: int) -> None:
    """Some rows have one large effect. False are changes of the others, and of other metrics of the same rows."""
    rng, shares, found = np.random.default_rng(changing), [], 0
    effects = np.zeros((ROWS, METRICS))
    effects[:changing, 0] = 20.0
    for _ in range(200):
        verdicts = screen(matrix(rng, 5, effects), NAMES)
        wrong = {
            place // METRICS
            for place, verdict in enumerate(verdicts)
            if verdict.word in CHANGES and effects.ravel()[place] == 0
        }
        changed = rows_with(verdicts, CHANGES)
        found += len(changed & set(range(changing)))
        shares.append(len(wrong) / max(1, len(changed)))
    assert np.mean(shares) - 2.4 * np.std(shares) / np.sqrt(len(shares)) <= ALPHA
    assert found / (200 * changing) > 0.9


def test_of_the_rows_that_are_said_not_to_change_few_are_denied_an_effect() -> None:
    """Half of the rows have effects as large as the margin, the others none."""
    rng, shares, margin = np.random.default_rng(3), [], 1.5
    effects = np.zeros((ROWS, METRICS))
    effects[: ROWS // 2] = margin
    for _ in range(200):
        denied = rows_with(screen(matrix(rng, 30, effects, margin), NAMES), frozenset({Word.NO_CHANGE}))
        shares.append(len(denied & set(range(ROWS // 2))) / max(1, len(denied)))
    assert np.mean(shares) - 2.4 * np.std(shares) / np.sqrt(len(shares)) <= ALPHA
    assert len(denied) >= ROWS // 2


def test_rows_whose_attack_is_shown_on_neither_model_find_no_changes_for_others() -> None:
    """Their differences are sure, but of an attack below chance, so that no change is reported of them."""
    rng, wrong = np.random.default_rng(6), 0
    names = [f"row {row}" for row in range(60)]
    for _ in range(200):
        nulls = [Comparison(tuple(each), 0.0) for each in rng.normal(0, 1, (20, 8)).tolist()]
        losses = rng.normal((-5, -3), 0.1, (40, 8, 2))
        unshown = [
            Comparison(tuple((each[:, 1] - each[:, 0]).tolist()), 0.0, gains=(tuple(each[:, 0]), tuple(each[:, 1])))
            for each in losses
        ]
        words = [verdict.word for verdict in screen([*unshown, *nulls], names)]
        assert set(words[:40]) == {Word.NO_LEAK}
        wrong += not CHANGES.isdisjoint(words[40:])
    assert stats.binomtest(wrong, 200, ALPHA, alternative="greater").pvalue > 0.01


def test_more_is_found_than_in_one_family_and_less_than_without_correction() -> None:
    effects = np.zeros((ROWS, METRICS))
    effects[:, 0] = 4.0
    cells = matrix(np.random.default_rng(4), 6, effects)
    found = [
        sum(verdict.word in CHANGES for verdict in verdicts)
        for verdicts in (judge(cells), screen(cells, NAMES), [judge([cell])[0] for cell in cells])
    ]
    assert found[0] < found[1] <= found[2]


@pytest.mark.parametrize("changing", [0.0, 0.5])
def test_of_real_differences_few_rows_with_a_change_have_a_false_one(changing: float) -> None:
    sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
    from calibrate import read_pools  # type: ignore[import-not-found]  # noqa: PLC0415 - a script beside the package

    for pool in read_pools().values():
        shares = real_false_rows(pool, Design(100, (10,)), 60, np.random.default_rng(5), changing)
        assert shares.mean() - 2.4 * shares.std() / np.sqrt(len(shares)) <= ALPHA
