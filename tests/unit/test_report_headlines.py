"""What is seen at a glance: how each cell reads, which stands for a risk, and a plain sentence for each defense."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from amulet.core.metric import Metric
from amulet.core.spec import Plain
from amulet.experiments.registry.plugins import plugins
from amulet.experiments.results.numbers import Column, Value
from amulet.experiments.results.results import Results
from amulet.report.words.matrix.blocks import matrix_blocks
from amulet.report.words.matrix.headlines import headlines, undefended_news
from amulet.report.words.matrix.risk_cells import RiskCell, risk_cells
from amulet.report.words.verdicts.readings import Read, Reading, can_be_news, cell_reading, leans_worse, worst
from amulet.report.words.vocabulary.formats import MINUS
from amulet.report.words.vocabulary.names import risk_words
from amulet.report.words.vocabulary.points import levels, plain_name, points
from amulet.statistics import Comparison, judge

BOUNDS, JUDGED = (0.0, 1.0), (True, 0.02)
ACCURACY = Column("utility", "Utility", "balanced_accuracy", *BOUNDS, None, *JUDGED, None, shows="trained")
ROBUST = Column("evasion", "PGD", "robust_accuracy", *BOUNDS, "low", *JUDGED, None)
LIRA = Column("membership_inference", "LiRA", "auc", *BOUNDS, "high", *JUDGED, 0.5)
LOSS = replace(LIRA, probe="LossThreshold")
RACE = Column(
    "discriminatory_behavior", "Discrimination(attribute=race)", "demographic_parity", *BOUNDS, "high", *JUDGED, None
)
SEX = replace(RACE, probe="Discrimination(attribute=sex)")
ODDS = replace(RACE, metric="equalized_odds", primary=False)
COLUMNS = (ACCURACY, ROBUST, LIRA, LOSS, RACE, SEX, ODDS)
SPEC: Plain = {
    "amulet.experiments.planning.experiment.Experiment": {
        "audits": [{"a.Discrimination": {"attribute": name}} for name in ("race", "sex")],
        "attacks": [{"a.PGD": {}}, {"a.LiRA": {}}, {"a.LossThreshold": {}}],
    }
}
BEFORE, STEADY = (0.70, 0.71, 0.69, 0.70, 0.705) * 2, (0.0, 0.0005, -0.0005, 0.001, -0.001) * 2
UP, DOWN = (0.1, 0.11, 0.1, 0.09, 0.1) * 2, (-0.1, -0.11, -0.1, -0.09, -0.1) * 2
OPEN = (0.1, -0.1, 0.05, -0.05, 0.02) * 2
LEANING = (0.035, 0.161, -0.02, 0.033, 0.099, 0.01, 0.1, -0.01, 0.07, 0.022)


def assessed(
    shifts: Sequence[Sequence[float]], own: Sequence[str] = (), before: Sequence[float] = BEFORE, row: str = "D"
) -> Results:
    """One defense with these differences in the columns, against an undefended 0.7."""
    values = [
        Value(label, column.risk, column.probe, column.metric, seed, number, None, f"{label}{at}{seed}")
        for at, (column, shift) in enumerate(zip(COLUMNS, shifts, strict=True))
        for label, more in (("undefended", (0.0,) * 10), (row, shift))
        for seed, number in enumerate(first + second for first, second in zip(before, more, strict=True))
    ]
    own_risks = {row: tuple(own)} if own else {}
    return Results("e", "d", "c" * 64, SPEC, COLUMNS, tuple(values), {}, own_risks=own_risks)


def cells(results: Results) -> dict[str, RiskCell]:
    """The cells of the only defended row, by risk."""
    [row] = risk_cells(results, matrix_blocks(results))
    return {cell.block.risk: cell for cell in row}


def sentence(results: Results) -> str:
    [found] = headlines(results, matrix_blocks(results))
    return found.text.replace(MINUS, "-")


@pytest.fixture(scope="module")
def results() -> Results:
    """Robust, leaking less by one attack and perhaps by the other, probably less fair to race, undecided for sex."""
    return assessed((STEADY, UP, DOWN, OPEN, LEANING, OPEN, UP))


def test_the_worst_news_comes_first(results: Results) -> None:
    assert sentence(results) == (
        "Approval gap by race probably rises, 70 → 75 points; not proven. Better: accuracy under attack 70 → 80. "
        "No change that matters: balanced accuracy. "
        "Unclear: success of recognising training records, approval gap by sex."
    )


def test_what_is_proven_comes_before_what_is_probable() -> None:
    text = sentence(assessed((DOWN, STEADY, STEADY, STEADY, LEANING, UP, STEADY)))
    assert text.startswith(
        "Worse: balanced accuracy 70 → 60, approval gap by sex 70 → 80. Approval gap by race probably rises"
    )


def test_the_rows_are_in_the_order_of_the_matrix() -> None:
    both = assessed((STEADY,) * 7, row="calm"), assessed((DOWN, *(STEADY,) * 6), row="costly")
    values = dict.fromkeys(value for results in both for value in results.values)
    found = replace(both[0], values=tuple(values))
    assert [headline.row for headline in headlines(found, matrix_blocks(found))] == ["calm", "costly"]


def test_a_defense_that_does_not_do_its_job_is_told_before_all_else() -> None:
    text = sentence(assessed((STEADY, STEADY, *(DOWN,) * 5), own=["evasion"]))
    assert text.startswith("The defense does not reduce the risk it is made for, so this row does not show what an ")


def test_of_a_model_that_learned_nothing_nothing_good_is_said() -> None:
    useless = assessed((tuple(0.5 - value for value in BEFORE), UP, *(DOWN,) * 5))
    assert cells(useless)["evasion"].read.word is Reading.FAILED
    assert cells(useless)["utility"].read.word is Reading.WORSE
    assert sentence(useless) == (
        "This model decides hardly better than always naming one class, so its other results say nothing about a "
        "useful model. Balanced accuracy falls, 70 → 50 points."
    )


def test_of_two_models_that_learned_nothing_one_sentence_is_said() -> None:
    useless = assessed(((0.0,) * 10, UP, *(STEADY,) * 5), before=(0.5,) * 10)
    follows = (
        "decides hardly better than always naming one class, so its other results say nothing about a useful model."
    )
    assert sentence(useless).count("hardly better") == 1
    assert sentence(useless).startswith(f"This model, like “undefended”, {follows}")
    assert undefended_news(useless, matrix_blocks(useless))[0] == f"This model {follows}"


def test_nothing_good_is_said_of_an_attack_that_finds_nothing_without_a_defense() -> None:
    weak = assessed((STEADY, UP, DOWN, DOWN, *(STEADY,) * 3), before=(0.5, 0.501, 0.499, 0.5, 0.5) * 2)
    cell = cells(replace(weak, columns=COLUMNS[1:]))["membership_inference"]
    assert cell.read.word is Reading.FAILED
    assert cell.read.reason == "The attack finds nothing on the undefended model, so no defense can lower it"


def test_an_attack_that_finds_nothing_without_a_defense_is_told_once_and_not_of_each_row() -> None:
    weak = assessed((STEADY, UP, DOWN, DOWN, *(STEADY,) * 3), before=(0.5, 0.501, 0.499, 0.5, 0.5) * 2)
    weak = replace(weak, columns=COLUMNS[1:])
    [told] = undefended_news(weak, matrix_blocks(weak))
    assert told == (
        "Nothing can be concluded on success of recognising training records: "
        "the attack finds nothing on the undefended model, so no defense can lower it."
    )
    assert "concluded" not in sentence(weak)


def test_a_defense_that_leaves_the_model_as_it_is_changes_nothing_whatever_an_attack_is_worth() -> None:
    weak = assessed(((0.0,) * 10,) * 7, before=(0.5, 0.501, 0.499, 0.5, 0.5) * 2)
    same = replace(weak, values=tuple(replace(value, task=f"{value.metric}{value.seed}") for value in weak.values))
    assert cells(same)["membership_inference"].read.word is Reading.SAME


def test_many_of_one_kind_are_counted() -> None:
    text = sentence(assessed((OPEN, OPEN, OPEN, STEADY, OPEN, OPEN, STEADY)))
    assert text.endswith("Unclear: success of recognising training records, approval gap by sex and 3 more.")


@pytest.mark.parametrize(
    ("column", "differences", "leans"),
    [
        (RACE, LEANING, True),
        (RACE, tuple(-value for value in LEANING), False),  # towards less risk
        (ROBUST, tuple(-value for value in LEANING), True),
        (ACCURACY, tuple(-value for value in LEANING), True),  # of what is no risk, less is worse
        (RACE, tuple(value / 5 for value in LEANING), False),  # too small to matter
        (RACE, OPEN, False),
        (RACE, UP, False),  # proven
        (RACE, (0.03, 0.031), False),  # too few seeds
    ],
)
def test_what_leans_worse(column: Column, differences: tuple[float, ...], leans: bool) -> None:
    [verdict, *_] = judge([Comparison(differences, 0.02)] * (1 if differences == UP else 20))
    assert bool(leans_worse(column, verdict, Comparison(differences, 0.02))) == leans


def test_why_it_leans() -> None:
    seeds = Comparison((0.04, 0.06, 0.01, 0.03, -0.005), 0.02)
    assert leans_worse(RACE, judge([seeds] * 20)[0], seeds) == (
        "4 of 5 seeds point to more risk; significant in a one-sided test by itself (p = 0.038), not corrected for the "
        "other cells"
    )


@pytest.mark.parametrize(
    ("before", "harm", "word"),
    [
        (0.70, 2.5, Reading.LEANS_WORSE),
        (0.40, -2.5, Reading.OPEN),  # towards 0.5: with its answers turned round the attack tells less
        (0.49, 1.5, Reading.OPEN),  # 0.49 to 0.54 may be no more than 0.51 to 0.54
    ],
)
def test_an_attack_below_chance_leans_by_what_it_tells_with_its_answers_turned_round(
    before: float, harm: float, word: Reading
) -> None:
    turning = replace(LIRA, turns=True, chance=None)
    results = assessed((STEADY, OPEN, LEANING, OPEN, OPEN, OPEN, OPEN))
    values = [
        replace(each, value=each.value - 0.701 + before) if each.probe == "LiRA" and each.value else each
        for each in results.values
    ]
    columns = tuple(turning if each == LIRA else each for each in COLUMNS)
    found = replace(results, columns=columns, values=tuple(values))
    read = cell_reading(found, found.cell("D", turning))
    assert read is not None
    assert read.word is word
    assert read.harm == pytest.approx(harm, abs=0.06)


def test_a_cell_shows_the_worst_news_of_its_metrics(results: Results) -> None:
    found = cells(results)
    assert {risk: cell.read.word.value for risk, cell in found.items()} == {
        "utility": "no change",
        "evasion": "better",
        "membership_inference": "unclear",  # better by LiRA
        "discriminatory_behavior": "leans worse",  # by race
    }
    fairness = found["discriminatory_behavior"]
    assert [judged.line.column for judged in fairness.counted] == [RACE, SEX]
    assert [judged.line.column for judged in fairness.others] == [ODDS]
    assert fairness.difference == "+5.0"


def test_without_primary_metrics_all_count(results: Results) -> None:
    columns = tuple(replace(column, primary=False) for column in COLUMNS)
    assert cells(replace(results, columns=columns))["discriminatory_behavior"].read.word is Reading.WORSE


def test_the_order_of_news() -> None:
    assert [reading.value for reading in sorted(Reading, key=lambda reading: reading.rank)] == [
        "worse",
        "leans worse",
        "check failed",
        "unclear",
        "not shown",
        "no change",
        "better",
        "no value",
    ]
    assert worst([Read(Reading.BETTER), Read(Reading.OPEN, "", -2.0), Read(Reading.OPEN, "", 1.0)]).harm == 1.0
    assert worst([]).word is Reading.NONE
    assert len({reading.sign for reading in Reading}) == len(Reading)


def test_the_baseline_is_not_judged(results: Results) -> None:
    assert cell_reading(results, results.cell("undefended", RACE)) is None


@pytest.mark.parametrize(
    ("before", "after", "difference", "text"),
    [
        (0.216, 0.266, "+5.0", "22 → 27 points"),
        (0.012, 0.019, "+0.7", "1.2 → 1.9 points"),
        (0.669, 0.517, "-15", "67 → 52 points"),
        (0.5, 0.5, "0.0", "50.0 → 50.0 points"),
        (0.5, 0.50001, "0.0", "50.0 → 50.0 points"),
    ],
)
def test_differences_are_in_points(before: float, after: float, difference: str, text: str) -> None:
    assert points(RACE, after - before).replace(MINUS, "-") == difference
    assert levels(RACE, before, after) == text


def test_what_is_no_share_keeps_its_unit() -> None:
    column = replace(RACE, metric="epsilon_lower_bound", high=99.0)
    assert points(column, 0.5) == "+0.500"
    assert levels(column, 1.0, 1.5) == "1.000 → 1.500"


def test_metrics_and_risks_of_amulet_have_plain_words() -> None:
    specs = [plugin.spec for plugin in plugins() if plugin.home.startswith("amulet.")]
    metrics = [spec for spec in specs if issubclass(spec, Metric) and spec.primary]
    assert metrics
    assert [metric for metric in metrics if not metric.phrase] == []
    risks = {plugin.risk for plugin in plugins() if plugin.home.startswith("amulet.") and plugin.risk}
    assert [risk for risk in risks if not risk_words(risk).plain.endswith("?")] == []


def test_plain_names() -> None:
    assert plain_name(RACE, "race") == "approval gap by race"
    assert plain_name(RACE) == "approval gap by a sensitive attribute"
    assert plain_name(ODDS, "sex") == "gap in error rates by sex"
    assert plain_name(replace(ROBUST, group="sex=female")) == "accuracy under attack (sex = female)"


def test_what_is_there_to_compare_with_is_neither_good_nor_bad() -> None:
    noise = replace(ROBUST, metric="noise_accuracy", riskier=None, primary=False)
    assert [can_be_news(column) for column in (ROBUST, ACCURACY, noise)] == [True, True, False]


def test_it_is_said_that_a_model_is_not_shown_to_have_learned_anything() -> None:
    doubtful = tuple(0.5 - number + noise for number, noise in zip(BEFORE, OPEN, strict=True))
    found = sentence(assessed((doubtful, UP, STEADY, STEADY, STEADY, STEADY, STEADY)))
    assert (
        "It is not shown that this model decides better than always naming one class. Better: accuracy under attack"
        in found
    )
    learned = sentence(assessed((OPEN, UP, STEADY, STEADY, STEADY, STEADY, STEADY)))
    assert "decides better" not in learned
