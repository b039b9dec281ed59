"""On a cluster an assessment gives the same numbers as here, and loses no more than what was being computed."""

import os
import pickle
import re
import signal
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from amulet.core.errors import InvalidParameter
from amulet.core.shipping import Refusal, Shipped, software
from amulet.core.worker_processes import WorkersUnusable
from amulet.evasion.attacks import PGD
from amulet.experiments import Experiment, Progress, assess, plan
from amulet.experiments.graph.executors.dask import Nothing
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
        n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None, host="127.0.0.1"
    ) as cluster:
        yield cluster


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
    refusal = shipped()
    assert isinstance(refusal, Refusal)
    assert refusal.reason.startswith(f"it does not see the store {tmp_path / 'store'}, which must lie in a folder")
    shipped.mark.parent.mkdir(parents=True)
    shipped.mark.write_text("run", encoding="utf-8")
    assert shipped() is None


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
