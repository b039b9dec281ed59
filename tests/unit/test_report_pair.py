"""The page and the table on one pair of models: what they say, and that input is text."""

import re
from dataclasses import replace
from html import unescape

import pytest
from rich.console import Console

from amulet.core.measurements.tally import Tally
from amulet.experiments.pairs.results import ModelFacts, PairCell, PairResults
from amulet.experiments.results.checks.gates import model_check
from amulet.experiments.results.numbers import Column
from amulet.report.charts.difference_strips import strip_of_pair
from amulet.report.pages.pair_page import render_pair
from amulet.report.pages.pair_terminal import pair_table
from amulet.report.words.group_sizes import NOT_COUNTED
from amulet.report.words.matrix.blocks import PairLine, pair_blocks
from amulet.report.words.matrix.verdict_sentences import pair_figures, pair_sentences
from amulet.report.words.verdicts.explanations import NOT_INTERPRETABLE, PAIR_ONLY, PAIR_WARNING
from amulet.report.words.verdicts.verdict_words import pair_verdict_words
from amulet.report.words.vocabulary.formats import MINUS
from amulet.statistics import Gate, Verdict, Word

LABEL = "<script>alert('x')</script> [red]"
ROBUST = Column(
    "evasion", "PGD(epsilon=0.1)", "robust_accuracy", 0.0, 1.0, "low", primary=True, margin=0.02, chance=None
)
TPR = Column(
    "membership_inference",
    "LossThreshold",
    "TPRAtFPR(fpr=0.05)",
    0.0,
    1.0,
    "high",
    primary=False,
    margin=0.02,
    chance=None,
)
AUC = replace(TPR, metric="auc", primary=True, chance=0.5)
ACCURACY = Column("utility", "Utility", "accuracy", 0.0, 1.0, None, primary=True, margin=0.01, chance=None)
REASON = "fewer than 10 of 20 non-members would be accused"


def cell(column: Column, before: float, after: float, word: Word, interval: tuple[float, float]) -> PairCell:
    verdict = Verdict(word, None, interval, None, column.margin)
    return PairCell(column, 300, before, after, (), 2400, 0, verdict)


@pytest.fixture
def results() -> PairResults:
    """Three primary metrics, one exploratory one without a value, and markup for a name."""
    undefined = Verdict(Word.UNDEFINED, None, None, None, 0.02, reason="one of the models has no value")
    before, after = (
        ModelFacts(name, f"{name}(<b>)", 1234, letter * 64) for name, letter in (("Net", "a"), ("Wide", "b"))
    )
    return PairResults(
        name="small",
        dataset=LABEL,
        content="c" * 64,
        spec={"x.Questions": {"probes": [{"x.PGD": {"epsilon": 0.1, "norm": "linf"}}], "split": None, "seed": 7}},
        models=(before, after),
        records={"members": 1000, "others": 300, "test": 300},
        resamples=2400,
        cells=(
            cell(ACCURACY, 0.9, 0.895, Word.NO_CHANGE, (-0.009, -0.001)),
            cell(ROBUST, 0.4, 0.7, Word.INCREASES, (0.25, 0.35)),
            replace(cell(AUC, 0.6, 0.58, Word.INCONCLUSIVE, (-0.05, 0.01)), lost=3),
            PairCell(TPR, 300, None, None, (REASON,), 0, 0, undefined),
        ),
    )


def lines(results: PairResults) -> dict[str, PairLine]:
    return {line.column.metric: line for b in pair_blocks(results) for part in b.parts for line in part.lines}


def text(results: PairResults) -> str:
    """What a reader of the page sees."""
    page = render_pair(results, {"gpu": None, "packages": {"amulet": "0.1"}})
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", page.partition("<body>")[2])).split())


def test_it_says_first_that_it_is_about_this_pair_only(results: PairResults) -> None:
    page = text(results)
    assert page.index(PAIR_ONLY) < page.index(PAIR_WARNING) < page.index("At a glance")
    assert "risk decreases in this pair" in page


def test_each_verdict_in_words(results: PairResults) -> None:
    said = {cell.column.metric: (it.words, it.because) for cell in results.cells if (it := pair_verdict_words(cell))}
    assert said == {
        "accuracy": ("no meaningful change", "less than 0.010 with other records, too"),
        "robust_accuracy": ("risk decreases in this pair", ""),
        "auc": ("inconclusive", "other records could show another sign"),
        "TPRAtFPR(fpr=0.05)": ("undefined", "one of the models has no value"),
    }


def test_intervals_of_one_range_share_a_scale(results: PairResults) -> None:
    spans = {metric: strip_of_pair(results.cells, line) for metric, line in lines(results).items()}
    robust, accuracy, auc = spans["robust_accuracy"], spans["accuracy"], spans["auc"]
    assert robust is not None
    assert accuracy is not None
    assert auc is not None
    assert robust.interval is not None
    assert accuracy.interval is not None
    assert auc.interval is not None
    assert (robust.interval[1], robust.riskier) == (96.0, "left")
    assert robust.interval[0] - 50 == pytest.approx((robust.interval[1] - 50) * 0.25 / 0.35, abs=0.1)
    assert accuracy.interval[0] < accuracy.dot < accuracy.interval[1] < 50
    assert auc.interval[0] < 50 < auc.interval[1]
    assert spans["TPRAtFPR(fpr=0.05)"] is None


def test_what_has_no_value_says_why(results: PairResults) -> None:
    page = text(results)
    assert f"TPR at FPR 0.05 of LossThreshold: {REASON}." in page
    assert "Attack AUC of LossThreshold has no value on 3 of 2,400 resamples of the records; they count as " in page


def test_input_is_text_and_nothing_is_asked_of_the_network(results: PairResults) -> None:
    page = render_pair(results, {})
    assert "<script" not in page
    assert "Net(&lt;b&gt;)" in page
    assert re.findall(r"(?:src|href)=\"(?!#|data:)", page) == []
    assert "default-src 'none'" in page


def test_it_states_models_records_and_settings(results: PairResults) -> None:
    page = text(results)
    assert "1,000 training records beside 300 others" in page
    assert f"Net , 1,234 parameters, weights {'a' * 64}" in page
    assert "PGD epsilon 0.1 norm linf" in page  # all settings, not only those in the label
    assert "Both models were trained on all training records" in page


def test_the_terminal_shows_the_primary_metrics_and_the_warning(results: PairResults) -> None:
    console = Console(width=80)
    with console.capture() as captured:
        console.print(pair_table(results))
    shown = " ".join(captured.get().split())
    assert f"{LABEL}, after compared with before {PAIR_ONLY}. {PAIR_WARNING}" in shown
    assert "+0.300" in shown
    assert "+0.250 to +0.350" in shown
    assert f"undefined: TPR at FPR 0.05 of LossThreshold: {REASON}." in shown
    assert "note: Attack AUC of LossThreshold has no value on 3 of 2,400 resamples" in shown
    assert all(len(line) <= 80 for line in captured.get().splitlines())


def test_a_model_that_learned_nothing_is_told_before_the_numbers(results: PairResults) -> None:
    reason = "a model that has learned nothing has no risks that matter (after)"
    robust = cell(ROBUST, 0.4, 0.7, Word.NOT_INTERPRETABLE, (0.25, 0.35))
    robust = replace(robust, verdict=replace(robust.verdict, reason=reason))
    checks = (model_check("before", Gate.PASSED), model_check("after", Gate.FAILED))
    told = replace(results, cells=(results.cells[0], robust), gates=checks)
    console = Console(width=200)
    with console.capture() as captured:
        console.print(pair_table(told))
    for shown in (text(told), " ".join(captured.get().split())):
        warned = shown.index("Model check failed:")
        assert warned < shown.index(NOT_INTERPRETABLE) < shown.index("not interpretable")
        assert "risk decreases in this pair" not in shown.partition("How to read this")[0]
    assert pair_sentences(robust) == (
        f"There is no verdict, although robust accuracy goes from 0.400 before to 0.700 after: {reason}."
    )
    assert PairResults.from_json(told.to_json()) == told


def test_behind_each_verdict_is_a_sentence_and_its_figures(results: PairResults) -> None:
    cells = {cell.column.metric: cell for cell in results.cells}
    told = {metric: pair_sentences(cell) for metric, cell in cells.items()}
    assert told["robust_accuracy"].startswith(
        "In this pair the risk of evasion is lower: robust accuracy goes from 0.400 before to 0.700 after."
    )
    assert told["accuracy"].endswith("it differs by less than 0.010.")
    assert told["auc"].endswith(
        "attack AUC goes from 0.600 before to 0.580 after, but other records could show another sign."
    )
    assert told["TPRAtFPR(fpr=0.05)"] == "There is no verdict: one of the models has no value."
    assert dict(pair_figures(cells["auc"])) == {
        "Interval": f"{MINUS}0.050 to +0.010 (95% together with all primary metrics, 95.00% by itself)",
        "What matters": "a difference of 0.020 or more",
        "Records": "300",
        "Resamples": "2,400, 3 of them without a value",
    }
    assert told["robust_accuracy"] in text(results)


def test_one_model_twice_and_a_metric_that_is_no_risk() -> None:
    same = cell(ACCURACY, 0.9, 0.9, Word.UNCHANGED, (0.0, 0.0))
    assert pair_sentences(same) == "Both files hold one model, so nothing can differ."
    assert "Interval" not in dict(pair_figures(same))
    worse = cell(ACCURACY, 0.9, 0.8, Word.DECREASES, (-0.12, -0.08))
    assert pair_sentences(worse).startswith(
        "In this pair accuracy is lower: accuracy goes from 0.900 before to 0.800 after."
    )


def test_a_pair_has_group_sizes_and_numbers_to_compare_with(results: PairResults) -> None:
    gap = replace(ROBUST, risk="discriminatory_behavior", probe="Discrimination(attribute=race)", metric="p_rule")
    tested = Tally({"no": 60, "yes": 240}, {"race": {"black": {"no": 20, "yes": 30}, "white": {"no": 40, "yes": 210}}})
    cells = (*results.cells, cell(gap, 0.8, 0.8, Word.NO_CHANGE, (0, 0.001)))
    more = replace(
        results,
        cells=cells,
        spec={"x.Questions": {"probes": [{"x.Discrimination": {"attribute": "race"}}], "split": None, "seed": 7}},
    )
    page = text(replace(more, tested=tested))
    assert "always naming “yes”: 0.800" in page
    assert "The smallest group is black" in page
    assert NOT_COUNTED in text(more)
    assert PairResults.from_json(replace(results, tested=tested).to_json()).tested == tested
