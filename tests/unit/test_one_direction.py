"""Every reader of results is told what happens to the risk, by names that a person types, within what is possible."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from amulet.core.errors import AmuletError, InvalidParameter
from amulet.core.measurements.tally import Tally
from amulet.experiments import PairResults, Results
from amulet.experiments.pairs.results import ModelFacts, PairCell
from amulet.experiments.results.numbers import Column, Value
from amulet.report.words.verdicts.verdict_words import verdict_words
from amulet.report.words.vocabulary.formats import p_value, percent
from amulet.statistics import Verdict, Word

LOW, HIGH, NEITHER = (0.0, 1.0, "low"), (0.0, 1.0, "high"), (0.0, 1.0, None)
ROBUST = Column("evasion", "PGD(epsilon=0.1)", "robust_accuracy", *LOW, True, 0.02, None)
LOSS = Column("membership_inference", "LossThreshold", "auc", *HIGH, True, 0.02, 0.5)
LIRA = replace(LOSS, probe="LiRA")
TPR = replace(LOSS, metric="TPRAtFPR(fpr=0.05)", primary=False, chance=None)
TPR_SMALL = replace(TPR, metric="TPRAtFPR(fpr=0.01)")
BALANCED = Column("utility", "Utility", "balanced_accuracy", *NEITHER, True, 0.02, None)
FEMALE = replace(BALANCED, group="sex=female", primary=False)
COLUMNS = (ROBUST, LOSS, LIRA, TPR, TPR_SMALL, BALANCED, FEMALE)
SIZES = (0.1, 0.11, 0.09, 0.1, 0.1)


def assessed(shifts: Mapping[Column, Sequence[float]], rows: Sequence[str] = ("DP-SGD",)) -> Results:
    """Two or more rows; each metric is 0.5 undefended, and by its shifts more with a defense."""
    values = [
        Value(row, c.risk, c.probe, c.metric, seed, 0.5 + (shift if row in rows else 0), None, f"{row}{seed}", c.group)
        for row in ("undefended", *rows)
        for c, of in shifts.items()
        for seed, shift in enumerate(of)
    ]
    return Results("small", "toy", "c" * 64, None, tuple(shifts), tuple(values), {}, tested=Tally({"no": 9, "yes": 9}))


@pytest.fixture(scope="module")
def results() -> Results:
    return assessed(dict.fromkeys(COLUMNS, SIZES))


def test_the_frame_of_verdicts_says_what_happens_to_the_risk(results: Results) -> None:
    frame = results.summary()
    words = dict(zip(frame["metric"], frame["word"], strict=True))
    assert words["robust_accuracy"] == "risk decreases"
    assert words["auc"] == "risk increases"
    assert words["balanced_accuracy"] == "increases"  # it is no risk
    line = frame.set_index("metric").loc["robust_accuracy"]
    assert (line["row"], line["risk"], line["probe"]) == ("DP-SGD", "evasion", "PGD(epsilon=0.1)")
    assert line["difference"] == pytest.approx(0.1)
    assert line["interval"][0] < 0.1 < line["interval"][1]
    assert set(line["gates"].split(", ")) <= {"passed"} | {"attack failed", "attack unproven"}
    assert len(assessed({ROBUST: SIZES}, rows=()).summary()) == 0


def test_notebook_page_and_file_say_the_same(results: Results) -> None:
    cell = results.cell("DP-SGD", ROBUST)
    shown = verdict_words(cell)
    assert shown is not None
    assert shown.words == "risk decreases"
    assert "+0.100: risk decreases" in results._repr_html_()
    written = next(
        cell["verdict"]
        for cell in json.loads(results.to_json())["matrix"]
        if cell["row"] == "DP-SGD" and cell["column"]["metric"] == "robust_accuracy"
    )
    assert (written["word"], written["metric_word"]) == ("risk decreases", "increases")


def test_so_do_the_results_of_a_pair_old_ones_too() -> None:
    cell = PairCell(ROBUST, 50, 0.5, 0.6, (), 200, 0, Verdict(Word.INCREASES, None, (0.05, 0.15), None, 0.02))
    models = (ModelFacts("Net", "Net()", 1, "a" * 64), ModelFacts("Net", "Net()", 1, "b" * 64))
    pair = PairResults("pair", "toy", "c" * 64, None, models, {"members": 9, "others": 9, "test": 9}, 200, (cell,))
    assert list(pair.frame["verdict"]) == ["risk decreases"]
    text = pair.to_json()
    written = json.loads(text)["cells"][0]["verdict"]
    assert (written["word"], written["metric_word"]) == ("risk decreases", "increases")
    assert PairResults.from_json(text) == pair
    body = json.loads(text)
    body["cells"][0]["verdict"] = {**written, "word": written["metric_word"]}
    del body["cells"][0]["verdict"]["metric_word"]  # as it was written before
    assert PairResults.from_json(json.dumps(body)) == pair


@pytest.mark.parametrize(
    ("names", "column"),
    [
        (("robust_accuracy",), ROBUST),
        (("evasion.robust_accuracy", "PGD"), ROBUST),
        (("auc", "LiRA"), LIRA),
        (("TPRAtFPR(fpr=0.05)",), TPR),
        (("balanced_accuracy",), BALANCED),
        (("balanced_accuracy", None, "sex=female"), FEMALE),
        ((LIRA,), LIRA),
    ],
)
def test_a_cell_goes_by_names(results: Results, names: tuple[str, ...], column: Column) -> None:
    assert results.cell("DP-SGD", *names) == results.cell("DP-SGD", column)


@pytest.mark.parametrize(
    ("names", "sentence"),
    [
        (
            ("DPSGD", "auc"),
            (
                "The 'row' of Results.cell must be the label of a row: 'undefended', 'DP-SGD'. Got 'DPSGD'. "
                "Did you mean 'DP-SGD'?"
            ),
        ),
        (
            ("DP-SGD", "auc"),
            "The 'probe' of Results.cell must be one of 'LossThreshold', 'LiRA', since several have 'auc'. Got None.",
        ),
        (
            ("DP-SGD", "TPRAtFPR"),
            "The 'metric' of Results.cell must be one of 'TPRAtFPR(fpr=0.05)', 'TPRAtFPR(fpr=0.01)'. Got 'TPRAtFPR'.",
        ),
        (
            ("DP-SGD", "auc", "PGD"),
            "The 'probe' of Results.cell must be an attack or audit with auc: 'LossThreshold', 'LiRA'. Got 'PGD'.",
        ),
    ],
)
def test_a_wrong_or_ambiguous_name_is_told_in_a_sentence(
    results: Results, names: tuple[str, ...], sentence: str
) -> None:
    with pytest.raises(InvalidParameter) as told:
        results.cell(*names)
    assert str(told.value) == sentence


def test_an_unknown_metric_is_told_with_the_nearest(results: Results) -> None:
    with pytest.raises(InvalidParameter, match=r"Got 'robust_acuracy'\. Did you mean 'robust_accuracy'\?"):
        results.cell("DP-SGD", "robust_acuracy")
    with pytest.raises(InvalidParameter, match=r"must be a group that was measured: 'sex=female'"):
        results.cell("DP-SGD", "balanced_accuracy", group="sex=male")


def test_results_are_read_by_text_or_path_of_folder_or_file(results: Results, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(results.to_json(), encoding="utf-8")
    for place in (tmp_path, str(tmp_path), tmp_path / "results.json", str(tmp_path / "results.json")):
        assert Results.read(place) == results
    with pytest.raises(AmuletError, match=r"There is no results\.json in .*elsewhere"):
        Results.read(str(tmp_path / "elsewhere"))


def test_results_print_as_one_line(results: Results) -> None:
    printed = repr(results.cell("DP-SGD", "robust_accuracy"))
    assert printed.startswith("MatrixCell(DP-SGD, Column(evasion, PGD(epsilon=0.1), robust_accuracy): 0.600, +0.100")
    assert printed.endswith(": risk decreases)")
    assert repr(results.cell("undefended", "robust_accuracy")).endswith("0.500: not judged)")
    assert repr(results) == "Results(small on toy: 2 rows, 7 metrics, 5 seeds; .summary() has the verdicts)"


@pytest.mark.parametrize("shifts", [(-0.45, 0.45), (0.49, -0.3), (0.1, 0.2)])
def test_an_interval_holds_no_difference_that_cannot_be(shifts: Sequence[float]) -> None:
    found = assessed({BALANCED: shifts, LOSS: shifts})
    free = found.cell("DP-SGD", BALANCED).verdict
    assert free is not None
    assert free.paired is not None
    assert free.paired.interval(0.975)[1] > 1  # as Student's t says, with one degree of freedom
    for low, high in found.summary()["interval"]:
        assert -1 <= low <= high <= 1
    wide = replace(BALANCED, low=0.0, high=float("inf"))
    unbounded = assessed({wide: shifts}).cell("DP-SGD", wide).verdict
    assert unbounded is not None
    assert unbounded.interval == pytest.approx(free.paired.interval(0.95))


def test_nothing_is_certain_by_rounding() -> None:
    assert [percent(share) for share in (0.0, 0.002, 0.5, 0.996, 1.0)] == ["0%", "<1%", "50%", ">99%", "100%"]
    assert [p_value(p) for p in (0.0, 1e-9, 0.012, 1.0)] == ["below 0.0001", "below 0.0001", "0.012", "1"]
