"""An assessment that is asked for again plans nothing and says the same, unless anything has changed."""

import logging
import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from amulet.cli import app, assessments, repeated
from amulet.cli.repeated import Question, data_files, listing_if_complete
from amulet.core.storage import remembered
from amulet.core.storage.files import checksum_of
from amulet.core.storage.listing import listing_of
from amulet.datasets import Census, Digits, FashionMNIST, FromCSV, ImportedDataset, Mortgages
from amulet.experiments import Experiment, Plan, Row, Store, dump_experiment
from amulet.experiments.planning import plan as planning
from amulet.models import ImportedModel
from amulet.report.pages import unchanged_files
from amulet.training import Recipe
from amulet.training.placebo import Placebo
from amulet.utility.metrics import accuracy

FILE, STORE, FOLDER = Path("toy.yaml"), Path("runs/store"), Path("runs/toy")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder with an experiment and its records, an empty cache, and a source that nobody edits meanwhile."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AMULET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(remembered, "amulet_digest", lambda: "the source")
    monkeypatch.setattr(remembered, "_source", lambda: "the source")
    rng = np.random.default_rng(0)
    lines = (f"{first:.3f},{second:.3f},{'yes' if first > second else 'no'}" for first, second in rng.random((200, 2)))
    Path("records.csv").write_text("\n".join(["first,second,answer", *lines, ""]))


@pytest.fixture
def toy(small: Experiment) -> Experiment:
    toy = replace(small, name="toy", dataset=FromCSV("records.csv", target="answer"))
    FILE.write_text(dump_experiment(toy), encoding="utf-8")
    return toy


@pytest.fixture
def plans(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the experiments that were planned."""
    planned: list[str] = []

    def plan(experiment: Experiment, device: str) -> Plan:
        planned.append(experiment.name)
        logging.getLogger("amulet").warning("The plan warns.")
        return real(experiment, device=device)

    real = planning.plan
    monkeypatch.setattr(planning, "plan", plan)
    return planned


def assess(*options: str, code: int = 0) -> tuple[str, str]:
    """What `amulet assess` says on standard output and standard error."""
    result = CliRunner().invoke(app, ["assess", str(FILE), "--workers", "1", *options])
    assert result.exit_code == code, result.output
    return result.stdout, result.stderr


def stored() -> Path:
    return next(STORE.glob("results/*/*.json"))


@pytest.mark.usefixtures("toy")
def test_the_same_is_said_without_planning_again(plans: list[str], caplog: pytest.LogCaptureFixture) -> None:
    first, told = assess()
    assert "tasks to compute" in told
    caplog.clear()
    second, told = assess()
    assert second == first
    assert "Report:" in second
    assert told == "Nothing to compute: the store has it all.\n"
    assert caplog.messages == ["The plan warns."]
    assert plans == ["toy"]


def edited(place: Path) -> None:
    place.write_bytes(place.read_bytes() + b" ")


def touched_back(place: Path) -> None:
    """Edited without another size or time of writing, as by somebody who hides it."""
    content, status = place.read_bytes(), place.stat()
    place.write_bytes(content.replace(b"1", b"2"))
    os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))


def another_record() -> None:
    with Path("records.csv").open("a") as file:
        file.write("0.1,0.9,no\n")


CHANGES: dict[str, Callable[[], object]] = {
    "the file": lambda: edited(FILE),
    "the number of seeds": lambda: FILE.write_text(FILE.read_text().replace("seeds: 1", "seeds: 2")),
    "the records": another_record,
    "a result is gone": lambda: stored().unlink(),
    "a result was edited": lambda: edited(stored()),
    "a bit of a result was turned": lambda: touched_back(stored()),
    "another result": lambda: edited(STORE / "results" / "another.json"),
    "tensors are gone": lambda: next(STORE.glob("tensors/*/*")).unlink(),
    "the store is gone": lambda: STORE.rename("elsewhere"),
    "the results are gone": (FOLDER / "results.json").unlink,
    "the results were edited": lambda: edited(FOLDER / "results.json"),
    "the page was edited": lambda: edited(FOLDER / "report.html"),
    "tracebacks of a failed run": (FOLDER / "failures.txt").touch,
    "the folder is gone": lambda: FOLDER.rename("moved"),
}


@pytest.mark.usefixtures("toy")
def test_whatever_has_changed_is_noticed(plans: list[str]) -> None:
    (STORE / "results").mkdir(parents=True)
    (STORE / "results" / "another.json").touch()
    assess()
    for change, make in CHANGES.items():
        plans.clear()
        make()
        assess()
        assert plans == ["toy"], change
        assess()
        assert plans == ["toy"], f"again after: {change}"


@pytest.mark.usefixtures("toy")
def test_a_link_that_leads_elsewhere_is_noticed(plans: list[str]) -> None:
    Path("first").mkdir()
    Path("link").symlink_to("first")
    assess("--out", "link")
    Path("first").rename("second")
    Path("link").unlink()
    Path("link").symlink_to("second")
    plans.clear()
    said, _ = assess("--out", "link")
    assert plans == ["toy"]
    assert f"Report: {Path('second').resolve() / 'report.html'}" in said


@pytest.mark.usefixtures("toy")
def test_results_behind_a_link_are_looked_at(plans: list[str]) -> None:
    assess()
    (STORE / "results").rename("elsewhere")
    (STORE / "results").symlink_to(Path("elsewhere").absolute())
    assess()
    plans.clear()
    next(Path("elsewhere").glob("*/*.json")).unlink()
    _, told = assess()
    assert plans == ["toy"]
    assert "to compute" in told
    assert "Nothing" not in told


@pytest.mark.usefixtures("toy")
def test_a_store_that_cannot_be_listed_ends_no_run(plans: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(folder: Path) -> str:
        raise FileNotFoundError(2, "No such file or directory", str(folder / ".partial-1"))

    with monkeypatch.context() as patch:
        patch.setattr(repeated, "listing_of", gone)
        said, _ = assess()
        assert assess()[0] == said
    assert plans == ["toy"] * 2
    assert (FOLDER / "report.html").exists()


@pytest.mark.usefixtures("toy")
def test_other_options_are_another_question(plans: list[str]) -> None:
    assess()
    for options in (
        ["--details"],
        ["--store", "another"],
        ["--out", "there"],
        ["--max-seeds", "2"],
        ["--time-limit", "9"],
    ):
        plans.clear()
        assess(*options)
        assert plans == ["toy"], options
        assess(*options)
        assert plans == ["toy"], options
    plans.clear()
    assess()
    assert plans == ["toy"]  # --max-seeds has put other results into the folder


def test_a_condition_that_holds_ends_a_repeated_run_too(toy: Experiment, plans: list[str]) -> None:
    defended = replace(toy, defenses=(Row("again", (Placebo(),)),))
    FILE.write_text(dump_experiment(defended), encoding="utf-8")
    condition = ("--fail-if", "utility may change")
    assess()
    plans.clear()
    _, told = assess(*condition, code=3)
    assert "The condition 'utility may change' holds" in told
    assert assess(*condition, code=3)[1] == told
    assert plans == ["toy"]


@pytest.mark.usefixtures("toy")
def test_other_code_packages_and_days_are_noticed(plans: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    assess()
    plans.clear()
    with monkeypatch.context() as patch:
        patch.setattr(remembered, "_source", lambda: "edited")
        assess()
    with monkeypatch.context() as patch:
        patch.setattr(remembered, "software", lambda: {"torch": "another"})
        assess()
    with monkeypatch.context() as patch:
        patch.setattr(repeated, "_installed", lambda: iter([("altair-7.0.dist-info", 1)]))
        assess()
    with monkeypatch.context() as patch:
        patch.setattr(repeated, "_today", lambda: "2031-01-01")
        assess()
    assert plans == ["toy"] * 4


def test_the_console_is_part_of_the_question() -> None:
    def about(console: Console) -> object:
        return Question.of({}, FILE, STORE, console).about["console"]

    assert about(Console(width=80)) == about(Console(width=80))
    assert about(Console(width=80)) != about(Console(width=81))
    assert about(Console(width=80)) != about(Console(width=80, force_terminal=True))
    assert about(Console(force_terminal=True)) != about(Console(force_terminal=True, color_system=None))
    assert about(Console(force_terminal=True)) != about(Console(force_terminal=True, no_color=True))


def test_a_package_installed_again_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "thing-1.0.dist-info"
    package.mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    first = list(repeated._installed())
    assert "thing-1.0.dist-info" in {name for name, _ in first}
    package.rmdir()
    package.mkdir()
    os.utime(package, (1, 1))
    assert list(repeated._installed()) != first


@pytest.mark.usefixtures("toy")
@pytest.mark.parametrize("touched", [FILE, Path("records.csv"), FOLDER / "results.json", STORE / "results" / "more"])
def test_what_changes_during_the_run_is_not_taken_for_what_was_read(
    touched: Path, plans: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def show(*given: object, **named: object) -> None:
        del given, named
        with touched.open("a") as file:
            file.write(" ")

    assess()
    plans.clear()
    with monkeypatch.context() as patch:
        patch.setattr(assessments, "show_results", show)
        edited(FILE)
        assess()
    assess()
    assert plans == ["toy"] * 2


def test_code_of_ones_own_is_asked_each_time(toy: Experiment) -> None:
    assert data_files(toy) == {str(Path("records.csv").absolute()): checksum_of(Path("records.csv"))}
    assert data_files(replace(toy, dataset=ImportedDataset("amulet.testing:toy_dataset"))) is None
    assert data_files(replace(toy, dataset=None)) is None
    imported = ImportedModel("amulet.models:LinearNet")
    assert data_files(replace(toy, recipe=Recipe(imported))) is None


def test_plugins_of_others_are_asked_each_time(toy: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unchanged_files, "plugins_outside", lambda: ["a plug-in and its digest"])
    assert data_files(toy) is None


def test_a_run_on_a_gpu_or_with_results_missing_is_not_remembered(finished: tuple[Plan, Store]) -> None:
    planned, store = finished
    assert listing_if_complete(planned, store) == listing_of(store.root)
    assert listing_if_complete(replace(planned, device="cuda"), store) is None
    assert listing_if_complete(replace(planned, others={Digits(): planned.dataset}), store) is None
    store.result_place(planned.cells[0].task.digest).unlink()
    assert listing_if_complete(planned, store) is None


@pytest.mark.usefixtures("toy")
def test_failed_tasks_are_tried_each_time(plans: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*given: object) -> float:
        del given
        raise RuntimeError("no memory")

    with monkeypatch.context() as patch:
        patch.setattr(type(accuracy), "measure", fail)
        assess(code=4)
        assess(code=4)
    assert plans == ["toy"] * 2


def test_data_sets_know_the_files_that_they_read() -> None:
    for spec in (Mortgages(), Digits()):
        files = spec.files()
        assert files is not None
        assert all(file.is_file() for file in files)
    table = FromCSV("records.csv", target="answer", test="more.csv")
    assert table.files() == (Path("records.csv"), Path("more.csv"))
    assert ImportedDataset("amulet.testing:toy_dataset").files() is None
    for official, folder, some in (
        (Census("data"), "adult", {"adult.data", "adult.test", "adult.zip"}),
        (FashionMNIST("data"), "fashion-mnist", {"train-images-idx3-ubyte.gz", "t10k-labels-idx1-ubyte"}),
    ):
        assert some <= {file.name for file in official.files() if file.parent == Path("data", folder)}


def test_official_files_are_among_those_that_are_looked_for(real_data: Callable[[str], Path]) -> None:
    """So that a file is noticed that would be read in the place of another, once it is there."""
    for folder, spec, count in (("adult", Census, 2), ("fashion-mnist", FashionMNIST, 4)):
        files = spec(str(real_data(folder).parent)).files()
        assert sum(file.is_file() for file in files) == count


def test_another_folder_of_data_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    def about() -> object:
        return Question.of({}, FILE, STORE, Console(width=80)).about

    before = about()
    monkeypatch.setenv("AMULET_DATA", "elsewhere")
    assert about() != before


def test_another_login_is_no_other_folder_of_data(monkeypatch: pytest.MonkeyPatch) -> None:
    def about() -> object:
        return Question.of({}, FILE, STORE, Console(width=80)).about

    before = about()
    monkeypatch.setenv("XDG_SESSION_ID", "12345")
    assert about() == before
    monkeypatch.setenv("XDG_DATA_HOME", "/elsewhere")
    assert about() != before


def test_a_path_that_no_file_can_have_is_left_to_the_plan(small: Experiment) -> None:
    files = data_files(replace(small, dataset=Census(root="a\0b")))
    assert files is not None
    assert set(files.values()) == {None}


def test_a_listing_tells_every_change_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "below").mkdir()
    file = tmp_path / "below" / "file"
    file.write_text("1")
    seen = {listing_of(tmp_path)}
    assert listing_of(tmp_path) in seen
    changes: list[Callable[[], object]] = [
        lambda: touched_back(file),
        lambda: edited(file),
        lambda: file.rename(tmp_path / "file"),
        (tmp_path / "empty").mkdir,
        lambda: (tmp_path / "link").symlink_to("file"),
        (tmp_path / "file").unlink,
    ]
    for change in changes:
        change()
        found = listing_of(tmp_path)
        assert found not in seen
        seen.add(found)


def test_a_listing_follows_links(tmp_path: Path) -> None:
    store, behind = tmp_path / "store", tmp_path / "behind"
    store.mkdir()
    behind.mkdir()
    (behind / "file").write_text("1")
    (store / "folder").symlink_to(behind)
    (store / "file").symlink_to(behind / "file")
    (store / "back").symlink_to(store)
    (store / "nowhere").symlink_to("gone")
    (store / "itself").symlink_to("itself")
    first = listing_of(store)
    assert listing_of(store) == first
    (behind / "more").touch()
    second = listing_of(store)
    assert second != first
    edited(behind / "file")
    assert listing_of(store) != second
