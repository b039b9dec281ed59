"""What the machinery costs on a matrix of 100,000 tasks whose computations are replaced by results that are ready.

Run it with: make bench-engine. It takes some minutes of one core and 1 GB of disk, and writes
benchmarks/results/engine.md. Planning, store, runner, results and page are the real ones; training, attacking and
measuring alone return at once what was computed before. `--seeds 2` is a quick run that writes nothing.
"""

import argparse
import gc
import hashlib
import json
import platform
import resource
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any, Final, TypeVar
from unittest.mock import patch

import torch

from amulet.core.fitted import Fitted
from amulet.core.metric import Undefined
from amulet.core.probe import Probe
from amulet.core.split import Split
from amulet.discriminatory_behavior import Discrimination
from amulet.evasion.attacks import PGD
from amulet.evasion.defenses import AdversarialTraining
from amulet.experiments import Experiment, Row, Store
from amulet.experiments.assess import prepare
from amulet.experiments.graph.plays import Exhibit, Measure, MeasureByChance, MeasureByGroup, Play, Tabulate
from amulet.experiments.graph.runner import run
from amulet.experiments.graph.tasks import Derive, ModelTask, Task, Train
from amulet.experiments.planning.memory import game_for
from amulet.experiments.planning.plan import Plan, count_by_kind, plan
from amulet.experiments.results.collect import collect
from amulet.experiments.results.files.manifest import manifest_of
from amulet.membership_inference.attacks import LiRA, LossThreshold
from amulet.report.pages.publishing import write_results
from amulet.testing import TOY_RECIPE, toy_dataset
from amulet.unauthorized_model_ownership.attacks import ModelExtraction
from amulet.utility import Utility

RESULTS: Final = Path(__file__).parent / "results" / "engine.md"
ROWS, SEEDS = 20, 40
MB: Final = 2**20
V = TypeVar("V")

DATASET: Final = toy_dataset(1000)
AUDITS: Final = (Utility(), Discrimination("sex"))
ATTACKS: Final = (PGD(epsilon=0.05), LossThreshold(), LiRA(shadows=64), ModelExtraction())
READINGS: Final[tuple[type[Task[Any]], ...]] = (Measure, MeasureByGroup, MeasureByChance, Tabulate, Exhibit)


def experiment(seeds: int) -> Experiment:
    """Twenty defenses, four attacks, one of them with 64 shadow models a row and seed, and metrics by group."""
    return Experiment(
        name="engine",
        dataset=None,
        recipe=TOY_RECIPE,
        defenses=tuple(
            Row(f"defense {number + 1}", (AdversarialTraining(epsilon=(number + 1) / 100),)) for number in range(ROWS)
        ),
        audits=AUDITS,
        attacks=ATTACKS,
        by_group=("sex",),
        seeds=seeds,
    )


@cache
def outcome_of(probe: Probe[Any]) -> Any:
    """The outcome of a probe on a model that is really trained."""
    return probe.play(game_for(probe, TOY_RECIPE, DATASET, Split()))


class Ready:
    """Results that are ready, computed once for all tasks of a kind; also a reader of them."""

    def __init__(self) -> None:
        self._values: dict[Any, Any] = {}

    def load(self, task: Task[Any]) -> Any:
        """What a metric or exhibit reads."""
        return outcome_of(task.probe) if isinstance(task, Play) else DATASET

    def model(self, task: ModelTask, reader: Any) -> Fitted:
        """Instead of a training: reads the records and the parent, if there is one."""
        reader.load(task.source)
        if isinstance(task, Derive):
            reader.load(task.parent)
        fitted = self._once(
            task.recipe.digest, lambda: Fitted(task.build(DATASET.schema).eval(), {"train_accuracy": 0.9})
        )
        with torch.no_grad():  # no two models are alike
            next(fitted.model.parameters()).view(-1)[0] = int(task.digest[:6], 16)
        return fitted

    def outcome(self, task: Play, reader: Any) -> Any:
        """Instead of an attack or audit: reads the target."""
        if task.target is not None:
            reader.load(task.target)
        return outcome_of(task.probe)

    def reading(self, compute: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        """Instead of a metric or exhibit: reads the outcomes."""

        def read(task: Any, reader: Any) -> Any:
            plays = task.plays if isinstance(task, Exhibit) else (task.outcome,)
            for each in plays:
                reader.load(each)
            kind = (type(task), plays[-1].probe.digest, str(getattr(task, "metric", "")))
            return spread(task, self._once(kind, lambda: compute(task, self)))

        return read

    def _once(self, kind: Any, make: Callable[[], V]) -> V:
        if kind not in self._values:
            self._values[kind] = make()
        value: V = self._values[kind]
        return value


@contextmanager
def simulated() -> Iterator[None]:
    """Inside, tasks read what they need from the store, and then return at once what is computed already."""
    ready = Ready()
    for probe in (*AUDITS, *ATTACKS):
        outcome_of(probe)
    with ExitStack() as patched:
        for model in (Train, Derive):
            patched.enter_context(patch.object(model, "compute", _method(ready.model)))
        patched.enter_context(patch.object(Play, "compute", _method(ready.outcome)))
        for reading in READINGS:
            patched.enter_context(patch.object(reading, "compute", ready.reading(reading.compute)))
        yield


def _method(function: Callable[[Any, Any], V]) -> Callable[[Any, Any], V]:
    """A plain function, which as an attribute of a class is given the instance."""

    def called(task: Any, reader: Any) -> V:
        return function(task, reader)

    return called


def spread(task: Task[Any], value: Any) -> Any:
    """A value that differs from task to task by up to a tenth, so that verdicts have something to judge."""
    share = 1 - int(task.digest[:8], 16) / 16**8 / 10
    match value:
        case float():
            return value * share
        case dict():
            return {group: each if isinstance(each, Undefined) else each * share for group, each in value.items()}
    return value


def measured(work: Callable[[], V]) -> tuple[V, float]:
    """What it returns, and the CPU seconds that it takes."""
    gc.collect()
    started = process_time()
    value = work()
    return value, process_time() - started


def peak() -> int:
    """The most memory of this process so far, in MB."""
    unit = 1 if sys.platform == "darwin" else 1024
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / MB)


def planned_for(seeds: int) -> Plan:
    """The plan with everything that is asked of it before the work begins."""
    made = plan(experiment(seeds), DATASET)
    _ = made.tasks, made.cells
    return made


def by_hand(folder: Path, texts: list[bytes]) -> None:
    """The least that has to be done: the bytes of each result are hashed, written under a temporary name, renamed."""
    for number, text in enumerate(texts):
        place = folder / f"{number % 256:02x}" / f"{hashlib.sha256(text).hexdigest()}-{number}.json"
        place.parent.mkdir(parents=True, exist_ok=True)
        unfinished = place.with_suffix(".partial")
        unfinished.write_bytes(text)
        unfinished.replace(place)


def lines(seeds: int, folder: Path) -> Iterator[str]:
    """The rows of the table."""
    before = peak()
    made, seconds = measured(lambda: planned_for(seeds))
    count = len(made.tasks)
    kinds = ", ".join(f"{number:,} {kind}" for kind, number in count_by_kind(made.tasks).most_common())
    yield f"{count:,} tasks: {kinds}; {len(made.cells):,} values.\n"
    yield "| what | measured | beside | aimed at |\n|---|---|---|---|"
    yield f"| planning | {seconds:.1f} s | | 30 s |"
    yield f"| memory of the process after planning | {peak():,} MB | {before:,} MB before it | 1,000 MB |"
    store = Store(folder / "store")
    missing, seconds = measured(lambda: made.missing(prepare(made, store)))
    yield f"| asking an empty store what is missing | {seconds:.1f} s | | |"
    with simulated():
        _, seconds = measured(lambda: run(missing, store, workers=1))
    texts = [place.read_bytes() for place in (store.root / "results").glob("*/*.json")]
    _, least = measured(lambda: by_hand(folder / "by hand", texts))
    per, alone = 1000 * seconds / len(missing), 1000 * least / len(texts)
    yield f"| running, a task | {per:.2f} ms | {alone:.2f} ms to write each result's file by hand | 5 ms |"
    _, seconds = measured(lambda: made.missing(made.states(store)))
    yield f"| asking a full store what is missing | {seconds:.1f} s | | |"
    results, seconds = measured(lambda: collect(made, store))
    yield f"| collecting {len(results.values):,} values and {len(results.curves):,} curves | {seconds:.1f} s | | |"
    manifest, seconds = measured(lambda: manifest_of(made, store))
    yield f"| the manifest | {seconds:.1f} s | | |"
    text, seconds = measured(results.to_json)
    _, least = measured(lambda: json.dumps(json.loads(text), indent=1))
    size = len(text.encode()) / MB
    yield f"| results.json, {size:.0f} MB | {seconds:.1f} s | {least:.1f} s for `json.loads` and `json.dumps` | |"
    _, seconds = measured(lambda: write_results(results, manifest, folder / "out"))
    page = (folder / "out" / "report.html").stat().st_size / MB
    yield f"| all files, with a page of {page:.1f} MB | {seconds:.1f} s | | |"
    yield f"| memory of the process at the end | {peak():,} MB | | |"


def main() -> None:
    """A table, printed as it grows and kept."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seeds", type=int, default=SEEDS)
    seeds = parser.parse_args().seeds
    torch.set_num_threads(1)
    found = [
        "# The machinery on 100,000 tasks",
        "",
        f"CPU seconds of one process, torch {torch.__version__}, Python {platform.python_version()}.",
        "The computations of all tasks are replaced by results that are ready.",
        "",
    ]
    print("\n".join(found), flush=True)
    with TemporaryDirectory() as folder:
        for line in lines(seeds, Path(folder)):
            print(line, flush=True)
            found.append(line)
    if seeds == SEEDS:
        RESULTS.write_text("\n".join(found) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
