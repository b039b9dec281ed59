"""Kill an assessment at random moments, go on each time, and compare the end with an assessment that nobody killed.

Run it with: make kills, or python benchmarks/kills.py --count 200. It runs on Linux. A small assessment with two
workers is begun, and one of three things happens after a random number of tasks and a random wait: SIGKILL to all its
processes, to the parent alone, or to one worker. Then it is begun again with the same store, until it is complete; a
complete one is compared, and the next begins with an empty store. After every kill these must hold:

- the processes are gone;
- every result in the store is whole, and every result that was there or was reported as done is there still;
- the folder of results is that of the assessment, or not there.

In the end no task was computed twice but those that were being computed when a process was killed, the store has the
same digests with the same values and tensors as that of an assessment which nobody killed, and `results.json` is the
same to the byte.

Worker processes are forked here, so that a kill costs half a second; with `--spawn` they are started as for users,
which takes some seconds each.
"""

import argparse
import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import torch

from amulet.core.split import Split
from amulet.datasets import ImportedDataset
from amulet.evasion.attacks import PGD
from amulet.evasion.defenses import AdversarialTraining
from amulet.experiments import Experiment, Plan, Progress, Row, Store, dump_experiment, plan
from amulet.experiments.assess import carry_out
from amulet.experiments.graph.entries import read_body
from amulet.experiments.graph.tasks import Task
from amulet.experiments.maintenance import verify_store
from amulet.experiments.maintenance.files import Kind, files_of
from amulet.experiments.results.files.manifest import manifest_of
from amulet.membership_inference.attacks import LiRA, LossThreshold
from amulet.models import LinearNet
from amulet.report.pages.publishing import write_results
from amulet.training import Recipe
from amulet.utility import Utility

WORKERS = 2
PATIENCE = 120.0
"""Seconds within which processes must have ended, or an assessment must have begun a task."""


class Victim(StrEnum):
    """Who is killed."""

    ALL = "all processes"
    PARENT = "the parent alone"
    WORKER = "one worker"


@dataclass
class Counts:
    """What happened.

    Attributes:
        kills: by who was killed.
        lives: how often the assessment was begun.
        completed: how often it was complete, and compared.
        computed: results that were reported as done, in all lives.
        twice: those of them that an earlier life had reported as done already.
        unfinished: temporary files that were left, none of which anybody reads.
        damaged: results that were damaged after a kill.
        lost: results that were there before a kill, or reported as done, and were not there after it.
        ended: lives that ended with an error, since a worker was killed before it could begin.
    """

    kills: Counter[Victim] = field(default_factory=Counter)
    lives: int = 0
    completed: int = 0
    computed: int = 0
    twice: int = 0
    unfinished: int = 0
    damaged: int = 0
    lost: int = 0
    ended: int = 0

    def __str__(self) -> str:
        """One line for each, with its number."""
        kills = ", ".join(f"{number} {victim}" for victim, number in sorted(self.kills.items()))
        return "\n".join(
            [
                f"kills: {self.kills.total()} ({kills})",
                f"assessments begun: {self.lives}; ended with an error, as a worker was killed early: {self.ended}",
                f"assessments complete and compared: {self.completed}",
                f"results computed: {self.computed}, twice: {self.twice}, damaged: {self.damaged}, lost: {self.lost}",
                f"temporary files left: {self.unfinished}",
            ]
        )


def _require(holds: bool, otherwise: str) -> None:
    if not holds:
        raise AssertionError(otherwise)


def small_experiment() -> Experiment:
    """About 150 tasks of some milliseconds each."""
    return Experiment(
        name="killed",
        dataset=ImportedDataset("amulet.testing:toy_dataset"),
        recipe=Recipe(LinearNet((8,), norm="group"), epochs=2, batch_size=32),
        defenses=(Row("adversarial training", (AdversarialTraining(epsilon=0.1, steps=2),)),),
        attacks=(PGD(epsilon=0.1, steps=3), LossThreshold(), LiRA(shadows=4)),
        audits=(Utility(),),
        seeds=3,
        split=Split(validation=0.0),
    )


class Life:
    """One assessment in processes of its own, as the command carries it out, and what it reports as done."""

    def __init__(self, planned: Plan, folder: Path, *, spawn: bool) -> None:
        self._reading, writing = os.pipe()
        self.reported: list[str] = []
        self._left = b""
        self.process = os.fork()
        if self.process == 0:
            _live(planned, folder, writing, spawn=spawn)
        os.close(writing)
        os.set_blocking(self._reading, False)

    def read(self) -> list[str]:
        """The digests of all tasks that were reported as done so far."""
        with suppress(BlockingIOError):
            while block := os.read(self._reading, 2**16):
                self._left += block
        *lines, self._left = self._left.split(b"\n")
        self.reported += [line.decode() for line in lines]
        return self.reported

    def has_ended(self) -> bool:
        """Whether the process has ended, or is about to."""
        return os.waitid(os.P_PID, self.process, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None

    def wait(self) -> int:
        """Wait until the process has ended; its exit code, or minus the number of the signal that ended it."""
        _, status = os.waitpid(self.process, 0)
        code = os.waitstatus_to_exitcode(status)
        deadline = time.monotonic() + PATIENCE
        while others := [*_members(self.process)]:
            _require(time.monotonic() < deadline, f"still there: {others}")
            time.sleep(0.005)
        self.read()
        os.close(self._reading)
        return code


def _live(planned: Plan, folder: Path, report: int, *, spawn: bool) -> None:
    """Carry out the assessment in this process, which was forked for it, and end."""
    code = 1
    try:
        os.setsid()
        warnings.simplefilter("ignore")
        quiet = os.open(folder / "output.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        if not spawn:
            fork = multiprocessing.get_context("fork")
            multiprocessing.get_context = lambda _=None: fork  # type: ignore[assignment]
        done = Progress(done=lambda task: _report(task, report))
        store = Store(folder / "store")
        planned, results = carry_out(planned, store, WORKERS, done)
        manifest = manifest_of(planned, store)
        write_results(results, manifest, folder / "results", dump_experiment(planned.experiment))
        code = 0
    except BaseException as error:  # noqa: BLE001 - whatever it is, the parent learns of it
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
    finally:
        os._exit(code)


def _report(task: Task[Any], report: int) -> None:
    os.write(report, f"{task.digest}\n".encode())


def _members(session: int) -> Iterator[int]:
    """The processes of a session that have not ended, but for its leader."""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and int(folder.name) != session:
            with suppress(OSError, IndexError, ValueError):
                state, _, _, its_session = (folder / "stat").read_text().rpartition(")")[2].split()[:4]
                if int(its_session) == session and state not in {"Z", "X"}:
                    yield int(folder.name)


def contents_of(store: Store) -> dict[str, tuple[Any, Any]]:
    """The value and the checksum of the tensors of every result, by digest."""
    bodies = [read_body(file.place.read_bytes(), file.name) for file in files_of(store, Kind.RESULT)]
    return {body.task: body.content for body in bodies}


def digests_in(store: Store) -> set[str]:
    """The digests of all results, read or not."""
    return {file.name for file in files_of(store, Kind.RESULT)} if store.root.exists() else set()


def killed_and_resumed(folder: Path, count: int, seed: int = 0, *, spawn: bool = False) -> Counts:
    """Kill an assessment so many times and check what is left; see the text at the top of this file.

    Raises:
        AssertionError: something is damaged, lost, computed twice, or another number than it was.
    """
    rng, counts = random.Random(seed), Counts()  # noqa: S311
    planned = plan(small_experiment())
    expected_store = Store(folder / "expected")
    expected = carry_out(planned, expected_store, workers=1)[1].to_json()
    values = contents_of(expected_store)
    while counts.kills.total() < count:
        place = folder / str(counts.completed)
        place.mkdir()
        _one_assessment(planned, place, count, rng, counts, spawn=spawn)
        _require(contents_of(Store(place / "store")) == values, "the store has other digests, values or tensors")
        written = (place / "results" / "results.json").read_text(encoding="utf-8")
        _require(written == expected, "results.json is another one")
        counts.completed += 1
    return counts


def _one_assessment(
    planned: Plan, folder: Path, count: int, rng: random.Random, counts: Counts, *, spawn: bool
) -> None:
    """Begin an assessment again and again until it is complete, and kill it while kills are left."""
    store = Store(folder / "store")
    seen: set[str] = set()
    while True:
        before, life = digests_in(store), Life(planned, folder, spawn=spawn)
        counts.lives += 1
        killed_workers = 0
        while counts.kills.total() < count:
            victim = rng.choice([*Victim])
            if not _wait_for_moment(life, rng):
                break
            number = _kill(life, victim, rng)
            counts.kills[victim] += number
            killed_workers += number if victim is Victim.WORKER else 0
            if victim is not Victim.WORKER:
                break
        code = life.wait()
        reported = life.reported
        _require(
            code in {0, -signal.SIGKILL} or killed_workers > 0, (folder / "output.txt").read_text(encoding="utf-8")
        )
        counts.ended += code not in {0, -signal.SIGKILL}
        _check(store, before | set(reported), counts)
        counts.computed += len(reported)
        counts.twice += len(seen & set(reported))
        seen |= set(reported)
        _require(counts.twice == 0, "a result that was done was computed again")
        results = folder / "results" / "results.json"
        _require(not results.exists() or results.read_text(encoding="utf-8").endswith("}"), "results.json is cut off")
        if code == 0:
            return


def _wait_for_moment(life: Life, rng: random.Random) -> bool:
    """Wait for a few more tasks, or for the end of all, and then a little; False if the assessment has ended."""
    tasks = len(life.read()) + rng.choice((0, 0, 1, 2, 4, 8, 16))
    deadline = time.monotonic() + PATIENCE
    while len(life.read()) < tasks and not life.has_ended():
        _require(time.monotonic() < deadline, "no task is done")
        time.sleep(0.001)
    time.sleep(rng.uniform(0.0, 0.3 if tasks == 0 else 0.05))
    return not life.has_ended()


def _kill(life: Life, victim: Victim, rng: random.Random) -> int:
    """Kill processes of an assessment. Returns 0 if there is no worker to kill, else 1."""
    workers = [*_members(life.process)]
    with suppress(ProcessLookupError):
        match victim:
            case Victim.ALL:
                os.killpg(life.process, signal.SIGKILL)
            case Victim.PARENT:
                os.kill(life.process, signal.SIGKILL)
            case Victim.WORKER if workers:
                os.kill(rng.choice(workers), signal.SIGKILL)
            case _:
                return 0
    return 1


def _check(store: Store, there: set[str], counts: Counts) -> None:
    """What is left of an assessment that was killed is whole, and nothing that was there is gone."""
    if not store.root.exists():
        _require(not there, "the store is gone")
        return
    found = verify_store(store)
    counts.damaged += len(found.damaged)
    counts.unfinished = max(counts.unfinished, len(found.unfinished))
    counts.lost += len(there - digests_in(store))
    _require(found.is_sound, "\n".join(map(str, found.damaged)))
    _require(counts.lost == 0, "a result is gone")


def main(given: Mapping[str, Any]) -> None:
    """Kill as often as asked for and print the counts."""
    torch.set_num_threads(1)
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=given["folder"]) as folder:
        counts = killed_and_resumed(Path(folder), given["count"], given["seed"], spawn=given["spawn"])
    print(counts)
    print(f"seconds: {time.monotonic() - started:.0f}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else None)
    parser.add_argument("--count", type=int, default=200, help="the number of kills")
    parser.add_argument("--seed", type=int, default=0, help="decides who is killed and when")
    parser.add_argument("--folder", help="where to work, such as a folder on another file system")
    parser.add_argument("--spawn", action="store_true", help="start workers as for users, which takes longer")
    main(vars(parser.parse_args()))
