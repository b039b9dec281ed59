"""Conditions on verdicts, by which a pipeline can stop a model."""

from dataclasses import replace

import pytest

from amulet.core.errors import InvalidParameter
from amulet.experiments.results.conditions import conditions, fulfilled
from amulet.experiments.results.numbers import Column, Value
from amulet.experiments.results.results import Results
from amulet.report.words.verdicts.conditions import condition_sentence
from amulet.report.words.vocabulary.formats import MINUS

ROBUST = Column("evasion", "PGD(epsilon=0.05)", "robust_accuracy", 0.0, 1.0, "low", True, 0.02, None)
CLEAN = replace(ROBUST, metric="clean_accuracy", riskier=None, primary=False)
LIRA = Column("membership_inference", "LiRA", "auc", 0.0, 1.0, "high", True, 0.02, 0.5)
AUC = Column("utility", "Utility", "auc", 0.0, 1.0, None, False, 0.02, None)
ACCURACY = replace(AUC, metric="balanced_accuracy", primary=True)
COLUMNS = (ROBUST, CLEAN, LIRA, AUC, ACCURACY)
NOISE = (0.0, 0.001, -0.001, 0.0005, 0.0)


@pytest.fixture(scope="module")
def results() -> Results:
    """Adversarial training is robust, leaks more and costs accuracy; what "DP: 8" does to evasion is undecided."""
    shifts = {"robust": (0.1, -0.1, 0.1, 0.0, -0.1), "DP: 8": (None, 0.0, -0.1, 0.0, 0.0), "undefended": (0.0,) * 5}
    values = [
        Value(row, column.risk, column.probe, column.metric, seed, 0.5 + more, None, f"{row}{at}{seed}")
        for row, differences in sorted(shifts.items(), reverse=True)
        for at, (column, shift) in enumerate(zip(COLUMNS, differences, strict=True))
        for seed, noise in enumerate(NOISE)
        for more in [0.0 if row == "undefended" else noise + shift if shift is not None else 100 * noise]
    ]
    return Results("e", "d", "c", {}, COLUMNS, tuple(values), {})


@pytest.mark.parametrize(
    ("text", "holding"),
    [
        ("membership_inference increases", {("robust", LIRA)}),
        ("membership inference decreases", {("DP: 8", LIRA)}),
        ("LiRA changes", {("robust", LIRA), ("DP: 8", LIRA)}),
        ("evasion decreases", {("robust", ROBUST)}),  # the risk: robust accuracy increases
        ("robust_accuracy increases", {("robust", ROBUST)}),
        ("PGD increases", set()),
        ("PGD(epsilon=0.05) may increase", {("DP: 8", ROBUST)}),
        ("utility decreases", {("robust", ACCURACY)}),
        ("robust: utility decreases", {("robust", ACCURACY)}),
        ("DP: 8: utility decreases", set()),
        ("DP: 8: evasion may change", {("DP: 8", ROBUST)}),
        ("auc of membership_inference increases", {("robust", LIRA)}),
        ("clean_accuracy of PGD decreases", {("robust", CLEAN)}),
    ],
)
def test_a_condition_holds_for_the_cells_with_such_a_verdict(
    results: Results, text: str, holding: set[tuple[str, Column]]
) -> None:
    asked = conditions([text], results.rows, results.columns)
    found = {(cell.row, cell.column) for _, cells in fulfilled(results, asked) for cell in cells}
    assert found == holding


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("membership_inference", "it must be '[ROW:] WHAT CHANGE'"),
        ("LiRA rises", "it must be '[ROW:] WHAT CHANGE'"),
        ("poisoning increases", "nothing that is assessed goes by the name 'poisoning'. There are: evasion, PGD"),
        ("auc increases", "'auc' could be 'auc of membership_inference' or 'auc of utility'."),
        ("auc of PGD increases", "goes by the name 'auc'. There are: robust_accuracy, clean_accuracy."),
        ("auc of RMIA increases", "no attack, audit or risk 'RMIA' is assessed."),
        ("dp: utility decreases", "there is no defended row 'dp'. There are: robust, DP: 8."),
    ],
)
def test_what_is_not_understood_is_one_sentence(results: Results, text: str, sentence: str) -> None:
    with pytest.raises(InvalidParameter) as error:
        conditions([text], results.rows, results.columns)
    [problem] = error.value.problems
    assert problem.sentence.startswith(f"The condition '{text}' is not understood: ")
    assert sentence in problem.sentence


def test_blanks_within_a_label_count_as_one() -> None:
    [condition] = conditions(["DP: 8 all: PGD increases"], ["undefended", "DP:  8 all"], COLUMNS)
    assert condition.rows == ("DP:  8 all",)


def test_a_condition_on_no_row_at_all_is_refused() -> None:
    with pytest.raises(InvalidParameter, match="there is no defended row, so that nothing can change"):
        conditions(["evasion increases"], ["undefended"], COLUMNS)


def test_a_long_condition_is_cut_in_its_message() -> None:
    with pytest.raises(InvalidParameter) as error:
        conditions(["x" * 5000 + " rises"], ["undefended", "robust"], COLUMNS)
    assert len(str(error.value)) < 500


def test_a_condition_that_holds_is_one_sentence_with_its_cells(results: Results) -> None:
    asked = conditions(["membership_inference changes"], results.rows, results.columns)
    [sentence] = [condition_sentence(condition, cells) for condition, cells in fulfilled(results, asked)]
    assert sentence.replace(MINUS, "-") == (
        "The condition 'membership_inference changes' holds: robust, LiRA, attack AUC +0.100 (risk increases); "
        "DP: 8, LiRA, attack AUC -0.100 (risk decreases)."
    )


def test_a_cell_that_is_not_judged_fulfils_nothing(results: Results) -> None:
    """Otherwise "may change" would hold of every attack that has nothing to read on a row."""
    unjudged = replace(results, not_judged={"DP: 8": {"LiRA": "no explanations are released"}})
    asked = conditions(["LiRA may change"], results.rows, results.columns, (), unjudged.not_judged)
    [(_, cells)] = fulfilled(unjudged, asked)
    assert [cell.row for cell in cells] == ["robust"]


def test_a_condition_of_nothing_that_is_judged_is_refused(results: Results) -> None:
    unjudged = {"DP: 8": {"LiRA": "no explanations are released"}}
    with pytest.raises(InvalidParameter, match="is of nothing that is judged: no explanations are released"):
        conditions(["DP: 8: LiRA may change"], results.rows, results.columns, (), unjudged)
