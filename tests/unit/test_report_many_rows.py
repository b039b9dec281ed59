"""A matrix of all pairs of defenses: its verdicts, and that its report stays small and is made without detours."""

import sys
from collections.abc import Callable
from itertools import combinations
from types import FrameType
from typing import Any

import numpy as np
import pytest

from amulet.core.measurements.curve import Curve
from amulet.core.spec import Plain
from amulet.experiments.results.numbers import Column, Traced, Value
from amulet.experiments.results.results import Results
from amulet.report.pages import matrix_markdown
from amulet.report.pages.matrix_page import LARGEST, render
from amulet.statistics import CHANGES

DEFENSES = [f"Defense{letter}" for letter in "ABCDEFGHIJKL"]
PAIRS = [f"{first} and {second}" for first, second in combinations(DEFENSES, 2)]
SEEDS = range(5)
RISKS = (
    "evasion",
    "poisoning",
    "unauthorized_model_ownership",
    "membership_inference",
    "attribute_inference",
    "data_reconstruction",
    "distribution_inference",
    "discriminatory_behavior",
)
UTILITY = Column("utility", "Utility", "balanced_accuracy", 0.0, 1.0, None, True, 0.02, None, shows="trained")
ATTACKS = [
    Column(risk, f"Probe{number}", "auc", 0.0, 1.0, "high", True, 0.02, 0.5, access=1)
    for number, risk in enumerate((*RISKS, "attribute_inference", "discriminatory_behavior"))
]
OTHERS = [
    Column(each.risk, each.probe, name, 0.0, 1.0, None, False, 0.02, None) for each in ATTACKS[:3] for name in "ab"
]
COLUMNS = (UTILITY, *ATTACKS, *OTHERS)


def many(pairs: int) -> Results:
    """Twelve defenses and some of their pairs under 11 primary metrics; every defense lowers the first two risks."""
    rng, rows = np.random.default_rng(0), ["undefended", *DEFENSES, *PAIRS[:pairs]]
    lowered = {ATTACKS[0], ATTACKS[1]}
    values = [
        Value(row, column.risk, column.probe, column.metric, seed,
              0.8 - 0.06 * (row != "undefended" and column in lowered) + float(rng.normal(0, 0.01)), None,
              f"{rng.integers(16**12):012x}" * 5)
        for row in rows for column in COLUMNS for seed in SEEDS
    ]  # fmt: skip
    roc = (
        Traced(
            row, each.risk, each.probe, seed, "t" * 64, Curve("ROC", "FPR", "TPR", _rising(rng), _rising(rng), "log")
        )
        for row in rows
        for each in ATTACKS[3:6]
        for seed in SEEDS
    )
    return Results(
        experiment="many",
        dataset="applications",
        content="c" * 64,
        spec={"amulet.experiments.planning.experiment.Experiment": {"defenses": [_row(row) for row in rows[1:]]}},
        columns=COLUMNS,
        values=tuple(values),
        facts={row: {str(seed): {"records": 100} for seed in SEEDS} for row in rows},
        own_risks=dict.fromkeys(rows[1:], ("evasion", "poisoning")),
        curves=tuple(roc),
        looks=(len(SEEDS),),
        screened=tuple(rows[13:]),
    )


def _row(label: str) -> Plain:
    return {"amulet.Row": {"label": label, "defenses": [{f"amulet.{name}": {}} for name in label.split(" and ")]}}


def _rising(rng: np.random.Generator) -> tuple[float, ...]:
    return tuple(np.sort(rng.random(80)).tolist())


@pytest.fixture(scope="module")
def pairs() -> Results:
    return many(60)


def test_pairs_are_judged_where_one_family_of_73_rows_decides_little(pairs: Results) -> None:
    one_family = Results(**{**vars(many(60)), "screened": ()})
    changed = [
        {cell for cell, verdict in each.verdicts.items() if verdict.word in CHANGES and cell[1].primary}
        for each in (one_family, pairs)
    ]
    assert len(changed[1]) > 100
    assert len(changed[0]) < len(changed[1]) / 3
    assert {column for _, column in changed[1]} == {ATTACKS[0], ATTACKS[1]}


def test_the_defenses_by_themselves_are_judged_as_without_any_pairs(pairs: Results) -> None:
    alone, cell = many(0), (DEFENSES[0], ATTACKS[0])
    assert pairs.verdicts[cell].level == alone.verdicts[cell].level == pytest.approx(0.05 / (12 * 11))
    primary = {cell: verdict for cell, verdict in alone.verdicts.items() if cell[1].primary}
    assert primary == {cell: pairs.verdicts[cell] for cell in primary}


def test_what_is_screened_is_part_of_the_file(pairs: Results) -> None:
    again = Results.from_json(pairs.to_json())
    assert again.screened == pairs.screened
    assert again.verdicts == pairs.verdicts


def test_the_report_says_that_pairs_are_screened(pairs: Results) -> None:
    text = " ".join(matrix_markdown.render(pairs, {}).split())
    assert "The family does not include the 60 rows that are screened" in text
    assert "screened" not in matrix_markdown.render(many(0), {})


def test_the_page_of_73_rows_is_small(pairs: Results) -> None:
    page = render(pairs, {})
    assert len(page.encode()) < 0.8 * LARGEST
    assert "The seeds are not drawn, since there are so many rows." in page


@pytest.mark.parametrize(
    "made", [lambda results: render(results, {}), lambda results: matrix_markdown.render(results, {})]
)
def test_the_work_of_a_report_grows_with_its_rows_and_not_with_their_square(made: Callable[[Results], str]) -> None:
    few, more = (calls(made, many(number)) for number in (7, 27))
    assert more < 2.3 * few  # of 40 rows instead of 20


def calls(made: Callable[[Results], str], results: Results) -> int:
    """How often functions and generators of Amulet are entered."""
    entered = 0

    def count(frame: FrameType, event: str, _: Any) -> None:
        nonlocal entered
        entered += event == "call" and "amulet" in frame.f_code.co_filename

    results.verdicts  # noqa: B018 - computed once, whoever asks
    sys.setprofile(count)
    try:
        made(results)
    finally:
        sys.setprofile(None)
    return entered
