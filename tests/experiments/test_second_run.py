"""A second run makes nothing again that is in place, and everything that is not."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from amulet.core.errors import Problem
from amulet.core.storage import remembered
from amulet.experiments import Experiment, Plan, Results, Store, plan
from amulet.experiments.graph.failures import Failure
from amulet.experiments.results.collect import collect
from amulet.report.pages import unchanged_files
from amulet.report.pages.publishing import FAILURES, write_results
from amulet.training import Recipe

MANIFEST: Mapping[str, object] = {"date": "2026-01-02", "packages": {"amulet": "1.0"}}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Empty, and of a source that nobody edits while the tests run."""
    monkeypatch.setenv("AMULET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(remembered, "amulet_digest", lambda: "the source")
    monkeypatch.setattr(remembered, "_source", lambda: "the source")


@pytest.fixture(scope="module")
def results(computed_small: tuple[Plan, Store]) -> Results:
    return collect(*computed_small)


@pytest.fixture
def folder(results: Results, tmp_path: Path) -> Path:
    """With what was written a long time ago."""
    written = write_results(results, MANIFEST, tmp_path / "small", "experiment").page.parent
    for file in written.iterdir():
        os.utime(file, (1, 1))
    return written


def made_again(folder: Path) -> set[str]:
    return {file.name for file in folder.iterdir() if file.stat().st_mtime > 1}


ALL = {"results.json", "manifest.json", "experiment.yaml", "report.html", "report.md"}


def test_what_is_in_place_stays(results: Results, folder: Path) -> None:
    write_results(results, MANIFEST, folder, "experiment")
    assert made_again(folder) == set()


def test_any_change_makes_all_files_again(results: Results, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def written(of: Results = results, manifest: Mapping[str, object] = MANIFEST, text: str = "experiment") -> set[str]:
        write_results(of, manifest, folder, text)
        found = made_again(folder)
        for file in folder.iterdir():
            os.utime(file, (1, 1))
        return found

    first = results.values[0]
    assert first.value is not None
    changed = replace(results, values=(replace(first, value=first.value / 2), *results.values[1:]))
    assert written(changed) == ALL
    assert Results.read(folder).values[0].value == first.value / 2
    assert written() == ALL  # what was remembered of the first files does not hold for those in their place
    assert written(manifest={**MANIFEST, "date": "2026-01-03"}) == ALL
    assert written(text="another experiment") == ALL
    failed = replace(results, failures=(Failure("Train 0123", "It failed."),))
    assert written(failed) == {*ALL, FAILURES}
    assert written() == ALL
    assert not (folder / FAILURES).exists()
    monkeypatch.setattr(unchanged_files, "plugins_outside", lambda: ["a plug-in and its digest"])
    assert written() == ALL
    assert written() == set()


@pytest.mark.parametrize("name", ["results.json", "report.html", "report.md", "manifest.json"])
@pytest.mark.parametrize("harm", ["edited", "gone"])
def test_a_damaged_or_edited_file_is_made_again(results: Results, folder: Path, name: str, harm: str) -> None:
    before = (folder / name).read_bytes()
    if harm == "edited":
        (folder / name).write_bytes(before.replace(b"e", b"f", 1))
    else:
        (folder / name).unlink()
    write_results(results, MANIFEST, folder, "experiment")
    assert made_again(folder) == ALL
    assert (folder / name).read_bytes() == before


def test_tracebacks_of_earlier_failures_go_though_all_else_is_in_place(results: Results, folder: Path) -> None:
    (folder / FAILURES).write_text("of an older run")
    write_results(results, MANIFEST, folder, "experiment")
    assert not (folder / FAILURES).exists()


def test_a_recipe_that_was_found_sound_is_not_tried_again(small: Experiment, monkeypatch: pytest.MonkeyPatch) -> None:
    tried = []

    def trial(recipe: Recipe, schema: object) -> Iterator[Problem]:
        del schema
        tried.append(recipe.epochs)
        yield from [Problem("epochs", "Two are too many.")] if recipe.epochs == 2 else []

    monkeypatch.setattr(Recipe, "trial_problems", trial)
    assert isinstance(small.recipe, Recipe)
    two = replace(small, recipe=replace(small.recipe, epochs=2))
    plan(small)
    plan(small)
    for _ in range(2):
        with pytest.raises(ValueError, match="Two are too many"):
            plan(two)
    assert tried == [1, 2, 2]
