"""Work goes on where it stopped, on as many processes as asked for, and gives the same numbers."""

import itertools
import os
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from amulet.evasion.defenses import AdversarialTraining
from amulet.experiments import Experiment, Progress, Row, Store, assess, dump_experiment, plan
from amulet.experiments.assess import carry_out, prepare
from amulet.experiments.graph.runner import run
from amulet.experiments.graph.tasks import Backend, Task
from amulet.models import LinearNet
from amulet.training import TrainingFunction
from amulet.utility import Utility
from clean_processes import PATIENCE, at_work

HEEDING = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler); from amulet.cli import app; app()"
AMULET = [sys.executable, "-c", HEEDING]  # a shell without job control starts its children deaf to Control-C
ENDLESS = Row("endless", (AdversarialTraining(epsilon=0.1, steps=10**9),))
"""A row whose training never ends: workers are at work until they are stopped."""

Process = subprocess.Popen[bytes]
Start = Callable[..., Process]


def test_the_number_of_processes_changes_no_number(experiment: Experiment, tmp_path: Path) -> None:
    alone = assess(experiment, store=tmp_path / "alone", workers=1)
    together = assess(experiment, store=tmp_path / "together", workers=2)

    assert alone.to_json() == together.to_json()


def test_progress_hears_of_every_task(experiment: Experiment, store: Store) -> None:
    totals: list[int] = []
    done: list[Task[object]] = []

    carry_out(plan(experiment), store, workers=1, progress=Progress(totals.append, done.append))

    assert totals == [len(done)]


def test_an_interruption_loses_only_what_was_in_flight(experiment: Experiment, store: Store) -> None:
    done: list[Task[object]] = []

    def interrupt(task: Task[object]) -> None:
        done.append(task)
        if len(done) == 10:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        carry_out(plan(experiment), store, workers=1, progress=Progress(done=interrupt))

    planned = plan(experiment)
    assert len(planned.tasks) - len(planned.missing(planned.states(store))) == 10 + 1  # and the data set


@pytest.mark.parametrize("workers", [1, 2])
def test_an_absent_input_is_named_and_takes_only_its_dependents_with_it(
    experiment: Experiment, store: Store, workers: int
) -> None:
    planned = plan(experiment)
    prepare(planned, store)
    left = planned.missing(planned.states(store))
    orphaned = tuple(task for task in left if task != planned.target("dp-sgd", seed=0))  # never computed

    ended = run(orphaned, store, workers=workers, on_done=lambda _: None)

    assert ended.damaged == {planned.target("dp-sgd", seed=0).digest}
    assert not ended.failures

    still = planned.missing(planned.states(store))
    assert planned.target("dp-sgd", seed=0) in still
    rows = {cell.task.digest: (cell.row, cell.seed) for cell in planned.cells}
    assert {rows[task.digest] for task in still if task.digest in rows} == {("dp-sgd", 0)}


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Runs the command; what it says goes to a file, unless `stdout` says where else."""
    processes: list[Process] = []

    def started(experiment: Experiment, stdout: int | None = None, workers: int = 2) -> Process:
        (tmp_path / "toy.yaml").write_text(dump_experiment(experiment), encoding="utf-8")
        command = [*AMULET, "assess", "toy.yaml", "--workers", str(workers)]
        with (tmp_path / "output.txt").open("ab") as output:
            process = subprocess.Popen(
                command, cwd=tmp_path, stdout=stdout or output, stderr=output, start_new_session=True
            )
        processes.append(process)
        return process

    yield started
    for process in processes:
        with suppress(ProcessLookupError):  # where nothing is left, as there should be
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def results_in(folder: Path) -> str:
    return (folder / "runs" / "toy" / "results.json").read_text(encoding="utf-8")


def output_in(folder: Path) -> str:
    return (folder / "output.txt").read_text(encoding="utf-8")


def entries_in(store: Path) -> int:
    return sum(1 for _ in store.glob("results/*/*.json"))


def wait_for_entries(number: int, process: Process, folder: Path) -> None:
    """Until the store has so many, while the process is at work."""
    deadline = time.monotonic() + PATIENCE
    while entries_in(folder / "runs" / "store") < number:
        assert process.poll() is None or entries_in(folder / "runs" / "store") >= number, output_in(folder)
        assert time.monotonic() < deadline, output_in(folder)
        time.sleep(0.01)


def killed(experiment: Experiment, store: Path, tasks: int, rest: float, most: int) -> None:
    """Assess, and be ended by SIGKILL some seconds after so many tasks are done: in the middle of whatever that is.

    However late the signal comes, no more than `most` tasks are reported done before it.
    """
    counted = itertools.count(1)
    alarm = threading.Timer(rest, os.kill, (os.getpid(), signal.SIGKILL))

    def done(_: Task[object]) -> None:
        number = next(counted)
        if number == tasks:
            alarm.start()
        if number == most:
            threading.Event().wait()

    assess(experiment, store=store, workers=1, progress=Progress(done=done))


def test_killed_at_20_random_moments_it_ends_with_the_same_results(experiment: Experiment, tmp_path: Path) -> None:
    """Each time after a few more tasks, so that all of the work is cut up."""
    store, rng, tasks = tmp_path / "store", random.Random(0), len(plan(experiment).tasks)  # noqa: S311
    most = tasks // 20 - 1  # and one that is stored but not yet reported: 20 lives do not reach the end
    for _ in range(20):
        moment = rng.randint(1, most), rng.uniform(0.0, 0.02)
        with at_work(partial(killed, experiment, store, *moment, most)) as process:
            process.join(PATIENCE)
            assert process.exitcode == -signal.SIGKILL

    assert 20 <= entries_in(store) < tasks
    resumed = assess(experiment, store=store, workers=1).to_json()
    assert resumed == assess(experiment, store=tmp_path / "other", workers=1).to_json()


def test_the_command_killed_with_two_workers_ends_with_the_same_results(
    experiment: Experiment, start: Start, tmp_path: Path
) -> None:
    """Once in the middle of tasks that never end, and once among many short ones."""
    for killed_one, entries in ((replace(experiment, defenses=(ENDLESS,)), 2), (experiment, 40)):
        process = start(killed_one, subprocess.PIPE)
        wait_for_entries(entries, process, tmp_path)
        os.kill(process.pid, signal.SIGKILL)  # the parent alone: its workers must notice
        process.communicate(timeout=PATIENCE)  # which ends when nobody is left at the other end of the pipe
        assert process.returncode == -signal.SIGKILL

    assert start(experiment).wait(PATIENCE) == 0, output_in(tmp_path)
    assert results_in(tmp_path) == assess(experiment, store=tmp_path / "other", workers=1).to_json()


def test_control_c_is_told_plainly_and_loses_nothing_that_is_done(
    experiment: Experiment, start: Start, tmp_path: Path
) -> None:
    experiment = replace(experiment, defenses=(ENDLESS,))
    process = start(experiment)
    wait_for_entries(2, process, tmp_path)  # the data set and a first result

    os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the parent and to its workers

    assert process.wait(PATIENCE) == 130, output_in(tmp_path)
    assert "What was computed is kept" in output_in(tmp_path)
    assert "Traceback" not in output_in(tmp_path)
    planned = plan(experiment)
    left = planned.missing(planned.states(Store(tmp_path / "runs" / "store")))
    assert 0 < len(left) < len(planned.tasks) - 1


def test_two_assessments_share_one_store(experiment: Experiment, start: Start, tmp_path: Path) -> None:
    first, second = (start(experiment, workers=1) for _ in range(2))

    assert [process.wait(PATIENCE) for process in (first, second)] == [0, 0], output_in(tmp_path)
    assert results_in(tmp_path) == assess(experiment, store=tmp_path / "other", workers=1).to_json()


HOLDING = """
import ctypes

def train(model, data, seed):
    ctypes.PyDLL(None).sleep(10_000)  # which keeps Python's lock, so that no other thread runs
"""


def test_workers_end_with_a_killed_parent_even_in_c_code(
    experiment: Experiment, start: Start, tmp_path: Path, user_module: Callable[[str, str], None]
) -> None:
    user_module("holding", HOLDING)
    holding = replace(experiment, recipe=TrainingFunction("holding:train", LinearNet((4,))), defenses=(), attacks=())
    process = start(holding, subprocess.PIPE)
    wait_for_entries(1, process, tmp_path)
    time.sleep(5)  # the workers are at it, or still starting
    os.kill(process.pid, signal.SIGKILL)

    process.communicate(timeout=PATIENCE)
    assert process.returncode == -signal.SIGKILL


def test_sigterm_ends_the_command_and_its_workers(experiment: Experiment, start: Start, tmp_path: Path) -> None:
    process = start(replace(experiment, defenses=(ENDLESS,)), subprocess.PIPE)
    wait_for_entries(2, process, tmp_path)
    os.kill(process.pid, signal.SIGTERM)

    process.communicate(timeout=PATIENCE)
    assert process.returncode == 128 + signal.SIGTERM
    assert "Terminated. What was computed is kept" in output_in(tmp_path)
    assert "Traceback" not in output_in(tmp_path)


class Recording:
    """An executor of the user's own, which computes here and remembers how much was submitted at one time.

    It answers once nothing more is submitted, so that a slow machine changes nothing.
    """

    slots = 2

    def __init__(self) -> None:
        self.most = 0
        self._open: list[tuple[Future[Any], Any]] = []
        self._quiet = threading.Timer(0.2, self._answer)

    def submit(self, job: Callable[[], Any], /) -> "Future[Any]":
        """Compute it now and answer later."""
        self._quiet.cancel()
        future: Future[Any] = Future()
        self._open.append((future, job()))
        self.most = max(self.most, len(self._open))
        self._quiet = threading.Timer(0.2, self._answer)
        self._quiet.start()
        return future

    def _answer(self) -> None:
        answered, self._open = self._open, []
        for future, answer in answered:
            future.set_result(answer)


def test_only_a_few_jobs_are_in_flight(experiment: Experiment, tmp_path: Path) -> None:
    small = replace(experiment, defenses=(), attacks=(), audits=(Utility(),), seeds=12)
    executor = Recording()
    elsewhere = assess(small, store=tmp_path / "elsewhere", on=executor)

    assert executor.most == 4
    assert elsewhere.to_json() == assess(small, store=tmp_path / "here", workers=1).to_json()


def test_another_torch_refuses_to_compute(experiment: Experiment, store: Store) -> None:
    planned = plan(replace(experiment, defenses=(), attacks=(), seeds=1))
    prepare(planned, store)
    task = replace(planned.target("undefended", 0), backend=Backend(torch="1.0.0"))

    (failure,) = run((task,), store, workers=1).failures.values()
    assert "It is to be computed with torch 1.0.0. Here is torch " in failure.error
