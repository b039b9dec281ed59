"""On a cluster an assessment gives the same numbers as here, and loses no more than what was being computed."""

import os
import pickle
import re
import signal
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest

from amulet.core.errors import InvalidParameter
from amulet.core.processes.remote_pools import Bundle
from amulet.core.processes.shipping import Refusal, Shipped, software
from amulet.core.processes.worker_processes import TimeLimitReached, WorkerLost, WorkersUnusable
from amulet.evasion.attacks import PGD
from amulet.evasion.defenses import AdversarialTraining
from amulet.experiments import Experiment, Progress, Row, assess, plan
from amulet.experiments.graph.executors import slurm
from amulet.experiments.graph.executors.addresses import slurm_options
from amulet.experiments.graph.executors.dask import Nothing
from amulet.experiments.graph.executors.local import executing, one_gpu_each
from amulet.experiments.graph.executors.shipper import Shipper
from amulet.experiments.graph.executors.slurm import Slurm, on_slurm
from amulet.experiments.graph.executors.slurm_queue import Queued, asked
from amulet.experiments.graph.executors.slurm_requests import Needs, SlurmOptions
from amulet.membership_inference.attacks import LossThreshold
from amulet.utility import Utility


@pytest.fixture(scope="module")
def small(experiment: Experiment) -> Experiment:
    attacks = (PGD(epsilon=0.1, steps=3), LossThreshold())
    return replace(experiment, defenses=experiment.defenses[:1], attacks=attacks, audits=(Utility(),))


@pytest.fixture(scope="module")
def here(small: Experiment, tmp_path_factory: pytest.TempPathFactory) -> str:
    """What the assessment gives on this machine."""
    return assess(small, store=tmp_path_factory.mktemp("here"), workers=1).to_json()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """A scheduler of Dask with two workers of one thread each, as processes of their own."""
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0", host="127.0.0.1"
    ) as cluster:
        yield cluster


@pytest.fixture
def submitit() -> None:
    pytest.importorskip("submitit")


def address(cluster: Any) -> str:
    return f"dask://{cluster.scheduler_address.removeprefix('tcp://')}"


def test_dask_gives_the_same_digests_and_numbers(small: Experiment, cluster: Any, here: str, tmp_path: Path) -> None:
    assert assess(small, store=tmp_path, on=address(cluster)).to_json() == here
    assert list((tmp_path / "clusters").iterdir()) == []


def test_a_killed_worker_of_dask_costs_only_what_it_was_computing(
    small: Experiment, cluster: Any, here: str, tmp_path: Path
) -> None:
    """The nanny of the worker starts another one, which joins while the assessment goes on."""
    killed: list[int] = []

    def kill(_: object) -> None:
        if not killed:
            worker = cluster.workers[0]
            killed.append(worker.process.process.pid)
            os.kill(killed[0], signal.SIGKILL)

    results = assess(small, store=tmp_path, on=address(cluster), progress=Progress(done=kill))

    assert killed
    assert results.failures == ()
    assert results.to_json() == here


def test_a_second_assessment_takes_up_what_an_interrupted_client_left(
    small: Experiment, cluster: Any, here: str, tmp_path: Path
) -> None:
    done: list[object] = []

    def interrupt(task: object) -> None:
        done.append(task)
        if len(done) == 8:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        assess(small, store=tmp_path, on=address(cluster), progress=Progress(done=interrupt))
    totals: list[int] = []
    results = assess(small, store=tmp_path, on=address(cluster), progress=Progress(start=totals.append))

    assert totals[0] <= len(plan(small).tasks) - len(done)
    assert results.to_json() == here


def test_a_worker_with_other_software_is_refused_before_any_work(
    small: Experiment, cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("amulet.experiments.graph.executors.shipper.software", lambda: {**software(), "torch": "1.0.0"})
    done: list[object] = []
    with pytest.raises(WorkersUnusable, match=r"cannot be used: it has torch .* in place of torch 1\.0\.0"):
        assess(small, store=tmp_path, on=address(cluster), progress=Progress(done=done.append))
    assert done == []


def test_a_machine_that_does_not_see_the_store_refuses(tmp_path: Path) -> None:
    shipped = Shipped(pickle.dumps(Nothing()), software(), (), tmp_path / "store" / "clusters" / "run" / "mark", "run")
    refusal = shipped.opened()()
    assert isinstance(refusal, Refusal)
    assert refusal.reason.startswith(f"it does not see the store {tmp_path / 'store'}, which must lie in a folder")
    shipped.mark.parent.mkdir(parents=True)
    shipped.mark.write_text("run", encoding="utf-8")
    assert shipped.opened()() is None


@pytest.mark.parametrize(
    ("place", "sentence"),
    [
        ("moon", 'The \'on\' of assess must be "local", "dask://host:port", "slurm" or'),
        ("dask://here", "The 'on' of assess must be"),
        ("slurm:colour=red", "with the names jobs, time, mem, partition, account, qos, constraint, cluster. Got"),
        ("slurm:time=soon", "The 'time' of --on slurm must be a whole number above 0. Got 'soon'."),
        ("slurm:cluster=moon", "The 'cluster' of --on slurm must be"),
    ],
)
def test_a_place_that_there_is_not_is_told(small: Experiment, tmp_path: Path, place: str, sentence: str) -> None:
    with pytest.raises(InvalidParameter, match=re.escape(sentence)):
        assess(small, store=tmp_path, on=place)


def test_what_a_cluster_cannot_do_is_told(small: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(InvalidParameter, match="The 'workers' of assess must be left out where"):
        assess(small, store=tmp_path, on="slurm", workers=2)
    with pytest.raises(InvalidParameter, match="The 'store' of assess must be a folder"):
        assess(small, store="s3://bucket/store")
    for place in ("store\0", "s" * 20_000):
        with pytest.raises(InvalidParameter, match="The 'store' of assess must be a path that a folder can have"):
            assess(small, store=place)
    for place, extra in (("dask://127.0.0.1:1", "dask"), ("slurm", "slurm")):
        monkeypatch.setitem(sys.modules, {"dask": "distributed", "slurm": "submitit"}[extra], None)
        with pytest.raises(WorkersUnusable, match=rf'pip install "amulet\[{extra}\]"'):
            assess(small, store=tmp_path, on=place)


def test_a_scheduler_that_does_not_answer_is_told(
    small: Experiment, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("amulet.experiments.graph.executors.dask.CONNECTING", 0.2)
    with pytest.raises(WorkersUnusable, match=r"There is no scheduler of Dask at 127\.0\.0\.1:1\."):
        assess(small, store=tmp_path, on="dask://127.0.0.1:1")


@pytest.mark.usefixtures("submitit")
def test_submitit_gives_the_same_digests_and_numbers(small: Experiment, here: str, tmp_path: Path) -> None:
    """With processes of this machine in place of Slurm."""
    assert assess(small, store=tmp_path, on="slurm:cluster=local,jobs=2").to_json() == here
    assert list((tmp_path / "clusters").iterdir()) == []


@dataclass(frozen=True)
class Endless:
    """A job that ends only when it is started for the second time."""

    mark: Path

    def __call__(self) -> str:
        if self.mark.exists():
            return "resumed"
        self.mark.touch()
        time.sleep(1000)
        return "never"


@dataclass(frozen=True)
class Deadly:
    """A job whose process dies."""

    def __call__(self) -> None:
        os.kill(os.getpid(), signal.SIGKILL)


def wait_for(mark: Path) -> None:
    deadline = time.monotonic() + 300
    while not mark.exists():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def running(executor: Slurm) -> list[Any]:
    """The processes of this machine that stand for jobs of Slurm, and theirs."""
    psutil = pytest.importorskip("psutil")
    controllers = [psutil.Process(each.job._process.pid) for each in executor._submitted]
    return [process for each in controllers for process in (each, *each.children(recursive=True))]


LOCAL = SlurmOptions(jobs=2, cluster="local")


@pytest.mark.usefixtures("submitit")
def test_a_preempted_job_of_slurm_is_started_again(tmp_path: Path) -> None:
    with on_slurm(LOCAL, Needs(), tmp_path) as executor:
        assert isinstance(executor, Slurm)
        future = executor.submit(Endless(tmp_path / "mark"))
        wait_for(tmp_path / "mark")
        _, task, *_ = running(executor)
        task.send_signal(signal.SIGUSR2)  # as Slurm does when it needs the machine, or the time is over
        assert future.result(300) == "resumed"


@pytest.mark.usefixtures("submitit")
def test_jobs_of_slurm_are_cancelled_with_the_assessment(tmp_path: Path) -> None:
    with on_slurm(LOCAL, Needs(), tmp_path) as executor:
        assert isinstance(executor, Slurm)
        executor.submit(Endless(tmp_path / "mark"))
        wait_for(tmp_path / "mark")
        processes = running(executor)
    assert len(processes) >= 3
    assert not pytest.importorskip("psutil").wait_procs(processes, timeout=60)[1]


def test_in_a_bundle_only_the_job_whose_process_dies_is_lost() -> None:
    lost, result = Bundle((pickle.dumps(Deadly()), pickle.dumps(Nothing())))()
    assert isinstance(lost, WorkerLost)
    assert str(lost) == "the process that computed it ended by SIGKILL"
    assert result is None


@dataclass(frozen=True)
class Signalled:
    """A job whose process gets the signals that Slurm sends to all processes of a job which has to make room."""

    def __call__(self) -> str:
        """Go on all the same."""
        for number in (signal.SIGTERM, signal.SIGUSR2):
            os.kill(os.getpid(), number)
        return "done"


def test_a_job_of_slurm_that_has_to_make_room_loses_no_task_before_it_is_stopped() -> None:
    assert Bundle((pickle.dumps(Signalled()),))() == ["done"]


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("echo '7_0|RUNNING|None'", {"7_0": Queued("RUNNING", "None"), "7_1": Queued("no longer in the queue")}),
        ("echo 'slurm_load_jobs error: Invalid job id specified' >&2; exit 1",
         dict.fromkeys(("7_0", "7_1"), Queued("no longer in the queue"))),
        ("echo 'Unable to contact slurm controller' >&2; exit 1", {}),
    ],
)  # fmt: skip
def test_the_queue_of_slurm_is_asked_once_for_all_jobs(
    body: str, found: dict[str, Queued], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By a command in its place; that the real one answers so was seen with Slurm 22.05."""
    command = tmp_path / "squeue"
    command.write_text(f"#!/bin/sh\n{body}\n", encoding="utf-8")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    answer = asked(["7_0", "7_1"])
    assert answer == found
    assert [queued.has_ended for queued in answer.values()] == [queued.state != "RUNNING" for queued in found.values()]


def test_a_job_beyond_the_time_limit_is_stopped(tmp_path: Path) -> None:
    stopped, result = Bundle((pickle.dumps(Endless(tmp_path / "mark")), pickle.dumps(Nothing())), time_limit=0.5)()
    assert isinstance(stopped, TimeLimitReached)
    assert str(stopped) == "it was stopped after 0.5 seconds, the time limit"
    assert result is None


def test_a_task_beyond_the_time_limit_is_a_failed_cell(small: Experiment, tmp_path: Path) -> None:
    endless = replace(small, defenses=(Row("endless", (AdversarialTraining(epsilon=0.1, steps=10**9),)),), seeds=1)
    results = assess(endless, store=tmp_path, workers=1, time_limit=10)

    reason = "failed: it was stopped after 10 seconds, the time limit"
    assert {value.reason for value in results.values if value.row == "endless"} == {reason}
    assert all(value.reason != reason for value in results.values if value.row != "endless")


class Recorded:
    """In place of an executor of submitit: remembers what is asked of Slurm, and loses a job in its first try."""

    asked: ClassVar[list[tuple[int, dict[str, Any]]]] = []

    def __init__(self, folder: Path, cluster: str) -> None:
        del folder, cluster
        self._parameters: dict[str, Any] = {}

    def update_parameters(self, **parameters: Any) -> None:
        """Remember them."""
        self._parameters = parameters

    def submit_array(self, bundles: list[Bundle]) -> list["RecordedJob"]:
        """Jobs that are finished."""
        self.asked.append((len(bundles), self._parameters))
        return [RecordedJob(bundle, lost=len(self.asked) == 1) for bundle in bundles]


@dataclass(frozen=True)
class RecordedJob:
    """In place of a job of submitit."""

    bundle: Bundle
    lost: bool
    job_id: str = "7"

    def done(self) -> bool:
        """Whether it has ended."""
        return True

    def result(self) -> list[str]:
        """Of each job of the bundle."""
        if self.lost:
            raise RuntimeError("no result")
        return ["done" for _ in self.bundle.payloads]


@dataclass(frozen=True)
class Timed:
    """A job of the runner, of a task that is said to take so long."""

    task: float
    digest: str

    def __call__(self) -> None:
        """Do nothing."""


def test_slurm_is_asked_for_arrays_with_the_time_and_memory_that_tasks_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Short tasks share a job; what is lost asks for twice as much, and alone."""
    submitit = pytest.importorskip("submitit")
    monkeypatch.setattr(submitit, "AutoExecutor", Recorded)
    monkeypatch.setattr(Recorded, "asked", [])
    needs = Needs(seconds=float, gigabytes=lambda: 3.2)
    options = replace(slurm_options("partition=gpu,jobs=4"), cluster="local")
    with on_slurm(options, needs, tmp_path) as executor:
        jobs = [Timed(seconds, str(seconds)) for seconds in (100, 101, 500)]
        futures = [executor.submit(job) for job in jobs]
        for future in futures:
            error = future.exception(60)
            assert isinstance(error, WorkerLost)
            assert str(error) == "its job of Slurm 7 has left no result (RuntimeError)"
        again = [executor.submit(job) for job in jobs]
        assert [future.result(60) for future in again] == ["done"] * 3

    (first, parameters), (second, doubled) = Recorded.asked
    assert (first, second) == (2, 3)
    assert parameters["slurm_partition"] == "gpu"
    assert (parameters["timeout_min"], parameters["mem_gb"]) == ((500 * 3 + 300) // 60, 4.0)
    assert (doubled["timeout_min"], doubled["mem_gb"]) == (2 * (500 * 3 + 300) // 60, 8.0)


@dataclass
class LostJob:
    """In place of a job of submitit that has left no result."""

    paths: Any
    job_id: str = "7_0"


class Losing(Recorded):
    """In place of an executor of submitit: all its jobs are lost, and larger ones are refused."""

    folder: Path

    def submit_array(self, bundles: list[Bundle]) -> list[Any]:
        """Jobs without a result."""
        if self._parameters["mem_gb"] > 4:
            raise RuntimeError("sbatch: error: Memory specification can not be satisfied")
        return [LostJob(SimpleNamespace(result_pickle=self.folder / "result.pkl")) for _ in bundles]


def test_a_lost_job_of_slurm_is_noticed_by_its_queue_and_a_refused_retry_costs_its_task_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    submitit = pytest.importorskip("submitit")
    monkeypatch.setattr(submitit, "AutoExecutor", Losing)
    monkeypatch.setattr(Losing, "folder", tmp_path, raising=False)
    seen = iter([Queued("PENDING", "PartitionTimeLimit"), Queued("PENDING", "Priority"), Queued("CANCELLED")])
    monkeypatch.setattr(slurm, "asked", lambda jobs: dict.fromkeys(jobs, next(seen, Queued("CANCELLED"))))
    monkeypatch.setattr(slurm, "LOOKING", 0.1)
    executor = Slurm(SlurmOptions(mem=4), Needs(), Shipper("run", tmp_path))
    executor._poll = 0.05
    try:
        job = Timed(1.0, "task")
        lost = executor.submit(job).exception(60)
        refused = executor.submit(job).exception(60)
    finally:
        executor.stop()
    assert str(lost) == "its job of Slurm 7_0 has left no result (CANCELLED)"
    assert str(refused) == (
        "Slurm has not accepted a job for it with 2 times the time and memory: "
        "sbatch: error: Memory specification can not be satisfied"
    )
    assert caplog.messages == ["Job 7_0 of Slurm waits, for this reason: PartitionTimeLimit."]


def test_each_worker_of_a_machine_with_gpus_sees_one_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    assert one_gpu_each("cpu", 0) == one_gpu_each("cuda:1", 2) == one_gpu_each("cuda", 1) == ({},)
    assert one_gpu_each("cuda", 2) == ({"CUDA_VISIBLE_DEVICES": "0"}, {"CUDA_VISIBLE_DEVICES": "1"})
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    with executing(2, one_gpu_each("cuda", 2)) as executor:
        futures = [executor.submit(Sees(0.5)) for _ in range(4)]
        assert {future.result(60) for future in futures} == {"3", "5"}


@dataclass(frozen=True)
class Sees:
    """A job that tells which GPU its process sees, after so many seconds."""

    seconds: float

    def __call__(self) -> str:
        time.sleep(self.seconds)
        return os.environ["CUDA_VISIBLE_DEVICES"]
