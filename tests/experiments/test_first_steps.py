"""The first hour: a CSV file of one's own becomes an experiment, and plug-ins explain themselves."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from rich.console import Console
from typer.testing import CliRunner

from amulet.cli import app
from amulet.cli.first_steps import print_by_risk
from amulet.core.errors import InvalidData, InvalidParameter
from amulet.datasets import FromCSV, from_csv
from amulet.experiments import dump_experiment, load_experiment, plan
from amulet.experiments.registry import description
from amulet.experiments.registry.plugins import Kind, plugins
from amulet.experiments.yaml.starter import Columns, guessed, read_columns, starter
from amulet.report.words.vocabulary.spec_text import without_folders


@pytest.fixture
def loans(tmp_path: Path) -> Path:
    """400 applications with a customer's number, a sensitive column and a decision of two unequal classes."""
    rng = np.random.default_rng(0)
    income = rng.normal(40, 10, 400).round(1)
    frame = pd.DataFrame(
        {
            "customer_id": np.arange(400) + 1000,
            "age": rng.integers(18, 80, 400),
            "sex": rng.choice(["f", "m"], 400),
            "income": income,
            "job": rng.choice(["clerk", "nurse"], 400),
            "note": [f"called {number} times" for number in range(400)],
            "approved": np.where(income > 33, "yes", "no"),
        }
    )
    frame.to_csv(tmp_path / "loans.csv", index=False, sep=";")
    return tmp_path / "loans.csv"


def amulet(*arguments: object, code: int = 0) -> str:
    ended = CliRunner().invoke(app, [str(argument) for argument in arguments], env={"COLUMNS": "80"})
    assert ended.exit_code == code, ended.output
    return ended.output


def test_a_csv_file_becomes_an_experiment_that_can_be_planned(loans: Path) -> None:
    told = amulet("init", loans)
    assert "predicts 'approved' from 400 records; sensitive: sex; left out: customer_id, note." in told

    experiment = load_experiment(loans.with_suffix(".yaml"))

    assert isinstance(experiment.dataset, FromCSV)
    assert (experiment.dataset.positive, experiment.dataset.sep) == ("yes", ";")
    assert experiment.dataset.load().schema.features == ("age", "income", "job=clerk", "job=nurse")
    assert experiment.seeds == 5
    assert plan(experiment).tasks
    assert "is there already" in amulet("init", loans, code=1)


def test_what_is_guessed_can_be_said(loans: Path) -> None:
    table, sep = read_columns(loans)
    assert sep == ";"
    assert guessed(table, "job", ["sex", "approved"]).sensitive == ("sex", "approved")
    with pytest.raises(InvalidParameter, match="among customer_id, age"):
        guessed(table, "income_class")
    renamed = table.rename(columns={"approved": "z1"})[["z1", "sex", "job", "income"]]
    with pytest.raises(InvalidParameter, match=r"give it with --target\. It could be: z1, sex, job"):
        guessed(renamed)


def test_a_class_that_is_not_known_as_favourable_is_marked_as_a_guess(loans: Path) -> None:
    table, sep = read_columns(loans)
    text = starter(loans, table, sep, Columns("job", ("sex",), (), None))
    assert "positive: nurse # the favourable class: a guess, please check" in text


def test_unbalanced_classes_are_adjusted_for(loans: Path) -> None:
    table, sep = read_columns(loans)
    text = starter(loans, table, sep, guessed(table))
    shares = [float(share) for share in re.findall(r"class_shares: \[(.*), (.*)\]", text)[0]]
    assert shares == pytest.approx([(table["approved"] == name).mean() for name in ("no", "yes")], abs=1e-3)


def test_paths_count_from_the_folder_of_the_file(loans: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    amulet("init", loans)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)

    experiment = load_experiment(loans.with_suffix(".yaml"))
    (elsewhere / "again.yaml").write_text(dump_experiment(experiment), encoding="utf-8")

    assert load_experiment(elsewhere / "again.yaml") == experiment


def test_a_page_to_pass_on_names_files_without_their_folders(loans: Path) -> None:
    amulet("init", loans)
    file = loans.with_suffix(".yaml")
    file.write_text(re.sub(r"(?s)defenses:.*", "defenses: []\naudits: [Utility]\nseeds: 1\n", file.read_text("utf-8")))
    out = loans.with_name("out")
    amulet("assess", file, "--out", out, "--store", loans.with_name("store"), "--workers", "1")

    for name in ("report.html", "report.md"):
        assert str(loans.parent) not in (out / name).read_text(encoding="utf-8")
    assert "loans.csv" in (out / "report.html").read_text(encoding="utf-8")
    assert load_experiment(out / "experiment.yaml").dataset == load_experiment(file).dataset


def test_a_path_of_any_system_is_shown_by_its_name() -> None:
    written = {"path": "/home/me/a.csv", "test": "C:\\me\\b.csv", "target": "y/n", "root": "/", "of": ["./c.csv", 5]}
    shown = {"path": "a.csv", "test": "b.csv", "target": "y/n", "root": "/", "of": ["./c.csv", 5]}
    assert without_folders(written) == shown


def test_test_records_may_lie_in_a_file_of_their_own(loans: Path) -> None:
    table = pd.read_csv(loans, sep=";")
    table[:100].to_csv(loans.with_name("test.csv"), index=False, sep=";")
    given = {"target": "approved", "sep": ";", "drop": ["customer_id", "note"]}
    both = from_csv(loans, test=loans.with_name("test.csv"), **given)  # type: ignore[arg-type]
    alone = from_csv(loans, **given)  # type: ignore[arg-type]

    assert (len(both.train), len(both.test)) == (400, 100)
    assert both.schema.features == alone.schema.features
    with pytest.raises(InvalidData, match="'test_share' of own data must be left out"):
        from_csv(loans, test=loans, test_share=0.2, **given)  # type: ignore[arg-type]
    table[:100].drop(columns="age").to_csv(loans.with_name("short.csv"), index=False, sep=";")
    with pytest.raises(InvalidData, match=r"of the same columns as the training records\. Got \['age'\]"):
        from_csv(loans, test=loans.with_name("short.csv"), **given)  # type: ignore[arg-type]


def test_sensitive_columns_stay_among_the_inputs_if_asked(loans: Path) -> None:
    given = {"target": "approved", "sep": ";", "drop": ["customer_id", "note"], "sensitive": ["sex"]}
    kept = from_csv(loans, keep_sensitive=True, **given)  # type: ignore[arg-type]
    assert {"sex=f", "sex=m"} <= set(kept.schema.features)
    assert kept.schema.attributes == from_csv(loans, **given).schema.attributes  # type: ignore[arg-type]


def test_another_separator_is_told_with_its_setting(loans: Path) -> None:
    with pytest.raises(InvalidData, match="with ';' in it: give sep=';'"):
        from_csv(loans, target="approved")
    with pytest.raises(InvalidParameter, match="The 'sep' of FromCSV must be one of"):
        FromCSV("a.csv", "b", sep="::")


def test_an_attack_shows_its_settings_its_source_its_outcome_and_an_example() -> None:
    told = " ".join(amulet("show", "PGD").split())
    for text in ("epsilon", "8/255", "https://arxiv.org/abs/1706.06083", "adversarial", "(n,) true classes."):
        assert text in told
    assert "outcome = PGD().attack(model, data.test)" in told
    assert "Did you mean 'PGD'?" in amulet("show", "pdg", code=1)


def test_an_example_has_the_settings_that_are_required() -> None:
    told = amulet("show", "from_csv")
    assert "dataset: {FromCSV: {path: ..., target: ...}}" in told
    assert "data = FromCSV(path=..., target=...).load()" in told


def test_everything_that_is_listed_can_be_shown() -> None:
    for plugin in plugins():
        assert description.source(plugin)
        assert len(description.settings(plugin)) >= 0
        if plugin.kind in {Kind.ATTACK, Kind.AUDIT, Kind.METRIC}:
            found = description.outcome(plugin)
            assert found is not None
            assert all(entry.meaning for entry in found[1]), found
            assert description.example(plugin)


def test_in_eighty_columns_names_stay_whole() -> None:
    console = Console(width=80)
    with console.capture() as captured:
        print_by_risk(list(plugins()), console)
    lines = captured.get().splitlines()
    assert all(any(line.split()[:1] == [plugin.name] for line in lines) for plugin in plugins())
    assert max(map(len, lines)) <= 80


def written(folder: Path, name: str, header: str, line: Callable[[int], str], records: int = 120) -> Path:
    """A CSV file of this name, with a line for each number."""
    (folder / name).write_text("\n".join([header, *map(line, range(records))]) + "\n", encoding="utf-8")
    return folder / name


@pytest.mark.parametrize(
    ("name", "header", "line"),
    [
        ("123.csv", "on,1e3,null", lambda number: f"{number},{number % 7},{number % 2}"),
        ("true.csv", "a,~,yes: #", lambda number: f"{number},{number % 7},{'y' if number % 2 else 'n'}"),
        ("null.csv", 'a "q,- b,年齢', lambda number: f"{number},{number % 7},{'# a' if number % 2 else '{b}'}"),
        ("rare.csv", "a,b,y", lambda number: f"{number},{number % 7},{int(number % 2000 == 7)}"),
        ("days.csv", "when,b,y", lambda number: f"2020-01-{1 + number % 28:02},{number % 7},{number % 2}"),
        ("comma.csv", "a;b;y", lambda number: f"{number % 50},5;{number % 7};{number % 2}"),
        ("endless.csv", "a,b,y", lambda number: f"{number / 8 if number else 'inf'},{number % 7},{number % 2}"),
        ("many.csv", "a,b,y", lambda number: f"{number},{number % 7},{'v' * 500}{number % 90}"),
    ],
)
def test_what_init_writes_can_be_planned(tmp_path: Path, name: str, header: str, line: Callable[[int], str]) -> None:
    target = header.replace(";", ",").split(",")[-1]
    file = written(tmp_path, name, header, line, 4000)
    amulet("init", file, "--target", target)

    experiment = load_experiment(file.with_suffix(".yaml"))

    assert experiment.name == file.stem
    assert plan(experiment).tasks


@pytest.mark.parametrize(
    ("header", "line", "options", "sentence"),
    [
        ("a,b,y", "1,2,1", ["--target", "y"], "'y', must have at least two different values. Got 1."),
        ("0.5,4,0", "0.7,3,1", [], "must begin with a line of names (add one). Got a line of values: 0.5, 4, 0."),
        ("a,b,y", None, [], "must hold records below the line of names. Got none."),
        ("a,b,y", "{0},2,1", ["--target", "z"], "--target must be among a, b, y. Got 'z'."),
        ("a,b,y", "{0},2,1", ["--target", ""], "--target must be among a, b, y. Got ''."),
        ("a,b,y", "{0},2,1", ["--sensitive", "z"], "--sensitive must be among a, b, y. Got 'z'."),
        ("a,b,y", "{0},2,{1}", ["--sensitive", "y"], "all different and other than the target 'y'. Got ['y']."),
        ("a,b,y", "{0},2,{0}", ["--target", "y"], "it looks continuous."),
        ("id,y", "{0},{1}", [], "must be records with columns beside target and sensitive ones."),
    ],
)
def test_init_writes_nothing_where_no_data_set_can_be_made(
    tmp_path: Path, header: str, line: str | None, options: list[str], sentence: str
) -> None:
    file = written(
        tmp_path, "t.csv", header, lambda number: (line or "").format(number, number % 2), 120 if line else 0
    )
    assert sentence in amulet("init", file, *options, code=1)
    assert not (tmp_path / "t.yaml").exists()
