"""The matrix at a glance in a terminal: one line a defense, one column a risk, on one screen."""

from collections.abc import Sequence
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.cells import cell_len
from rich.console import Console

from amulet.core.spec import Plain
from amulet.experiments.pairs.results import ModelFacts, PairCell, PairResults
from amulet.experiments.results.checks.few_seeds import few_seeds
from amulet.experiments.results.numbers import Column, Value
from amulet.experiments.results.results import Results
from amulet.report.pages.glance_terminal import LEGEND, glance
from amulet.report.pages.matrix_terminal import matrix_table
from amulet.report.pages.pair_terminal import pair_glance
from amulet.report.words.matrix.blocks import matrix_blocks
from amulet.report.words.matrix.glance import GlanceColumn, glance_columns
from amulet.report.words.matrix.next_commands import next_commands
from amulet.report.words.verdicts.failed_checks import failed_checks
from amulet.report.words.verdicts.readings import Reading
from amulet.report.words.verdicts.verdict_words import verdict_words
from amulet.report.words.vocabulary.short_numbers import short_difference, short_value
from amulet.statistics import Verdict, Word

BOUNDS, JUDGED = (0.0, 1.0), (True, 0.02)
BALANCED = Column("utility", "Utility", "balanced_accuracy", *BOUNDS, None, *JUDGED, None, shows="trained")
ROBUST = Column("evasion", "PGD(epsilon=0.1)", "robust_accuracy", *BOUNDS, "low", *JUDGED, None)
SUCCESS = Column("poisoning", "BadNets", "poisoned_accuracy", *BOUNDS, "high", *JUDGED, None)
FIDELITY = Column("unauthorized_model_ownership", "ModelExtraction", "fidelity", *BOUNDS, "high", *JUDGED, None)
LOSS = Column("membership_inference", "LossThreshold", "auc", *BOUNDS, "high", *JUDGED, 0.5)
LIRA = replace(LOSS, probe="LiRA")
TPR = replace(LOSS, metric="TPRAtFPR(fpr=0.05)", primary=False, chance=None)
OTHER_TPR = replace(TPR, metric="TPRAtFPR(fpr=0.01)")
TRAIT = Column("attribute_inference", "AttributeFromOutputs", "auc", *BOUNDS, "high", *JUDGED, None)
MSE = Column("data_reconstruction", "ModelInversion", "mse", *BOUNDS, "low", *JUDGED, None)
WORLD = Column("distribution_inference", "SuriEvans", "auc", *BOUNDS, "high", *JUDGED, 0.5)
GAP = Column(
    "discriminatory_behavior", "Discrimination(attribute=race)", "demographic_parity", *BOUNDS, "high", *JUDGED, None
)
ALL = (BALANCED, ROBUST, SUCCESS, FIDELITY, LOSS, LIRA, TPR, OTHER_TPR, TRAIT, MSE, WORLD, GAP)
NINE = ("adversarial training", "TRADES", "DP-SGD, epsilon 8", "DP-SGD, epsilon 1", "outlier removal, 10%",
        "watermark", "dataset inference", "RelaxLoss", "adversarial training, stopped early")  # fmt: skip

UP, DOWN = (0.10, 0.11, 0.09, 0.10, 0.105), (-0.10, -0.11, -0.09, -0.10, -0.105)
LEANS = (0.035, 0.061, 0.023, 0.033, 0.099)
OPEN = (0.05, -0.06, 0.04, -0.02, 0.01)
SAME = (0.001, -0.001, 0.0, 0.001, -0.001)
LISTED: Plain = {"x.Experiment": {"metrics": [{"amulet.TPRAtFPR": {"fpr": 0.05}}]}}


def assessed(
    columns: Sequence[Column], shifts: Sequence[Sequence[float]], rows: Sequence[str] = ("D",), spec: Plain = LISTED
) -> Results:
    """Each column is 0.6, and with a defense by its shift more; the columns take the shifts in turn."""
    values = [
        Value(row, c.risk, c.probe, c.metric, seed, 0.6 + (shift if row in rows else 0), None, f"{row}{seed}")
        for row in ("undefended", *rows)
        for at, c in enumerate(columns)
        for seed, shift in enumerate(shifts[at % len(shifts)])
    ]
    return Results("small", "toy", "c" * 64, spec, tuple(columns), tuple(values), {}, own_risks={})


def printed(results: Results, width: int | None) -> list[str]:
    console = Console(width=width or 10_000, file=StringIO(), color_system=None)
    console.print(glance(results, width))
    assert isinstance(console.file, StringIO)
    return console.file.getvalue().rstrip("\n").split("\n")


def columns_of(results: Results) -> dict[str, GlanceColumn]:
    return {column.head: column for column in glance_columns(results, matrix_blocks(results))}


def test_nine_defenses_on_eight_risks_fit_one_screen() -> None:
    results = assessed(ALL, (UP, LEANS, OPEN, DOWN, SAME), NINE)
    lines = printed(results, 100)
    under = [*next_commands(results, Path("runs/small"), Path("small.yaml")), "Report: ..."]
    assert len(lines) + len(under) <= 40
    assert max(map(len, lines)) <= 100
    for row in NINE:  # one line each, and at most one more with its worst news
        assert sum(line.startswith(row[:15]) for line in lines) <= 2 * sum(each[:15] == row[:15] for each in NINE)


@pytest.mark.parametrize("width", [60, 80, 100, 140])
def test_no_line_is_wider_than_the_terminal_and_no_label_is_wrapped(width: int) -> None:
    lines = printed(assessed(ALL, (UP, OPEN), NINE), width)
    assert max(map(len, lines)) <= width
    table = [line for line in lines if "%" in line or "epsilon" in line or "silon" in line]
    assert not any(line.startswith(("early", "stopped early", "epsilon")) for line in lines)
    assert len({line.split("  ")[0] for line in table}) > 2  # both DP-SGDs can be told apart


@pytest.mark.parametrize("label", ["敵対的学習と早期終了の組み合わせ" * 3, "\x1b[31m" * 9, "x" * 500])
def test_labels_of_any_kind_keep_the_width(label: str) -> None:
    for width in (60, 100):
        lines = printed(assessed(ALL, (UP, OPEN), (label, "DP-SGD")), width)
        assert max(map(cell_len, lines)) <= width
        assert "\x1b" not in "".join(lines)


def test_in_a_pipe_a_row_is_one_line_with_its_whole_label() -> None:
    results = assessed(ALL, (UP, OPEN), NINE)
    lines = printed(results, None)
    first = next(at for at, line in enumerate(lines) if line.startswith("undefended"))
    assert [line[: len(row)] for line, row in zip(lines[first + 1 :], NINE, strict=False)] == list(NINE)


def test_a_cell_is_a_difference_with_its_sign_and_how_it_is_read() -> None:
    results = assessed((BALANCED, ROBUST, SUCCESS, FIDELITY, GAP), (OPEN, UP, UP, SAME * 8, LEANS))
    shown = {head: (c.cells[0].difference, c.cells[0].sign) for head, c in columns_of(results).items()}
    assert shown == {
        "Utility": ("+.004", "?"),
        "Evasion": ("+.10", "✓"),  # robust accuracy: more is less risk
        "Poisoning": ("+.10", "✗"),
        "Ownership": (".00", "="),
        "Fairness": ("+.05", "?↗"),
    }
    assert {column.baseline for column in columns_of(results).values()} == {".60"}


def test_a_risk_with_several_attacks_shows_the_worst_news_and_the_range_of_its_values() -> None:
    results = assessed((LOSS, LIRA, BALANCED), (DOWN, UP, SAME))
    values = [replace(v, value=v.value - 0.1) if v.probe == "LiRA" and v.value else v for v in results.values]
    column = columns_of(replace(results, values=tuple(values)))["Membership"]
    assert (column.cells[0].difference, column.cells[0].sign) == ("+.10", "✗")
    assert column.baseline == ".50\N{EN DASH}.60"


def test_different_metrics_of_a_risk_have_their_values_one_after_the_other_with_their_names() -> None:
    claims = replace(FIDELITY, probe="Ownership", metric="claim_accuracy")
    results = assessed((FIDELITY, claims), (DOWN, OPEN))
    values = [replace(v, value=v.value - 0.1) if v.metric == "fidelity" and v.value else v for v in results.values]
    found = replace(results, values=tuple(values))
    column = columns_of(found)["Ownership"]
    assert (column.baseline, column.measured) == (".50, .60", "fidelity .50, claim accuracy .60")
    assert any(line.startswith("Ownership: fidelity .50, claim accuracy .60.") for line in printed(found, None))


def test_bad_news_beside_the_worst_is_counted_by_kind() -> None:
    columns = (ROBUST, SUCCESS, GAP, TRAIT, MSE, FIDELITY, WORLD)
    shown = printed(assessed(columns, (DOWN, UP, LEANS, LEANS, OPEN, OPEN, OPEN)), None)
    (news,) = [line for line in shown if line.startswith("D: Worse:")]
    assert news.endswith(" Also 2 metrics lean worse.")
    assert not any("Also" in line for line in printed(assessed((ROBUST,), (DOWN,)), None))


def test_a_metric_that_the_user_listed_has_a_column_and_others_have_not() -> None:
    assert list(columns_of(assessed((LOSS, TPR, OTHER_TPR), (UP,)))) == ["Membership", "TPR at FPR 0.05*"]
    assert list(columns_of(assessed((LOSS, TPR, OTHER_TPR), (UP,), spec=None))) == ["Membership"]
    named: Plain = {"x.Experiment": {"metrics": [{"amulet.x.EqualizedOdds": {}}]}}
    odds = replace(GAP, metric="equalized_odds", primary=False)
    assert list(columns_of(assessed((GAP, odds), (UP,), spec=named))) == ["Fairness", "Equalized odds gap*"]
    assert "*: exploratory." in "\n".join(printed(assessed((LOSS, TPR), (UP,)), 100))


def test_how_many_seeds_would_settle_what_is_open_stands_under_each_column() -> None:
    results = assessed((BALANCED, ROBUST), (OPEN, UP))
    verdict = results.cell("D", BALANCED).verdict
    assert verdict is not None
    seeds = verdict.seeds_needed
    column = columns_of(results)
    assert (column["Utility"].seeds, column["Evasion"].seeds) == (str(seeds) if seeds else ">1000", "")
    assert any(line.startswith("seeds to settle") for line in printed(results, 80))
    assert not any(line.startswith("seeds to settle") for line in printed(assessed((ROBUST,), (UP,)), 80))
    console = Console(width=100, color_system=None)
    with console.capture() as captured:
        console.print(matrix_table(results, 100))
    assert f"about {seeds} seeds" in captured.get() or ">1000 seeds" in captured.get()


def test_from_few_seeds_nobody_says_how_many_would_do() -> None:
    results = assessed((BALANCED, ROBUST), (OPEN[:4], OPEN[:4]))
    assert not any(line.startswith("seeds to settle") for line in printed(results, None))
    words = verdict_words(results.cell("D", BALANCED))
    assert words is not None
    assert words.because == "with fewer than 5 seeds it cannot be said how many would settle it"


def test_a_check_that_failed_stands_there_once() -> None:
    useless = replace(BALANCED, riskier=None)
    results = assessed((useless, LOSS), (SAME, DOWN), ("A", "B"))
    low = [replace(v, value=0.5) if v.metric == "balanced_accuracy" else v for v in results.values]
    found = replace(results, values=tuple(low))
    model = [text for text in failed_checks(found) if text.startswith("Model check failed")]
    assert [text.partition(":")[0] for text in model] == ["Model check failed (undefended; A; B)"]
    assert sum("This model, like “undefended”, decides hardly better" in line for line in printed(found, None)) >= 1
    assert columns_of(found)["Membership"].cells[0].sign == "!"


def test_models_that_are_not_shown_to_have_learned_anything_are_named() -> None:
    useless = replace(BALANCED, riskier=None)
    results = assessed((useless, LOSS), (SAME, DOWN), ("A", "B"))
    doubtful = [
        replace(v, value=0.5 + OPEN[v.seed]) if (v.metric, v.row) == ("balanced_accuracy", "B") else v
        for v in results.values
    ]
    found = replace(results, values=tuple(doubtful))
    assert (
        "Model check is unproven (B): It is not shown that this model decides better than always naming one class."
        in failed_checks(found)
    )


@pytest.mark.parametrize("seeds", [1, 2, 3])
def test_few_seeds_are_told_once_instead_of_check_by_check(seeds: int) -> None:
    results = assessed((BALANCED, LOSS, ROBUST), (OPEN[:seeds],), ("A", "B"))
    told = few_seeds(results)
    assert told.startswith(f"{seeds} seed{' is' if seeds == 1 else 's are'} too few for verdicts; run again with")
    assert "`--max-seeds 5`" in told
    shown = "\n".join(printed(results, None))
    assert shown.count(told) == 1
    assert "unproven;" not in shown
    assert results._repr_html_().count("<p>") == 1
    console = Console(width=200, color_system=None)
    with console.capture() as captured:
        console.print(matrix_table(results, 200))
    assert captured.get().count("too few for verdicts") == 1
    assert "check is unproven" not in captured.get()
    assert not any("--max-seeds" in line for line in next_commands(results, Path("x"), Path("x.yaml")))


def test_more_seeds_or_nothing_to_compare_need_no_such_sentence() -> None:
    assert few_seeds(assessed((BALANCED,), (OPEN,))) == ""
    assert few_seeds(assessed((BALANCED,), (OPEN[:1],), rows=())) == ""


def test_the_next_command_settles_about_half_of_what_is_open() -> None:
    some = (0.06, 0.06, -0.01, 0.05, 0.04)
    results = assessed((BALANCED, ROBUST, GAP), (some, UP, some))
    details, more = next_commands(results, Path("runs/a b"), Path("a.yaml"))
    assert details.startswith("amulet report 'runs/a b' --details")
    assert more.startswith("amulet assess a.yaml --until-decided --max-seeds ")
    assert len(list(next_commands(results, Path("x"), None))) == 1


def test_the_legend_explains_the_signs_that_occur_and_no_others() -> None:
    assert set(LEGEND) == set(Reading)
    shown = "\n".join(printed(assessed((ROBUST, GAP), (UP, LEANS), NINE), 80))
    assert "✓ better  ?↗ leans worse, unproven" in shown
    assert "unclear" not in shown


def test_a_table_without_values_ends_with_whole_sentences() -> None:
    full = assessed((BALANCED, ROBUST), (UP,))
    values = tuple(replace(value, value=None, reason="none") for value in full.values)
    lines = printed(replace(full, values=values), 80)
    assert not any(line.startswith(".") or "exploratory" in line for line in lines)


def test_a_baseline_alone_is_one_line() -> None:
    assert any(
        line.split() == ["undefended", ".60", ".60"] for line in printed(assessed((BALANCED, ROBUST), (UP,), ()), 80)
    )


def test_a_pair_is_a_line_a_metric() -> None:
    cells = (
        PairCell(ROBUST, 50, 0.5, 0.6, (), 200, 0, Verdict(Word.INCREASES, None, (0.05, 0.15), None, 0.02)),
        PairCell(TPR, 50, 0.1, None, ("few",), 0, 0, Verdict(Word.UNDEFINED, None, None, None, 0.02, reason="few")),
        PairCell(OTHER_TPR, 50, 0.1, 0.2, (), 9, 0, Verdict(Word.INCONCLUSIVE, None, (-0.1, 0.2), None, 0.02)),
    )
    models = (ModelFacts("Net", "Net()", 1, "a" * 64), ModelFacts("Net", "Net()", 1, "b" * 64))
    pair = PairResults("p", "toy", "c" * 64, LISTED, models, {"members": 9, "others": 9, "test": 9}, 200, cells)
    console = Console(width=80, color_system=None)
    with console.capture() as captured:
        console.print(pair_glance(pair, 80))
    lines = captured.get().splitlines()
    assert max(map(len, lines)) <= 80
    assert any(
        line.startswith("Evasion: robust accuracy") and "+.10" in line and "✓ risk decreases" in line for line in lines
    )
    assert any("FPR 0.05" in line and "? undefined" in line for line in lines)
    assert "0.01" not in captured.get()


def test_short_numbers() -> None:
    assert [short_value(v) for v in (0.0, 0.004, 0.005, 0.9949, 0.996, 99.6)] == [
        ".00",
        ".004",
        ".01",
        ".99",
        "1.0",
        "100",
    ]
    assert [short_difference(v) for v in (0.0004, -0.0004, 0.0, -0.996)] == [".00", ".00", ".00", "\N{MINUS SIGN}1.0"]
