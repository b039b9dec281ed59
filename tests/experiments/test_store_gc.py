"""`amulet store gc` deletes what is not needed, and nothing that anybody needs, writes or has just written."""

import json
import os
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from unittest.mock import patch

import pytest
from typer.testing import CliRunner

from amulet.cli import app
from amulet.core.errors import AmuletError
from amulet.experiments import BASELINE, Experiment, Plan, Progress, Store, dump_experiment, plan
from amulet.experiments.assess import carry_out
from amulet.experiments.graph.entries import _checksum
from amulet.experiments.graph.runner import compute
from amulet.experiments.graph.store import NewerStore
from amulet.experiments.graph.tasks import Task
from amulet.experiments.maintenance import delete, deletion, digests_needed, unneeded, verify_store
from amulet.experiments.maintenance.files import Kind, files_of, sizes_of
from amulet.membership_inference.attacks import LossThreshold

HOUR = 3600.0
Shared = tuple[Plan, Plan, Store]


def later() -> float:
    """A time at which all that is written now is two hours old."""
    return time.time() + 2 * HOUR


@pytest.fixture
def shared(finished: tuple[Plan, Store], small: Experiment) -> Shared:
    """Two experiments with one model and one data set, and the store with the results of both."""
    planned, store = finished
    other = plan(replace(small, name="other", attacks=(LossThreshold(),), audits=()))
    carry_out(other, store, workers=1)
    return planned, other, store


def is_complete(planned: Plan, store: Store) -> bool:
    return planned.missing(planned.states(store)) == () and verify_store(store).is_sound


def test_without_being_told_it_deletes_no_result(shared: Shared) -> None:
    planned, other, store = shared
    assert unneeded(store, now=later()).files == ()
    assert unneeded(store, now=later()).kept == len(files_of(store, Kind.RESULT))
    assert is_complete(planned, store)
    assert is_complete(other, store)


def test_it_keeps_what_an_experiment_needs_and_deletes_the_rest(shared: Shared) -> None:
    planned, other, store = shared
    results = carry_out(planned, store, workers=1)[1].to_json()
    before, size = len(files_of(store)), sizes_of(files_of(store))

    found = unneeded(store, digests_needed(planned), now=later())
    assert is_complete(other, store)  # it has only been looked for
    freed = delete(store, found)

    assert freed == found.size == size - sizes_of(files_of(store))
    assert len(files_of(store)) == before - len(found.files)
    assert {file.name for file in found.results} == digests_needed(other) - digests_needed(planned)
    assert is_complete(planned, store)
    assert carry_out(planned, store, workers=1)[1].to_json() == results
    assert not is_complete(other, store)
    assert unneeded(store, digests_needed(planned), now=later()).files == ()


def test_several_experiments_keep_all_that_any_of_them_needs(shared: Shared) -> None:
    planned, other, store = shared
    assert unneeded(store, digests_needed(planned) | digests_needed(other), now=later()).files == ()


def test_tensors_go_with_the_last_result_they_belong_to(shared: Shared) -> None:
    _, other, store = shared
    for each in files_of(store, Kind.TENSORS):
        assert each.place.exists()
    delete(store, unneeded(store, {other.source.digest}, now=later()))
    assert [file.name for file in files_of(store, Kind.RESULT)] == [other.source.digest]
    assert len(files_of(store, Kind.TENSORS)) == 1
    assert verify_store(store).is_sound


def test_by_age_only_what_is_old_is_deleted(shared: Shared) -> None:
    planned, other, store = shared
    old = [store.result_place(digest) for digest in digests_needed(other) - digests_needed(planned)]
    for place in old:
        os.utime(place, (time.time() - 30 * 24 * HOUR,) * 2)

    assert unneeded(store, older_than=31 * 24 * HOUR, now=later()).results == ()
    found = unneeded(store, older_than=29 * 24 * HOUR, now=later())
    assert {file.place for file in found.results} == set(old)
    assert unneeded(store, digests_needed(other), 29 * 24 * HOUR, now=later()).results == ()
    delete(store, found)
    assert is_complete(planned, store)


def test_nothing_is_deleted_within_an_hour(shared: Shared) -> None:
    """Even where the time of writing says otherwise, as that of a copy may."""
    planned, _, store = shared
    for file in files_of(store):
        os.utime(file.place, (0, 0))
    (store.root / "tensors" / ".partial-writing").write_bytes(b"half")
    (store.root / "tensors" / "aa").mkdir(exist_ok=True)
    (store.root / "tensors" / "aa" / f"{'a' * 64}.safetensors").write_bytes(b"its result is not written yet")

    found = unneeded(store, {planned.source.digest}, older_than=1.0)

    assert found.files == ()
    assert found.recent == len(files_of(store, Kind.RESULT)) - 1


def test_what_killed_processes_left_is_deleted(finished: tuple[Plan, Store]) -> None:
    planned, store = finished
    kept = {file.place for file in files_of(store)}
    left = [
        store.root / "tensors" / ".partial-a",
        store.root / "results" / "00" / ".partial-b",
        store.tensor_place("0" * 64),
    ]
    mine = [store.root / "notes.txt", store.root / "results" / "mine", store.root / ".partial-of-mine"]
    for place in (*left, *mine):
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(b"x")
    aside = store.put_aside(left[2], left[2].lstat())
    assert aside is not None
    left[2].write_bytes(b"x")

    delete(store, unneeded(store, now=later()))
    assert {file.place for file in files_of(store)} == {*kept, *mine, aside}
    delete(store, unneeded(store, aside=True, now=later()))
    assert {file.place for file in files_of(store)} == {*kept, *mine}
    assert is_complete(planned, store)


def test_a_result_that_is_written_meanwhile_stays_with_its_tensors(shared: Shared) -> None:
    """It was judged as unneeded, and before it is deleted another process computes it again."""
    planned, other, store = shared
    target = planned.target(BASELINE, 0)
    found = unneeded(store, {other.source.digest}, now=later())
    assert target.digest in {file.name for file in found.results}
    store.result_place(target.digest).unlink()
    compute(target, store)

    delete(store, found)

    assert store.verify(target) == "present"
    assert {file.name for file in files_of(store, Kind.RESULT)} == {target.digest, other.source.digest}


def test_a_result_that_is_copied_into_the_store_meanwhile_keeps_its_tensors(finished: tuple[Plan, Store]) -> None:
    """Its tensors were there already, without a result, and copying leaves alone what is there."""
    planned, store = finished
    place = store.result_place(planned.target(BASELINE, 0).digest)
    content = place.read_bytes()
    place.unlink()
    found = unneeded(store, now=later())
    assert len(found.tensors) == 1
    place.write_bytes(content)

    delete(store, found)

    assert is_complete(planned, store)


@pytest.mark.parametrize(("workers", "moment"), [(1, 2), (1, 5), (1, 20), (2, 5)])
def test_a_run_computes_again_what_is_deleted_under_it(
    small: Experiment, store: Store, tmp_path: Path, moment: int, workers: int
) -> None:
    done: list[Task[object]] = []

    def collect_all(task: Task[object]) -> None:
        done.append(task)
        if len(done) == moment:
            assert delete(store, unneeded(store, older_than=0.0, now=later())) > 0

    planned = plan(replace(small, attacks=(*small.attacks, LossThreshold())))
    results = carry_out(planned, store, workers=workers, progress=Progress(done=collect_all))[1]

    assert is_complete(planned, store)
    assert results.to_json() == carry_out(planned, Store(tmp_path / "alone"), workers=1)[1].to_json()


def test_wherever_it_is_interrupted_no_result_is_without_its_tensors(shared: Shared) -> None:
    """Each time after one more file."""
    planned, _, store = shared
    real = deletion._deleted
    while len((found := unneeded(store, {planned.source.digest}, now=later())).files) > 1:
        real(found.files[0])
        interrupted = patch.object(deletion, "_deleted", side_effect=[found.files[0].size, KeyboardInterrupt])
        with interrupted, pytest.raises(KeyboardInterrupt):
            delete(store, found)
        assert verify_store(store).is_sound
    assert len(files_of(store)) <= 3


def test_what_looks_like_a_mistake_deletes_nothing(finished: tuple[Plan, Store]) -> None:
    planned, store = finished
    number = len(planned.tasks)
    with pytest.raises(AmuletError, match=rf"None of the {number} results in .* is one of those to keep\. Perhaps"):
        unneeded(store, {"0" * 64}, now=later())

    place = store.result_place(planned.cells[0].task.digest)
    body = {"format": 2, "task": planned.cells[0].task.digest}
    place.write_text(json.dumps(body | {"checksum": _checksum(body)}), encoding="utf-8")
    with pytest.raises(NewerStore, match=r"was written by a newer Amulet \(format 2\); .* Nothing was deleted\."):
        unneeded(store, older_than=10**9, now=later())


def test_where_a_result_cannot_be_read_no_tensors_are_deleted(finished: tuple[Plan, Store]) -> None:
    planned, store = finished
    hidden = store.result_place(planned.target(BASELINE, 0).digest)
    real = Path.read_bytes

    def read(place: Path) -> bytes:
        if place == hidden:
            raise PermissionError(13, "Permission denied")
        return real(place)

    with (
        patch.object(Path, "read_bytes", read),
        pytest.raises(AmuletError, match=r"cannot be read: Permission denied\."),
    ):
        unneeded(store, now=later())


@pytest.fixture
def amulet(shared: Shared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, small: Experiment) -> Callable[..., str]:
    """Run `amulet store gc` two hours after everything was written; what it says."""
    (tmp_path / "small.yaml").write_text(dump_experiment(small), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(deletion, "_clock", lambda _: later())

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["store", "gc", *arguments, "--store", str(shared[2].root)])
        assert done.exit_code == 0, done.output
        return done.output

    return run


def test_the_command_says_what_it_would_delete_and_what_it_deletes(shared: Shared, amulet: Callable[..., str]) -> None:
    planned, other, store = shared
    before = sizes_of(files_of(store))
    assert amulet() == f"Deleted nothing.\n{len(files_of(store, Kind.RESULT))} results stay.\n"
    assert amulet("--older-than", "1").startswith("Deleted nothing.")

    dry = amulet("small.yaml", "--dry-run")
    assert sizes_of(files_of(store)) == before
    assert is_complete(other, store)
    said = amulet("small.yaml")

    assert said == dry.replace("Would delete", "Deleted")
    assert re.search(r"^Deleted \d+ files, [\d.]+ kB:\n  \d+ files with a result \(.*\)\.\n", said)
    assert f"{len(planned.tasks)} results stay." in said
    assert is_complete(planned, store)


OPTIONS = (
    (),
    ("mine.yaml",),
    ("mine.yaml", "--older-than", "1"),
    ("small.yaml", "mine.yaml", "--damaged"),
    ("mine.yaml", "--dry-run"),
)


def test_beside_a_run_the_command_takes_nothing_that_the_run_needs(
    shared: Shared, amulet: Callable[..., str], small: Experiment, tmp_path: Path
) -> None:
    """Even if all results are two hours old: the run's own experiment is named, or no result is asked to be deleted."""
    planned, _, store = shared
    mine = replace(small, name="mine", attacks=(*small.attacks, LossThreshold()), seeds=2)
    Path("mine.yaml").write_text(dump_experiment(mine), encoding="utf-8")
    planned, done, said = plan(mine), list[Task[object]](), list[str]()
    missing = planned.missing(planned.states(store))

    def collect(task: Task[object]) -> None:
        done.append(task)
        if len(done) % 5 == 1:
            said.append(amulet(*OPTIONS[len(said) % len(OPTIONS)]))

    results = carry_out(planned, store, workers=1, progress=Progress(done=collect))[1]

    assert len(said) >= len(OPTIONS)
    assert done == list(missing), "nothing is computed twice"
    assert is_complete(planned, store)
    assert results.to_json() == carry_out(planned, Store(tmp_path / "alone"), workers=1)[1].to_json()
