"""Cells that are not judged: no members of the family of verdicts, and told of once for each attack."""

from dataclasses import replace

import numpy as np
import pytest

from amulet.core.errors import AmuletError
from amulet.experiments.results.numbers import Column, Value
from amulet.experiments.results.results import Results
from amulet.report.pages import matrix_markdown
from amulet.report.pages.cell_details import panel_details
from amulet.report.words.matrix.blocks import group_sentences, matrix_blocks
from amulet.report.words.matrix.risk_cells import risk_cells
from amulet.report.words.matrix.verdict_sentences import judged_sentence
from amulet.report.words.verdicts.gates import gates_of
from amulet.report.words.verdicts.releases import release_sentences
from amulet.statistics import Word

ROWS = tuple(f"row {number}" for number in range(6))
PLAIN, READER = (
    Column("membership_inference", name, "auc", 0.0, 1.0, "high", True, 0.02, 0.5, access=1)
    for name in ("Plain", "Reader")
)
REASON = "these models release no explanations, so that the attack would only repeat Plain"
UNJUDGED = {row: {"Reader": REASON} for row in ROWS}


@pytest.fixture(scope="module")
def judged() -> Results:
    """A row has the same values of both attacks; each lowers them a little."""
    rng = np.random.default_rng(0)
    before, after = 0.7 + rng.normal(0, 0.01, 5), 0.67 + rng.normal(0, 0.01, (len(ROWS), 5))
    values = [
        Value(row, column.risk, column.probe, column.metric, seed, float(of_row[seed]), None, f"{row} {seed}")
        for row, of_row in zip(("undefended", *ROWS), (before, *after), strict=True)
        for column in (PLAIN, READER)
        for seed in range(5)
    ]
    return Results("e", "d", "c", {}, (PLAIN, READER), tuple(values), {}, looks=(5,))


@pytest.fixture(scope="module")
def unjudged(judged: Results) -> Results:
    return replace(judged, not_judged=UNJUDGED)


def test_verdicts_are_those_without_the_attack(judged: Results, unjudged: Results) -> None:
    alone = replace(judged, columns=(PLAIN,))
    assert {row: unjudged.verdicts[row, PLAIN] for row in ROWS} == {row: alone.verdicts[row, PLAIN] for row in ROWS}
    assert judged.verdicts[ROWS[0], PLAIN] != alone.verdicts[ROWS[0], PLAIN]


def test_a_cell_that_is_not_judged_is_undefined_with_the_reason(unjudged: Results) -> None:
    verdict = unjudged.verdicts[ROWS[0], READER]
    assert (verdict.word, verdict.reason, verdict.p) == (Word.UNDEFINED, REASON, None)


def test_reports_say_it_once(unjudged: Results) -> None:
    assert list(release_sentences(unjudged)) == [f"Reader is not judged in 6 rows: {REASON}."]
    few = replace(unjudged, not_judged={row: UNJUDGED[row] for row in ROWS[:2]})
    assert list(release_sentences(few)) == [f"Reader is not judged in the rows “row 0”, “row 1”: {REASON}."]
    assert matrix_markdown.render(unjudged, {}).count("is not judged") == 1


def test_behind_a_cell_the_reason_is_told_once_and_nothing_else(unjudged: Results) -> None:
    exploratory = replace(READER, metric="balanced_accuracy", primary=False)
    results = replace(unjudged, columns=(PLAIN, READER, exploratory))
    [first, *_] = risk_cells(results, matrix_blocks(results))
    [cell] = panel_details(results, [first], (), {(PLAIN.risk, ROWS[0]): "here"})["cells"].values()
    assert cell["counted"][1]["said"].endswith(f"This is not judged: {REASON}.")
    assert cell["others"] == []
    assert gates_of(results, results.cell(ROWS[0], READER)) == ()


@pytest.mark.parametrize(
    ("found", "message"),
    [
        ({"row 9": {"Reader": REASON}}, "there is no row 'row 9'"),
        ({"undefended": {"Reader": REASON}}, "the row 'undefended' is never judged"),
        ({"row 1": {"Other": REASON}}, "there is no column of 'Other', which is not judged"),
    ],
)
def test_a_file_must_name_rows_and_attacks_that_it_has(
    judged: Results, found: dict[str, dict[str, str]], message: str
) -> None:
    with pytest.raises(AmuletError, match=message):
        Results.from_json(replace(judged, not_judged=found).to_json())


def test_a_cell_with_values_is_not_said_to_be_unclear(unjudged: Results) -> None:
    """It has values if another row is compared with its row."""
    found = matrix_blocks(unjudged)
    [cell] = risk_cells(unjudged, found)[0]
    [reader] = (judged for judged in cell.counted if judged.line.column == READER)
    assert judged_sentence(unjudged, reader).endswith(f". This is not judged: {REASON}.")


def test_a_group_of_which_nothing_was_run_is_not_called_undefined(judged: Results) -> None:
    group = replace(READER, group="sex=female", primary=False)
    of_group = [replace(value, group=group.group) for value in judged.values if value.probe == "Reader"]
    kept = tuple(value for value in (*judged.values, *of_group) if (value.row, value.probe) != (ROWS[0], "Reader"))
    results = replace(judged, columns=(PLAIN, READER, group), values=kept, not_judged={ROWS[0]: UNJUDGED[ROWS[0]]})
    [sentence] = (text for block in matrix_blocks(results) for part in block.parts for text in group_sentences(part))
    assert f"{ROWS[0]} not run" in sentence
    assert "undefined" not in sentence
