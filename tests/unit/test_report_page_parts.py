"""Parts of the page: combinations, the box before it is passed on, the matrix as CSV, the addresses of cells."""

import csv
from collections.abc import Sequence
from dataclasses import replace

import pytest

from amulet.core.measurements.tally import Tally
from amulet.core.spec import Plain
from amulet.experiments.results.numbers import Column, Value
from amulet.experiments.results.results import Results
from amulet.report.pages.anchors import row_slugs
from amulet.report.pages.heat_maps import MOST_SHOWN, WORST, cell_anchors, maps
from amulet.report.pages.matrix_csv import HEAD, matrix_csv
from amulet.report.words.matrix.blocks import matrix_blocks
from amulet.report.words.matrix.compositions import Still, combinations
from amulet.report.words.matrix.headlines import headlines
from amulet.report.words.matrix.passing_on import dataset_source, notes
from amulet.report.words.matrix.risk_cells import risk_cells
from amulet.report.words.verdicts.readings import Read, Reading

BOUNDS, JUDGED = (0.0, 1.0), (True, 0.02)
ACCURACY = Column("utility", "Utility", "balanced_accuracy", *BOUNDS, None, *JUDGED, None, shows="trained")
ROBUST = Column("evasion", "PGD", "robust_accuracy", *BOUNDS, "low", *JUDGED, None)
AUC = Column("membership_inference", "LiRA", "auc", *BOUNDS, "high", *JUDGED, None)
GAP = Column(
    "discriminatory_behavior", "Discrimination(attribute=race)", "equalized_odds", *BOUNDS, "high", False, 0.02, None
)
COLUMNS = (ACCURACY, ROBUST, AUC, GAP)
NONE, UP, DOWN, OPEN = (
    each * 2
    for each in (
        (0.0, 0.001, -0.001, 0.0, 0.0),
        (0.1, 0.11, 0.1, 0.09, 0.1),
        (-0.1, -0.11, -0.1, -0.09, -0.1),
        (0.1, -0.1, 0.05, -0.05, 0.02),
    )
)
TRAINING: Plain = {"a.AdversarialTraining": {"epsilon": 0.1}}
NOISE: Plain = {"a.DPSGD": {"epsilon": 8.0}}
LABELS: dict[str, list[Plain]] = {"robust": [TRAINING], "private": [NOISE], "both": [TRAINING, NOISE]}


def assessed(shifts: dict[str, Sequence[Sequence[float]]], against: dict[str, str] | None = None) -> Results:
    """Rows by label with their differences to the undefended model in all columns, which is at 0.6."""
    values = [
        Value(row, column.risk, column.probe, column.metric, seed, 0.6 + 0.001 * seed + more, None, f"{row}{at}{seed}")
        for row, of_row in {"undefended": (NONE,) * len(COLUMNS), **shifts}.items()
        for at, (column, shift) in enumerate(zip(COLUMNS, of_row, strict=True))
        for seed, more in enumerate(shift)
    ]
    rows: list[Plain] = [{"a.Row": {"label": row, "defenses": LABELS[row]}} for row in shifts if row in LABELS]
    spec: Plain = {
        "a.Experiment": {
            "dataset": {"amulet.datasets.mortgages.Mortgages": {}},
            "defenses": rows,
            "audits": [{"a.Discrimination": {"attribute": "race"}}],
        }
    }
    own: dict[str, tuple[str, ...]] = {"robust": ("evasion",), "private": ("membership_inference",)}
    own["both"] = ("membership_inference",) if against else ("evasion", "membership_inference")
    tested = Tally({"no": 40, "yes": 60}, {"race": {}, "sex": {}})
    return Results(
        "e", "d", "c" * 64, spec, COLUMNS, tuple(values), {}, own_risks=own, against=against or {}, tested=tested
    )


@pytest.fixture(scope="module")
def results() -> Results:
    """A robust row, a private one, and both together, where privacy is lost."""
    return assessed({"robust": (NONE, UP, NONE, NONE), "private": (NONE, NONE, DOWN, UP), "both": (NONE, UP, UP, UP)})


def test_of_a_combination_it_is_said_whether_both_defenses_still_work(results: Results) -> None:
    [found] = combinations(results)
    assert (found.row, found.first.row, found.second.row) == ("both", "robust", "private")
    assert (found.first.still, found.second.still, found.second.alone) == (Still.WORKS, Still.FAILS, Still.WORKS)
    assert (found.words, found.verdict) == ("one fails", Still.FAILS)
    assert found.first.sentence == (
        "Together, “robust” is shown to do its job: it lowers S1 Evasion, a risk it is made for. Alone it does."
    )


@pytest.mark.parametrize(
    ("both", "words"),
    [
        ((NONE, UP, DOWN, NONE), "both work"),
        ((NONE, OPEN, DOWN, NONE), "one works"),
        ((NONE, DOWN, UP, NONE), "both fail"),
    ],
)
def test_the_words_of_a_combination(both: Sequence[Sequence[float]], words: str) -> None:
    alone = {"robust": (NONE, UP, NONE, NONE), "private": (NONE, NONE, DOWN, NONE)}
    [found] = combinations(assessed(alone | {"both": both}))
    assert found.words == words


def test_a_combination_compared_with_one_of_its_parts_must_not_lose_what_that_has() -> None:
    alone = {"robust": (NONE, UP, NONE, NONE), "private": (NONE, NONE, DOWN, NONE)}
    kept, lost = ((NONE, tuple(a + b for a, b in zip(UP, more, strict=True)), DOWN, NONE) for more in (NONE, DOWN))
    [found] = combinations(assessed(alone | {"both": kept}, {"both": "robust"}))
    assert (found.first.still, found.second.still) == (Still.WORKS, Still.WORKS)
    [found] = combinations(assessed(alone | {"both": lost}, {"both": "robust"}))
    assert found.first.still is Still.FAILS


def test_a_row_whose_parts_are_no_rows_is_no_combination(results: Results) -> None:
    without = replace(results, values=tuple(value for value in results.values if value.row != "private"))
    assert combinations(without) == ()


def test_many_combinations_and_sentences_are_folded_away(results: Results) -> None:
    blocks = matrix_blocks(results)
    cells, said, combined = risk_cells(results, blocks), headlines(results, blocks), combinations(results)
    few = maps(blocks, cells, said, combined)
    assert [len(each) for each in (few.rows, few.folded, few.headlines)] == [3, 0, 3]
    assert few.pair_labels == ("robust", "private")
    assert few.pair_tiles[0][1].combination == combined[0]
    assert few.pair_tiles[1][1].alone is Still.WORKS
    many = maps(blocks, cells, said * 5, combined * (MOST_SHOWN + 1))
    assert [len(each) for each in (many.rows, many.folded, many.headlines)] == [2, 1, 10]
    reads = [Read(Reading.SAME if at % 3 else Reading.WORSE) for at in range(15)]
    crowded = [replace(said[0], row=f"row {at}", worst=read) for at, read in enumerate(reads)]
    shown = maps(blocks, cells, crowded, combined)
    assert [each.row for each in shown.headlines] == ["row 0", "row 3", "row 6", "row 9", "row 12"]
    assert (len(shown.headlines), len(shown.folded_headlines)) == (WORST, 10)


def test_before_it_is_passed_on(results: Results) -> None:
    found = {
        note.term: " ".join(note.sentences)
        for note in notes(results, risk_cells(results, matrix_blocks(results)), {"date": "2026-01-31"})
    }
    assert found["Date"] == "2026-01-31"
    assert found["Data"].startswith(
        "d: Real mortgage applications, Boston 1990. Hunter and Walker 1996, https://doi.org/"
    )
    assert "the same 100 test records" in found["Data"]
    assert found["Repetitions"].startswith(
        "10 times each (seeds 0 to 9). The intervals account for other training records"
    )
    assert "S2 Poisoning" in found["Not tested"]
    assert "S1 Evasion" not in found["Not tested"]
    assert "No attack or audit looks at sex." in found["Not tested"]
    assert found["Exploratory metrics"] == (
        "2 of 3 exploratory comparisons show more risk, each tested by itself; by chance alone fewer than one would. "
        "The largest: gap in error rates by race with private, +10; gap in error rates by race with both, +10."
    )
    assert found["Checks"] == "Of 8 validity checks: 7 passed, 1 failed, 0 unproven."


def test_of_a_csv_file_the_name_is_told_but_not_the_folder(results: Results) -> None:
    own: Plain = {"a.Experiment": {"dataset": {"amulet.datasets.csv_file.FromCSV": {"path": "/home/ann/loans.csv"}}}}
    assert dataset_source(replace(results, spec=own)) == "read from loans.csv."


def test_of_data_of_ones_own_the_source_is_not_known(results: Results) -> None:
    own: Plain = {"a.Experiment": {"dataset": {"mine.Mine": {}}}}
    assert dataset_source(replace(results, spec=own)) == ""
    assert dataset_source(replace(results, spec=None)) == ""


def test_the_matrix_as_csv(results: Results) -> None:
    lines = list(csv.DictReader(matrix_csv(results).splitlines()))
    assert tuple(lines[0]) == HEAD
    assert len(lines) == len(results.rows) * len(COLUMNS)
    found = next(line for line in lines if (line["row"], line["metric"]) == ("private", "Attack AUC"))
    assert (found["difference"], found["reading"], found["seeds"]) == ("-0.1", "better", "10")


@pytest.mark.parametrize("label", ["=1+1", "+1", "-1", "@SUM(A1)"])
def test_no_label_is_a_formula_in_a_spreadsheet(results: Results, label: str) -> None:
    values = tuple(replace(value, row=label) if value.row == "both" else value for value in results.values)
    lines = list(csv.DictReader(matrix_csv(replace(results, values=values, own_risks={})).splitlines()))
    assert f"'{label}" in {line["row"] for line in lines}


def test_every_cell_has_an_address_of_its_own(results: Results) -> None:
    assert cell_anchors(results, matrix_blocks(results))["evasion", "both"] == "evasion.both"
    slugs = row_slugs(["DP-SGD", "dp sgd", "<b>", "日本", "é", "x" * 99])
    assert list(slugs.values()) == ["dp-sgd", "dp-sgd-2", "b", "row", "e", "x" * 60]
