"""What a reader gets first: a sentence for each defense; what its numbers rest on and are to be compared with."""

import json
import re
from collections.abc import Sequence
from dataclasses import replace
from html import unescape

import pytest
from rich.console import Console

from amulet.core.measurements.tally import Tally
from amulet.core.spec import Plain
from amulet.core.threat import Access
from amulet.experiments.results.numbers import Column, Value
from amulet.experiments.results.results import Results
from amulet.report.pages import matrix_markdown
from amulet.report.pages.matrix_page import render
from amulet.report.pages.matrix_terminal import matrix_table
from amulet.report.words.group_sizes import NOT_COUNTED, group_sizes
from amulet.report.words.matrix.blocks import matrix_blocks
from amulet.report.words.matrix.headlines import headlines
from amulet.report.words.matrix.verdict_sentences import metric_figures
from amulet.report.words.verdicts.explanations import NOT_COVERED
from amulet.report.words.verdicts.no_skill import no_skill_text, to_compare_with
from amulet.report.words.verdicts.readings import Reading

BOUNDS, JUDGED = (0.0, 1.0), (True, 0.02)
ACCURACY = Column("utility", "Utility", "balanced_accuracy", *BOUNDS, None, *JUDGED, None, shows="trained")
ROBUST = Column("evasion", "PGD", "robust_accuracy", *BOUNDS, "low", *JUDGED, None)
LIRA = Column("membership_inference", "LiRA", "auc", *BOUNDS, "high", *JUDGED, 0.5)
LOSS = replace(LIRA, probe="LossThreshold")
RACE = Column(
    "discriminatory_behavior", "Discrimination(attribute=race)", "demographic_parity", *BOUNDS, "high", *JUDGED, None
)
SEX = replace(RACE, probe="Discrimination(attribute=sex)")
COLUMNS = (ACCURACY, ROBUST, LIRA, LOSS, RACE, SEX)
BEFORE = (0.70, 0.71, 0.69, 0.70, 0.705)
RACES = {"black": {"no": 19, "yes": 41}, "white|<b>": {"no": 44, "yes": 459}, "other": {"no": 0, "yes": 0}}
TESTED = Tally({"no": 73, "yes": 524}, {"race": RACES})
SPEC: Plain = {
    "amulet.experiments.planning.experiment.Experiment": {
        "audits": [{"a.Discrimination": {"attribute": name}} for name in ("race", "sex")],
        "attacks": [{"a.PGD": {}}, {"a.LiRA": {}}, {"a.LossThreshold": {}}],
    }
}
STEADY, UP, DOWN = (0.0, 0.0005, -0.0005, 0.001, -0.001), (0.1, 0.11, 0.1, 0.09, 0.1), (-0.1, -0.11, -0.1, -0.09, -0.1)
OPEN = (0.1, -0.1, 0.05, -0.05, 0.02)


def assessed(shifts: Sequence[Sequence[float]], own: Sequence[str] = (), before: Sequence[float] = BEFORE) -> Results:
    """One defense, "D", with these differences in the columns, against an undefended 0.7; every seed twice."""
    values = [
        Value(row, column.risk, column.probe, column.metric, seed, number, None, f"{row}{at}{seed}")
        for at, (column, shift) in enumerate(zip(COLUMNS, shifts, strict=True))
        for row, more in (("undefended", (0.0,) * 5), ("D", shift))
        for seed, number in enumerate([first + second for first, second in zip(before, more, strict=True)] * 2)
    ]
    return Results(
        "e", "d", "c" * 64, SPEC, COLUMNS, tuple(values), {}, own_risks={"D": tuple(own)} if own else {}, tested=TESTED
    )


@pytest.fixture(scope="module")
def results() -> Results:
    """Robust, leaking less by one attack, less fair to race, undecided for sex and by the other attack."""
    return assessed((STEADY, UP, DOWN, OPEN, UP, OPEN), own=["evasion"])


def test_the_details_in_a_terminal_begin_with_the_headlines(results: Results) -> None:
    console = Console(width=100, color_system=None)
    with console.capture() as capture:
        console.print(matrix_table(results, 100))
    (headline,) = headlines(results, matrix_blocks(results))
    assert f"D: {headline.text}" in " ".join(capture.get().split())


def test_page_and_text_say_the_same(results: Results) -> None:
    [headline] = headlines(results, matrix_blocks(results))
    assert f"- **D**: {headline.text}" in matrix_markdown.render(results, {})
    assert re.sub(r"[✗↗!] ", "", text_of(render(results, {}))).count(headline.text) == 1


def test_a_notebook_says_what_stands_in_the_way(results: Results) -> None:
    useless = assessed((STEADY, STEADY, DOWN, DOWN, STEADY, STEADY), own=["evasion"])
    assert (
        "<p>evasion of D: defense check failed. The defense does not reduce the risk it is made for"
        in useless._repr_html_()
    )
    assert "<p>" not in results._repr_html_()


def test_every_sign_stands_beside_a_word(results: Results) -> None:
    body = render(results, {}).partition("<main>")[2].partition("<script")[0]
    behind_marks = re.findall(r'class="mark [a-z-]+" aria-hidden="true"></span>\s*(?:<b>)?([^<]*)', body)
    assert all(re.match(r"(?i)(passed|failed|unproven|model|defense|attack|strength)", text) for text in behind_marks)
    tiles = re.findall(r'<a class="tile[^>]*>(.*?)</a>', body)
    assert [text_of(tile) for tile in tiles] == [
        "= no change 0.0",
        "✓ better +10",
        "? unclear +0.4",
        "✗ worse +10",
    ]
    key = text_of(body.partition('<ul class="key"')[2].partition("</ul>")[0])
    assert all(f"{reading.sign} {reading}" in key for reading in Reading)


def test_a_gap_rests_on_its_groups(results: Results) -> None:
    groups = group_sizes(results, RACE)
    assert groups is not None
    assert groups.head == ("Group", "no", "yes", "all")
    assert groups.rows == (("black", "19", "41", "60"), ("white|<b>", "44", "459", "503"))  # none is in "other"
    assert "The smallest group is black" in groups.sentence
    assert "by 0.017" in groups.sentence  # 1 / 60
    assert "on 19 for no in black, where one decision moves them by 0.053" in groups.sentence
    assert "34 more, whose group is not recorded, are left out" in groups.sentence
    assert group_sizes(results, ROBUST) is None
    assert group_sizes(results, SEX) is None  # not counted here


def test_groups_are_behind_the_cell_under_the_table_and_in_markdown(results: Results) -> None:
    page = render(results, {})
    assert '"rows":[["black","19","41","60"]' in page
    assert "white|&lt;b&gt;" in page
    assert "Test records by race and true class" in page
    assert NOT_COUNTED not in unescape(page)
    assert re.search(r"\| black +\| 19 +\| 41 +\| 60 +\|", matrix_markdown.render(results, {}))


@pytest.mark.parametrize(
    ("risk", "metric", "chance", "text"),
    [
        ("utility", "accuracy", None, "always naming “yes”: 0.878"),
        ("evasion", "robust_accuracy", "noise_accuracy", "always naming “yes”: 0.878"),
        ("utility", "balanced_accuracy", None, "always naming one class: 0.500"),
        ("evasion", "balanced_robust_accuracy", None, "always naming one class: 0.500"),
        ("membership_inference", "auc", 0.5, "guessing: 0.500"),
        ("poisoning", "poisoned_accuracy", "clean_target_rate", ""),
        ("discriminatory_behavior", "demographic_parity", None, ""),
    ],
)
def test_what_a_number_is_to_be_compared_with(risk: str, metric: str, chance: float | str | None, text: str) -> None:
    column = Column(risk, "Probe", metric, *BOUNDS, None, *JUDGED, chance)
    assert no_skill_text(TESTED, column) == text


def test_an_attack_that_reads_only_explanations_is_said_to_guess_where_there_are_none(results: Results) -> None:
    reading = replace(LOSS, access=int(Access.EXPLANATIONS))
    found = replace(results, columns=tuple(reading if column == LOSS else column for column in COLUMNS))
    told = (
        "No attack check is made of LossThreshold: it reads explanations alone, of which the undefended model releases "
        "none, so that it can only guess there. Its values are compared with that guess."
    )
    assert dict(metric_figures(found, reading))["What it reads"].startswith("explanations alone; of a model that")
    assert not any(gate.about == "LossThreshold" and gate.name == "attack" for gate in found.gates)
    console = Console(width=1000, color_system=None)
    with console.capture() as captured:
        console.print(matrix_table(found, None))
    for shown in (text_of(render(found, {})), matrix_markdown.render(found, {}), captured.get()):
        assert told in shown
    assert "No attack check is made" not in text_of(render(results, {}))
    assert "What it reads" not in dict(metric_figures(results, LOSS))


def test_it_stands_under_the_metric_and_behind_the_cell(results: Results) -> None:
    assert dict(metric_figures(results, ROBUST))["To compare with"] == "always naming “yes”: 0.878"
    assert text_of(render(results, {})).count("always naming “yes”: 0.878") == 1
    assert "Robust accuracy of PGD, always naming “yes”: 0.878" in matrix_markdown.render(results, {})


def test_older_results_can_be_read_and_say_what_they_lack(results: Results) -> None:
    body = json.loads(results.to_json())
    del body["tested"]
    older = Results.from_json(json.dumps(body))
    assert older.tested == Tally()
    assert no_skill_text(older.tested, ROBUST) == ""
    assert NOT_COUNTED in text_of(render(older, {}))
    assert NOT_COUNTED in matrix_markdown.render(older, {})
    assert Results.from_json(results.to_json()).tested == TESTED


def test_intervals_are_said_not_to_cover_the_choice_of_test_records(results: Results) -> None:
    assert NOT_COVERED in text_of(render(results, {}))
    assert NOT_COVERED in matrix_markdown.render(results, {})


def text_of(page: str) -> str:
    """What a reader sees."""
    shown = re.sub(r"<script.*?</script>", " ", re.split(r"<body[ >]", page, maxsplit=1)[-1], flags=re.DOTALL)
    return re.sub(r"\s+([;.,)])", r"\1", " ".join(unescape(re.sub(r"<[^>]+>", " ", shown)).split()))


def test_a_chance_level_that_is_measured_stands_beside_the_metric() -> None:
    """As the imputation of an attribute without the model, which differs from data set to data set."""
    probe = "AttributeFromOutputsAndRecord(attribute=sex)"
    attack = Column("attribute_inference", probe, "auc", *BOUNDS, "high", *JUDGED, "baseline_auc")
    alone = Column("attribute_inference", probe, "baseline_auc", *BOUNDS, None, *JUDGED, None)
    values = [
        Value("undefended", attack.risk, probe, column.metric, seed, mean, None, "0" * 64)
        for column, mean in ((attack, 0.93), (alone, 0.9))
        for seed in (0, 1)
    ]
    found = Results("e", "d", "c" * 64, SPEC, (attack, alone), tuple(values), {})
    assert to_compare_with(found, attack) == "AUC without the model: 0.900 (undefended)"
