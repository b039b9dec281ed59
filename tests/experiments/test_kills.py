"""SIGKILL at random moments: nothing is lost but what was being computed, and the end is the same."""

import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from amulet.core.storage.files import PARTIAL
from amulet.core.storage.folders import publish
from amulet.experiments import Plan, Store
from amulet.experiments.graph.tasks import Train
from amulet.experiments.maintenance import verify_store
from amulet.experiments.maintenance.files import Kind, files_of
from clean_processes import PATIENCE, at_work

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"
linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")


@linux
def test_an_assessment_with_two_workers_killed_20_times_ends_with_the_same_results(tmp_path: Path) -> None:
    """A short form of `make kills`: whole process groups, parents alone and single workers are killed."""
    command = [sys.executable, str(BENCHMARKS / "kills.py"), "--count", "20", "--folder", str(tmp_path)]
    told = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)

    assert told.returncode == 0, told.stderr
    kills = re.search(
        r"^kills: 20 \((\d+) all processes, (\d+) one worker, (\d+) the parent alone\)$", told.stdout, re.MULTILINE
    )
    assert kills
    assert min(map(int, kills.groups())) > 0
    assert "twice: 0, damaged: 0, lost: 0" in told.stdout


def killed_while(work: Callable[[], object], share: float) -> None:
    """Call a function again and again in a process of its own, which is killed after a share of the time of a call."""
    started = time.monotonic()
    work()
    wait = (time.monotonic() - started) * share
    with at_work(partial(for_ever, work)) as process:
        time.sleep(wait)
    assert process.exitcode == -signal.SIGKILL


def for_ever(work: Callable[[], object]) -> None:
    while True:
        work()


@pytest.mark.parametrize("other", [(), ("notes.txt",)], ids=["as a whole", "beside another file"])
def test_a_writer_of_results_killed_100_times_leaves_whole_files(tmp_path: Path, other: tuple[str, ...]) -> None:
    """Files are of one writing where the folder is exchanged as a whole, and each is whole in any case."""
    folder = tmp_path / "results"
    publish({"results.json": "0", "report.html": "0"}, folder)
    for name in other:
        (folder / name).write_text("mine", encoding="utf-8")
    for number in range(100):
        text = f"{number}" * 10_000
        killed_while(partial(publish, {"results.json": text, "report.html": text}, folder), number / 25)

        held = [(folder / name).read_text(encoding="utf-8") for name in ("results.json", "report.html")]
        assert all(len(each) == 1 or len(each) % 10_000 == 0 for each in held)
        assert other or held[0] == held[1]
        assert all((folder / name).read_text(encoding="utf-8") == "mine" for name in other)
    assert len(list(tmp_path.rglob(f"{PARTIAL}*"))) <= 100


def test_a_writer_of_models_killed_100_times_leaves_whole_entries(finished: tuple[Plan, Store], tmp_path: Path) -> None:
    """Also where it replaces entries that are there."""
    planned, full = finished
    task = next(each for each in planned.tasks if isinstance(each, Train))
    fitted, store = full.load(task), Store(tmp_path / "store")
    shutil.copytree(full.root, store.root)
    for number in range(100):
        killed_while(partial(store.save, task, fitted, 0.0), number / 25)
        assert verify_store(store).is_sound
        assert store.verify(task) == "present"
    assert {file.place.parent.name for file in files_of(store, Kind.UNFINISHED)} <= {"tensors", task.digest[:2]}
