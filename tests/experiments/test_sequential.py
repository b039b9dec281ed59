"""With `until_decided` seeds are added at fixed looks, and only where a verdict is open."""

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from amulet.cli import app
from amulet.evasion.attacks import PGD
from amulet.experiments import BASELINE, Experiment, Progress, Results, Row, Store, assess, dump_experiment, plan
from amulet.experiments.assess import resumed
from amulet.experiments.planning.plan import extended
from amulet.membership_inference.defenses import DPSGD
from amulet.statistics import Word
from amulet.testing import TOY_RECIPE
from amulet.training import Placebo
from amulet.utility import Utility


@pytest.fixture(scope="module")
def experiment(experiment: Experiment) -> Experiment:
    """At most ten seeds, looked at after five. So much noise costs utility beyond doubt, a placebo costs nothing."""
    return replace(
        experiment,
        recipe=TOY_RECIPE,
        defenses=(
            Row("noise", (DPSGD(epsilon=None, noise_multiplier=100.0, delta=1e-3),)),
            Row("placebo", (Placebo(),)),
        ),
        attacks=(PGD(epsilon=0.1, steps=3),),
        audits=(Utility(),),
        seeds=10,
        until_decided=True,
    )


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """With the results in it, which no test changes."""
    return Store(tmp_path_factory.mktemp("store"))


@pytest.fixture(scope="module")
def results(experiment: Experiment, store: Store) -> Results:
    return assess(experiment, store=store.root, workers=1)


def seeds_by_cell(results: Results) -> dict[tuple[str, str], int]:
    return {
        (row, column.probe): len(results.of(row, column))
        for row in results.rows
        for column in results.columns
        if column.primary
    }


def test_only_undecided_cells_get_more_seeds(results: Results) -> None:
    counts = seeds_by_cell(results)
    words = {(row, column.probe): v.word for (row, column), v in results.verdicts.items() if column.primary}

    assert counts["noise", "Utility"] == 5
    assert words["noise", "Utility"] is Word.DECREASES
    assert counts["placebo", "Utility"] == 10
    assert all(word is not Word.INCONCLUSIVE for cell, word in words.items() if counts[cell] == 5)


def test_the_baseline_has_every_seed_that_a_row_has(results: Results) -> None:
    counts = seeds_by_cell(results)
    for (row, probe), count in counts.items():
        assert row == BASELINE or count <= counts[BASELINE, probe]


def test_a_second_run_takes_the_same_steps_and_computes_nothing(
    experiment: Experiment, results: Results, store: Store
) -> None:
    totals: list[int] = []
    again = assess(experiment, store=store.root, workers=1, progress=Progress(start=totals.append))
    assert totals == [0, 0]
    assert again.to_json() == results.to_json()


def test_what_five_seeds_decided_stands_whatever_came_later(results: Results) -> None:
    early = replace(results, values=tuple(value for value in results.values if value.seed < 5))
    for cell, verdict in early.verdicts.items():
        assert not verdict.settled or results.verdicts[cell].word is verdict.word
    assert Results.from_json(results.to_json()).verdicts == results.verdicts


def test_a_defense_that_changes_nothing_stays_unchanged_where_the_baseline_gets_more_seeds(
    results: Results,
) -> None:
    rows = ("undefended", "same")
    same = tuple(replace(value, row="same") for value in results.values if value.row == rows[0] and value.seed < 5)
    found = replace(results, values=(*results.values, *same)).verdicts
    words = {verdict.word for (row, _), verdict in found.items() if row == "same"}
    assert words == {Word.UNCHANGED}


def test_a_plan_without_looks_left_cannot_be_extended(experiment: Experiment) -> None:
    planned = plan(replace(experiment, seeds=5))
    with pytest.raises(ValueError, match="All 5 seeds"):
        extended(planned, {("noise", "Utility")})


def test_work_is_resumed_at_the_look_where_it_stands(experiment: Experiment, results: Results, store: Store) -> None:
    del results
    assert resumed(plan(experiment), Store(store.root / "empty")).seeds == 5
    assert resumed(plan(experiment), store).seeds == 10


def test_the_command_takes_both_options(
    experiment: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "toy.yaml"
    file.write_text(dump_experiment(replace(experiment, seeds=2, until_decided=False)))
    options = [str(file), "--until-decided", "--max-seeds", "6"]

    planned = CliRunner().invoke(app, ["plan", *options])
    assessed = CliRunner().invoke(app, ["assess", *options, "--workers", "1"])
    state = CliRunner().invoke(app, ["status", *options])

    assert "at most 6 seeds" in " ".join(planned.output.split())
    assert "undecided; they go on to 6 seeds" in " ".join(assessed.output.split())
    assert "Complete." in state.output
    assert Results.read(tmp_path / "runs" / "toy").looks == (5, 6)
