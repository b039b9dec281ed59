"""Factors in an experiment: what is planned, left out, stored, written and compared with the changes of risks."""

import json
from collections.abc import Mapping
from dataclasses import replace
from html import unescape
from pathlib import Path

import pytest
from rich.console import Console

from amulet.core.dataset import AmuletDataset
from amulet.core.errors import AmuletError, InvalidParameter
from amulet.core.split import Split
from amulet.datasets import Digits
from amulet.experiments import Experiment, Row, Store, assess, plan
from amulet.experiments.planning.models_asked import models_asked
from amulet.experiments.planning.plan import extended
from amulet.experiments.results.factor_changes import factor_changes
from amulet.experiments.results.factors import Factors, FactorValue, MeasuredFactor
from amulet.experiments.results.numbers import Column, Value
from amulet.experiments.results.results import Results
from amulet.experiments.yaml.config import dump_experiment, load_experiment
from amulet.factors import BoundaryDistance, GeneralisationGap, GroupDistinguishability, LossCurvature, Memorization
from amulet.report.pages import matrix_markdown
from amulet.report.pages.glance_terminal import glance
from amulet.report.pages.matrix_page import render
from amulet.report.pages.matrix_terminal import matrix_table
from amulet.report.words.factors import CorrelationCell, FactorCell, factor_tables
from amulet.report.words.factors_in_short import factors_sentence
from amulet.report.words.matrix.blocks import matrix_blocks
from amulet.unauthorized_model_ownership.defenses import DatasetInference

EVERYTHING = {
    "BoundaryDistance",
    "GeneralisationGap",
    "GroupDistinguishability(attribute=sex)",
    "LossCurvature",
    "MemberDistinguishability",
    "Memorization(shadows=4)",
}


@pytest.fixture(scope="session")
def asking(experiment: Experiment) -> Experiment:
    """The toy experiment with all factors, memorization by the models that LiRA asks for."""
    return replace(experiment, factors=(Memorization(shadows=4),), all_factors=True)


@pytest.fixture(scope="session")
def results(asking: Experiment, tmp_path_factory: pytest.TempPathFactory) -> Results:
    return assess(asking, store=tmp_path_factory.mktemp("store"), workers=1)


def test_no_factor_is_measured_unless_it_is_asked_for(experiment: Experiment) -> None:
    assert not plan(experiment).factors


def test_all_factors_are_measured_for_every_row_and_seed(asking: Experiment) -> None:
    planned = plan(asking)
    assert {str(factor) for factor in planned.experiment.factors} == EVERYTHING
    models = {(row.label, seed) for row in asking.rows for seed in range(asking.seeds)}
    assert {(trial.row, trial.seed) for trial in planned.factors} == models
    assert len(planned.factors) == len(EVERYTHING) * len(models)


def test_memorization_shares_the_models_of_lira(experiment: Experiment, asking: Experiment) -> None:
    assert plan(asking).trainings[0] == plan(experiment).trainings[0]
    [told] = [sentence for sentence in models_asked(plan(asking)) if sentence.startswith("Memorization")]
    assert told.endswith("24 serve LiRA(shadows=4) as well.")


def test_factors_add_no_verdict_and_no_column(experiment: Experiment, results: Results, store: Store) -> None:
    without = assess(experiment, store=store.root, workers=1)
    assert without.columns == results.columns
    assert without.verdicts == results.verdicts
    assert without.values == results.values
    assert without.gates == results.gates


def test_what_a_data_set_cannot_carry_is_left_out_with_the_reason(experiment: Experiment) -> None:
    digits = replace(experiment, dataset=None, attacks=experiment.attacks[1:2], audits=experiment.audits[:1])
    planned = plan(replace(digits, defenses=(), all_factors=True, split=Split(members=0.6)), Digits().load())
    groups, shadows = planned.left_out
    assert str(groups) == (
        "GroupDistinguishability(attribute=sex) (factor) is left out: it needs the sensitive attribute 'sex'; the data "
        "set has: none."
    )
    assert "The 'members' of Split must be 0.5" in shadows.reason


def test_a_factor_that_is_listed_must_be_possible(experiment: Experiment, dataset: AmuletDataset) -> None:
    by_age = replace(experiment, dataset=None, factors=(GroupDistinguishability("age"),))
    with pytest.raises(InvalidParameter, match="needs the sensitive attribute 'age'"):
        plan(by_age, dataset)
    with pytest.raises(InvalidParameter, match="The 'factors' of Experiment must be all different"):
        replace(experiment, factors=(GeneralisationGap(), GeneralisationGap()))
    with pytest.raises(InvalidParameter, match=r"must be 0\.5 with attacks or factors that train shadow models"):
        replace(experiment, attacks=(), factors=(Memorization(),), split=Split(members=0.4))


def test_a_factor_is_no_audit(tmp_path: Path) -> None:
    with pytest.raises(AmuletError, match=r"GeneralisationGap is a factor; list it under 'factors'"):
        load_experiment(written(tmp_path, "audits: [GeneralisationGap]"))
    with pytest.raises(AmuletError, match=r"Utility is an audit; list it under 'audits'"):
        load_experiment(written(tmp_path, "factors: [Utility]"))


@pytest.mark.parametrize(
    ("line", "factors", "everything"),
    [
        ("factors: all", (), True),
        ("factors: [LossCurvature, BoundaryDistance: {records: 50}]", (LossCurvature(), BoundaryDistance(50)), False),
        ("", (), False),
    ],
)
def test_factors_in_yaml(tmp_path: Path, line: str, factors: tuple[object, ...], everything: bool) -> None:
    loaded = load_experiment(written(tmp_path, line))
    assert (loaded.factors, loaded.all_factors) == (factors, everything)
    (tmp_path / "again.yaml").write_text(dump_experiment(loaded))
    assert load_experiment(tmp_path / "again.yaml") == loaded


def written(folder: Path, line: str) -> Path:
    place = folder / "some.yaml"
    recipe = "{Recipe: {model: LinearNet, epochs: 1}}"
    place.write_text(f"name: some\ndataset: Digits\nrecipe: {recipe}\ndefenses: {{}}\nseeds: 1\n{line}\n")
    return place


def test_seeds_that_are_added_have_factors_too(asking: Experiment) -> None:
    first = plan(replace(asking, seeds=8, until_decided=True))
    some = extended(first, {("dp-sgd", "LiRA(shadows=4)")})
    seeds = {row: {each.seed for each in some.factors if each.row == row} for row in ("undefended", "dp-sgd")}
    assert seeds["dp-sgd"] == seeds["undefended"] > {each.seed for each in first.factors}
    keys = [(each.row, str(each.factor), each.seed) for each in some.factors]
    assert len(set(keys)) == len(keys)


def test_results_are_read_back_from_their_file(results: Results) -> None:
    assert Results.from_json(results.to_json()) == results
    assert len(results.factors.values) == len(EVERYTHING) * 3 * 2
    assert set(results.factor_frame()["factor"]) == EVERYTHING


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"value": 2.0}, "'GeneralisationGap' must lie in -1.0 to 1.0, not at 2.0"),
        ({"value": None}, "either a value or the reason"),
        ({"factor": "Other"}, "there is no factor 'Other'"),
        ({"row": "other"}, "there is a factor but no value for row 'other' and seed 0"),
    ],
)
def test_a_file_that_does_not_hold_together_is_refused(
    results: Results, change: Mapping[str, object], sentence: str
) -> None:
    body = json.loads(results.to_json())
    value = next(each for each in body["factors"]["values"] if each["factor"] == "GeneralisationGap")
    value |= change
    with pytest.raises(AmuletError) as error:
        Results.from_json(json.dumps(body))
    assert sentence in str(error.value)


def test_older_results_have_no_factors(results: Results) -> None:
    body = json.loads(results.to_json())
    del body["factors"]
    assert Results.from_json(json.dumps(body)).factors == Factors()


DISTANCE = MeasuredFactor("BoundaryDistance", "Distance", "How far.", 0.0, float("inf"), "O3")
CURVATURE = MeasuredFactor("LossCurvature", "Curvature", "How bent.", 0.0, float("inf"), "O1", grows=False)
ROBUST = Column("evasion", "PGD", "robust_accuracy", 0.0, 1.0, "low", True, 0.02, None)
LEAK = Column("membership_inference", "LiRA", "auc", 0.0, 1.0, "high", True, 0.02, None)


def made(rows: Mapping[str, tuple[float, float, float]]) -> Results:
    """Two seeds a row; of each row the distance, the robust accuracy and the AUC of the attack."""
    values, factors = list[Value](), list[FactorValue]()
    for row, (distance, robust, leak) in {"undefended": (1.0, 0.5, 0.6), **rows}.items():
        for seed, shift in enumerate((-0.01, 0.01)):
            for column, value in ((ROBUST, robust), (LEAK, leak)):
                about = (row, column.risk, column.probe, column.metric, seed)
                values.append(Value(*about, value + shift, None, f"{about}"))
            for factor, value in ((DISTANCE, distance), (CURVATURE, 2.0)):
                factors.append(FactorValue(row, factor.name, seed, value + shift, None, f"{row}{factor.name}{seed}"))
    families = dict.fromkeys(rows, ("adversarial_training",))
    measured = Factors((DISTANCE, CURVATURE), tuple(factors))
    return Results(
        "made", "data", "c" * 64, None, (ROBUST, LEAK), tuple(values), {}, families=families, factors=measured
    )


FIVE = {f"row {k}": (1 + k / 10, 0.5 + k / 20, 0.6 - k / 50) for k in range(1, 6)}


def test_a_factor_that_grows_with_robustness_falls_with_the_risk_of_evasion() -> None:
    evasion, *_ = made(FIVE).factor_correlations
    assert (evasion.factor, evasion.column) == (DISTANCE, ROBUST)
    assert evasion.found is not None
    assert (evasion.found.rho, evasion.found.n) == (-1.0, 5)
    assert evasion.found.p == pytest.approx(2 / 120)
    assert (evasion.survey, evasion.agrees) == ("-", True)


def test_an_attack_below_chance_counts_with_its_answers_turned_round() -> None:
    """AUCs of .60 down to .40: the risk falls to .50 and is as high as before at .40."""
    rows = {f"row {k}": (1 + k / 10, 0.5, auc) for k, auc in enumerate((0.55, 0.52, 0.47, 0.43, 0.40), 1)}
    plain = made(rows)
    turned = replace(plain, columns=(ROBUST, replace(LEAK, turns=True)))
    rho = [next(each for each in found.factor_correlations if each.column.metric == "auc").found
           for found in (plain, turned)]  # fmt: skip
    assert [each and round(each.rho, 1) for each in rho] == [-1.0, 0.7]


def test_the_survey_speaks_of_smoothness_and_curvature_is_its_opposite() -> None:
    found = {(each.factor.name, each.column.risk): each for each in made(FIVE).factor_correlations}
    curvature = found["LossCurvature", "evasion"]
    assert (curvature.survey, curvature.found, curvature.agrees) == ("+", None, None)
    assert curvature.undefined == "the change of one of the two is the same in all rows"
    assert found["LossCurvature", "membership_inference"].survey is None
    of_defense = {each.factor.name: each.survey for each in factor_changes(made(FIVE)) if each.row == "row 1"}
    assert of_defense == {"BoundaryDistance": "+", "LossCurvature": "-"}


def test_groups_by_one_attribute_say_nothing_of_attacks_on_another() -> None:
    by_sex = MeasuredFactor(
        "GroupDistinguishability(attribute=sex)", "Groups", "How apart.", 0, 1, "O2.2", attribute="sex"
    )
    assert by_sex.concerns("AttributeFromOutputs(attribute=sex)")
    assert not by_sex.concerns("AttributeFromOutputs(attribute=race)")
    assert by_sex.concerns("DataReconstruction")
    assert DISTANCE.concerns("AttributeFromOutputs(attribute=race)")
    assert MeasuredFactor.of(GroupDistinguishability("sex")).attribute == "sex"


def test_seeds_are_no_further_rows() -> None:
    four = {row: values for row, values in FIVE.items() if row != "row 5"}
    evasion, *_ = made(four).factor_correlations
    assert evasion.found is None
    assert evasion.undefined == "a rank correlation needs at least 5 rows with both, and there are 4"


def test_changes_are_paired_by_seed() -> None:
    change = next(each for each in factor_changes(made(FIVE)) if each.row == "row 2" and each.factor is DISTANCE)
    assert change.difference is not None
    assert change.difference.mean == pytest.approx(0.2)
    assert change.difference.std == pytest.approx(0)
    assert change.interval is not None


def test_rows_that_leave_the_model_as_it_is_are_no_evidence(asking: Experiment, store: Store) -> None:
    rows = (*asking.defenses, Row("fingerprint", (DatasetInference(),)))
    found = assess(replace(asking, defenses=rows, seeds=1, all_factors=False), store=store.root, workers=1)
    assert all("fingerprint" not in each.rows for each in found.factor_correlations)
    assert [each.difference for each in factor_changes(found) if each.row == "fingerprint"] == [None]


def test_the_page_and_the_text_show_the_same() -> None:
    results = made(FIVE)
    page, text = render(results, {}), matrix_markdown.render(results, {})
    tables = factor_tables(results, matrix_blocks(results))
    assert tables is not None
    assert [heading for heading, _ in tables.rows] == list(results.rows)
    equal_differences = FactorCell("+0.100", "", "survey: grows")  # which do not tell their error
    assert tables.rows[1][1][0] == equal_differences
    assert tables.lines[0][1][0] == CorrelationCell(
        "\N{MINUS SIGN}1.000", "p 0.017", "survey: \N{MINUS SIGN}, same sign", low=True
    )
    for sentence in (*tables.notes, *tables.undefined, *tables.uncorrelated):
        assert sentence in unescape(page)
        assert sentence in text
    assert "2 of 2 correlations with risks have a p-value below 0.05" in text
    assert "The survey gives the sign of 2 of them: 2 have that sign" in text


def test_the_terminal_names_the_clearest_correlations() -> None:
    assert factors_sentence(made(FIVE)) == (
        "2 factors were measured; the page has tables of them. 2 of 2 rank correlations with risks have a p-value "
        "below 0.05, each by itself; the clearest: distance with evasion (robust accuracy of PGD), \N{MINUS SIGN}1.000 "
        "(p 0.017) and distance with membership inference (attack AUC of LiRA), \N{MINUS SIGN}1.000 (p 0.017). "
        "This is exploratory, and shows no cause."
    )
    few = made({row: FIVE[row] for row in list(FIVE)[:3]})
    assert factors_sentence(few).endswith(
        "They are not compared with risks: a rank correlation needs at least 5 rows with both, and there are 3."
    )
    for shown in (glance(made(FIVE), None), matrix_table(made(FIVE), None)):
        console = Console(width=1000, color_system=None)
        with console.capture() as captured:
            console.print(shown)
        assert factors_sentence(made(FIVE)) in captured.get()


def test_with_few_rows_the_factors_are_shown_and_why_there_are_no_correlations(results: Results) -> None:
    tables = factor_tables(results, matrix_blocks(results))
    assert tables is not None
    assert not tables.lines
    assert tables.notes == (
        "Factors are not compared with risks: a rank correlation needs at least 5 rows with both, and there are 2.",
    )
    assert "Factors that may explain it" in render(results, {})


def test_without_factors_nothing_is_said_of_them(experiment: Experiment, store: Store) -> None:
    without = assess(experiment, store=store.root, workers=1)
    assert factor_tables(without, matrix_blocks(without)) is None
    assert factors_sentence(without) == ""
    assert "Factors" not in matrix_markdown.render(without, {})
    assert 'id="factors"' not in render(without, {})


def test_changes_beside_the_survey_are_counted() -> None:
    """Of the row's seeds each has another difference, so that the intervals do not shrink to a point."""
    results = made(FIVE)
    spread = tuple(
        replace(each, value=each.value + 0.001 * each.seed)
        if each.row != "undefended" and each.factor == DISTANCE.name and each.value is not None
        else each
        for each in results.factors.values
    )
    tables = factor_tables(replace(results, factors=Factors(results.factors.measured, spread)), matrix_blocks(results))
    assert tables is not None
    assert tables.rows[1][1][0] == FactorCell("+0.101", "+0.094 to +0.107", "survey: grows, as measured")
    assert tables.surveyed.endswith(
        "Of these, 5 could be told from zero (95% intervals): 5 in that direction, 0 in the other."
    )
