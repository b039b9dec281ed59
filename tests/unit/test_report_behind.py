"""What lies behind a cell: sentences, gates, seeds, curves; trade-offs; the exports beside the page."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from rich.console import Console

from amulet.core.measurements.curve import Curve
from amulet.experiments.results.numbers import Column, Traced, Value
from amulet.experiments.results.results import Results
from amulet.report.charts import vega_lite
from amulet.report.charts.trade_offs import comparable_mean, letter_sides, trade_offs
from amulet.report.pages import matrix_markdown
from amulet.report.pages.cell_details import panel_details
from amulet.report.pages.heat_maps import cell_anchors
from amulet.report.pages.matrix_page import render
from amulet.report.pages.matrix_terminal import matrix_table
from amulet.report.pages.page_script import embedded
from amulet.report.words.matrix.blocks import matrix_blocks
from amulet.report.words.matrix.compositions import combinations
from amulet.report.words.matrix.risk_cells import Judged, risk_cells
from amulet.report.words.matrix.verdict_sentences import judged_sentence, verdict_figures
from amulet.report.words.verdicts.gates import gates_of
from amulet.report.words.vocabulary.seed_counts import how_often, looks_sentence, seed_names, seeds_note
from amulet.statistics import Word

LABEL = "a|<b>"
ROBUST = Column("evasion", "PGD", "robust_accuracy", 0.0, 1.0, "low", primary=True, margin=0.02, chance=None)
AUC = Column("membership_inference", "LiRA", "auc", 0.0, 1.0, "high", primary=True, margin=0.02, chance=0.5)
BALANCED = Column(
    "utility", "Utility", "balanced_accuracy", 0.0, 1.0, None, primary=True, margin=0.02, chance=None, shows="trained"
)
NUMBERS: dict[Column, dict[str, tuple[float | None, ...]]] = {
    ROBUST: {"undefended": (0.50, 0.52, 0.51, 0.49, 0.5), LABEL: (0.80, 0.81, 0.82, 0.80, 0.79)},
    AUC: {"undefended": (0.6, 0.61, 0.62, 0.6, 0.6), LABEL: (0.6, 0.7, 0.55, 0.65, 0.6)},
    BALANCED: {"undefended": (0.9, 0.9, 0.9, 0.9, 0.9), LABEL: (0.901, 0.899, 0.9, 0.902, 0.9)},
}


@pytest.fixture(scope="module")
def results() -> Results:
    """Five seeds, one defended row whose label is markup: robust, of unknown privacy, useful; ROC behind the cells."""
    values = [
        Value(row, column.risk, column.probe, column.metric, seed, value, None, f"{at}{row[0]}{seed}".ljust(64, "0"))
        for at, (column, rows) in enumerate(NUMBERS.items())
        for row, numbers in rows.items()
        for seed, value in enumerate(numbers)
    ]
    curves = [
        Traced(row, "membership_inference", "LiRA", seed, "t" * 64, _roc(seed))
        for row in ("undefended", LABEL)
        for seed in range(5)
    ]
    own = {LABEL: ("evasion",)}
    columns = tuple(NUMBERS)
    return Results("small", "applications", "c" * 64, None, columns, tuple(values), {}, 2, own, tuple(curves))


@pytest.fixture(scope="module")
def grown(results: Results) -> Results:
    """The same, planned for up to ten seeds, with five more where the attack was undecided."""
    more = [
        replace(item, seed=item.seed + 5)
        for item in results.values
        if item.row == "undefended" or item.risk == AUC.risk
    ]
    return replace(results, values=(*results.values, *more), looks=(5, 10))


def details(results: Results, *, single_seeds: bool = True) -> dict[str, Any]:
    """What the panel is given."""
    found = matrix_blocks(results)
    cells, anchors = risk_cells(results, found), cell_anchors(results, found)
    return panel_details(results, cells, combinations(results), anchors, single_seeds=single_seeds)


def judged(results: Results, column: Column) -> Judged:
    """The cell of the defended row."""
    [row] = risk_cells(results, matrix_blocks(results))
    return next(each for cell in row for each in cell.counted if each.line.column == column)


def test_a_verdict_is_a_sentence_about_the_risk(results: Results) -> None:
    assert judged_sentence(results, judged(results, ROBUST)) == (
        f"Accuracy under attack goes from 50 to 80 points with {LABEL}: less risk. This is proven."
    )
    assert judged_sentence(results, judged(results, AUC)).startswith(
        "Success of recognising training records goes from 60.6 to 62.0 points with a|<b>, but it is unclear whether"
    )
    steady = judged_sentence(results, judged(results, BALANCED))
    assert "same in all 5 seeds, which cannot exclude a change that happens in fewer than 45%" in steady
    assert "About 9 seeds would settle it." in steady
    twice = [*results.values, *(replace(item, seed=item.seed + 5) for item in results.values)]
    longer = replace(results, values=tuple(twice))
    settled = judged_sentence(longer, judged(longer, BALANCED))
    assert "too small to matter. Something that happens in fewer than 26% of trainings cannot be excluded." in settled


def test_the_figures_are_those_of_the_verdict(results: Results) -> None:
    shown = dict(verdict_figures(results, results.cell(LABEL, ROBUST)))
    assert shown["Difference"] == "+0.300 ± 0.010"
    assert shown["Seeds"] == "5 seeds"
    assert shown["Interval"].endswith("95% together with all primary cells, 98.33% by itself)")
    assert "Holm" in shown["p-value"]
    assert dict(verdict_figures(results, results.cell("undefended", ROBUST))).keys() == {
        "Mean",
        "Seeds",
    }


def test_a_cell_rests_on_its_rows_gates_and_its_attacks(results: Results) -> None:
    rests = [(gate.name, gate.row, gate.about) for gate in gates_of(results, results.cell(LABEL, AUC))]
    assert rests == [("model", LABEL, None), ("defense", LABEL, "evasion"), ("attack", "undefended", "LiRA")]
    assert [gate.name for gate in gates_of(results, results.cell("undefended", ROBUST))] == ["model"]


def test_behind_a_cell_is_every_seed_with_its_task(results: Results) -> None:
    found = details(results)
    cell = found["cells"]["membership_inference.a-b"]
    [metric] = cell["counted"]
    assert found["lines"][metric["line"]]["values"][cell["row"]][1] == [1, 0.7, "1a1000000000"]
    assert metric["judged"]["margin"] == AUC.margin
    assert cell["read"] == ["unclear", "?", "+1.4"]
    assert found["risks"][cell["risk"]][0] == "Can someone tell who was in the training data?"


def test_seeds_share_their_coordinates_and_have_a_mean(results: Results) -> None:
    evasion, roc, utility = details(results)["curves"]
    assert (evasion, utility) == (None, None)
    assert (roc["scale"], roc["xs"]) == ("log", [[0.01, 0.1, 1.0]])
    assert roc["seeds"][0][3] == [3, 0, [0.03, 0.23, 1.0], "t" * 12]
    assert roc["means"][1] == {"x": [0.01, 0.1, 1.0], "y": [0.02, 0.22, 1.0]}
    assert "log scales" in roc["words"]


def test_a_curve_without_points_is_not_drawn(results: Results) -> None:
    empty = tuple(replace(item, curve=replace(item.curve, x=(), y=())) for item in results.curves)
    assert details(replace(results, curves=empty))["curves"] == [None, None, None]
    some = details(replace(results, curves=(*empty[:1], *results.curves[1:])))["curves"][1]
    assert [seed for seed, *_ in some["seeds"][0]] == [1, 2, 3, 4]


def test_nothing_in_embedded_data_can_end_its_element() -> None:
    text = embedded({"label": "</script><!-- & \u2028"})
    assert not set("<>&") & set(text)
    assert json.loads(text) == {"label": "</script><!-- & \\u2028"}


def test_seeds_are_counted_cell_by_cell_where_they_were_added(results: Results, grown: Results) -> None:
    assert (how_often(results), how_often(grown)) == ("5 times", "5 to 10 times")
    assert (seed_names(results), looks_sentence(results)) == ("seeds 0 to 4", "")
    assert "at 5 and at most 10 seeds" in looks_sentence(grown)
    assert seeds_note(results, results.cell(LABEL, AUC)) == ""
    assert seeds_note(grown, grown.cell(LABEL, ROBUST)) == "5 seeds"
    assert seeds_note(grown, grown.cell(LABEL, AUC)) == "10 seeds"


def test_the_terminal_counts_seeds_cell_by_cell_too(grown: Results) -> None:
    console = Console(width=100, color_system=None)
    with console.capture() as capture:
        console.print(matrix_table(grown, 100))
    shown = " ".join(capture.get().split())
    assert "seeds 0 to 9" in shown
    assert "5 seeds" in shown
    assert "10 seeds" in shown
    assert looks_sentence(grown) in shown


def test_a_cell_with_later_seeds_tells_at_how_many_it_was_judged(grown: Results) -> None:
    more = [replace(item, seed=item.seed + 5) for item in grown.values if (item.row, item.risk) == (LABEL, ROBUST.risk)]
    later = replace(grown, values=(*grown.values, *more))
    cell = later.cell(LABEL, ROBUST)
    assert cell.verdict is not None
    assert cell.verdict.word is Word.INCREASES
    assert seeds_note(later, cell) == "10 seeds, judged at 5"


def test_what_stands_beside_a_verdict_is_of_the_seeds_that_it_was_judged_at(grown: Results) -> None:
    of_robust = [item for item in grown.values if (item.row, item.risk) == (LABEL, ROBUST.risk)]
    opposite = [replace(item, seed=item.seed + 5, value=0.0) for item in of_robust]
    later = replace(grown, values=(*grown.values, *opposite))
    cell, before = later.cell(LABEL, ROBUST), grown.cell(LABEL, ROBUST)
    assert cell.verdict is not None
    assert cell.verdict.interval is not None
    assert cell.difference == before.difference
    assert cell.verdict.interval[0] <= cell.difference.mean <= cell.verdict.interval[1]  # type: ignore[union-attr]
    assert cell.summary != before.summary


def test_seeds_without_a_value_are_told(results: Results) -> None:
    values = tuple(replace(item, value=None, reason="none") if item.seed == 0 else item for item in results.values)
    some = replace(results, values=values)
    assert seeds_note(some, some.cell(LABEL, AUC)) == "4 of 5 seeds"


def uneven(results: Results, baseline: tuple[int, ...], row: tuple[int, ...]) -> Results:
    """Robust accuracy of 0.5 and 0.8 on common seeds; on seeds that only one of the two has, 0.1."""
    known = {"undefended": baseline, LABEL: row}
    common = set(baseline) & set(row)
    values = [
        Value(label, ROBUST.risk, ROBUST.probe, ROBUST.metric, seed, value if seed in common else 0.1, None, label)
        for label, value in (("undefended", 0.5), (LABEL, 0.8))
        for seed in known[label]
    ]
    others = tuple(item for item in results.values if item.risk != ROBUST.risk)
    return replace(results, values=(*others, *values))


@pytest.mark.parametrize(("baseline", "row"), [((0, 1, 2, 3), (0, 1)), ((0, 1), (0, 1, 2, 3)), ((0, 1, 2), (1, 2, 3))])
def test_means_side_by_side_are_over_the_seeds_that_both_have(
    results: Results, baseline: tuple[int, ...], row: tuple[int, ...]
) -> None:
    found = uneven(results, baseline, row)
    assert "goes from 50 to 80 points" in judged_sentence(found, judged(found, ROBUST))


def test_means_without_a_common_seed_cannot_be_compared(results: Results) -> None:
    found = uneven(results, (0, 1), (2, 3))
    assert judged_sentence(found, judged(found, ROBUST)) == (
        "Accuracy under attack has no value to compare: fewer than two seeds have both values."
    )


@pytest.mark.parametrize(("baseline", "row"), [((0, 1, 2, 3), (0, 1)), ((0, 1), (0, 1, 2, 3)), ((0, 1, 2), (1, 2, 3))])
def test_rows_lie_as_far_apart_in_a_trade_off_as_their_common_seeds(
    results: Results, baseline: tuple[int, ...], row: tuple[int, ...]
) -> None:
    found = uneven(results, baseline, row)
    before, after = (comparable_mean(found, found.cell(label, ROBUST)) for label in ("undefended", LABEL))
    assert after - before == pytest.approx(0.3)


def test_every_risk_is_set_against_utility(results: Results) -> None:
    shown = list(trade_offs(results, matrix_blocks(results)))
    assert [item.line.column for item in shown] == [ROBUST, AUC]
    assert [(point.letter, point.risk.row) for point in shown[0].points] == [("A", "undefended"), ("B", LABEL)]
    assert ">↑ safer: Robust accuracy<" in shown[0].svg
    assert not re.search(r"https?:|<script| id=|class=", shown[0].svg)
    assert list(trade_offs(replace(results, columns=(ROBUST, AUC)), matrix_blocks(results))) == []


def test_letters_of_rows_in_one_place_do_not_cover_each_other() -> None:
    sides = letter_sides([(0.5, 0.5), (0.5, 0.5), (0.0, 1.0)], [(0.0, 0.0), (1.0, 1.0)])
    assert sides[0] != sides[1]
    assert sides[2] == "right"
    assert set(sides) <= set(vega_lite.SIDES)


def test_charts_ask_for_nothing_and_are_seen_in_any_light() -> None:
    specs = (
        vega_lite.difference(),
        vega_lite.curve("x", "y", "log"),
        vega_lite.trade_off("x", "y"),
    )
    text = json.dumps(specs)
    assert "http" not in text
    assert not re.findall(r"#[0-9a-f]{3,6}\b", text)
    assert '"type": "log"' in json.dumps(specs[1])


def test_numbers_are_no_list_items_and_list_items_no_markup() -> None:
    plain_text = matrix_markdown.plain_text
    assert [plain_text(text) for text in ("0.743", "-0.05", "7.", "1. first", "2) second", "10.5%")] == [
        "0.743",
        r"\-0.05",
        r"7\.",
        r"1\. first",
        r"2\) second",
        "10.5%",
    ]


def test_markdown_is_aligned_and_labels_are_text(results: Results) -> None:
    text = matrix_markdown.render(results, {"python": "3.11", "gpu": None, "packages": {"torch": "2"}})
    tables = re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE)
    assert len(tables) == 1 + len(results.columns)
    for table in tables:
        assert len({len(line) for line in table.splitlines()}) == 1
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table.splitlines()}) == 1
    assert r"a\|\<b\>" in text
    assert LABEL not in text
    assert "+0.300 ✓ risk decreases" in text
    assert "attack unproven" not in text
    assert "- Packages: torch 2" in text
    assert "c" * 64 in text


def test_results_render_in_a_notebook(results: Results) -> None:
    shown = results._repr_html_()
    assert shown.startswith("<table")
    assert "a|&lt;b&gt;" in shown
    assert "0.804, +0.300: risk decreases" in shown
    assert "seeds would settle it" in shown


def test_ipython_finds_how_results_render(results: Results) -> None:
    formatters = pytest.importorskip("IPython.core.formatters", reason="IPython is not installed")
    assert formatters.HTMLFormatter()(results) == results._repr_html_()


def _roc(seed: int) -> Curve:
    rates = (0.01, 0.1, 1.0)
    return Curve(
        "ROC", "false positive rate", "true positive rate", rates, (0.01 * seed, 0.2 + 0.01 * seed, 1.0), "log"
    )


def test_a_page_that_would_be_too_large_keeps_means_and_tasks_and_says_what_it_leaves_out(
    results: Results, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = render(results, {})
    monkeypatch.setattr("amulet.report.pages.matrix_page.LARGEST", len(whole.encode()) - 1)
    page = render(results, {})
    assert len(page) < len(whole)
    assert "are in <code>results.json</code> only" in page
    [curves] = [curves for curves in details(results, single_seeds=False)["curves"] if curves]
    assert all(ys == [] and task for row in curves["seeds"] for _, _, ys, task in row)
    assert all(mean["y"] for mean in curves["means"])
