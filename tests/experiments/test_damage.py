"""Whatever lies in the store in place of a result: it is read as it was written, or set aside and computed again."""

import json
import math
import os
import random
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest

from amulet.core.errors import AmuletError
from amulet.core.split import Split
from amulet.datasets import ImportedDataset
from amulet.evasion.attacks import PGD
from amulet.experiments import BASELINE, Experiment, Plan, Store, plan
from amulet.experiments.assess import carry_out, inspected, verified
from amulet.experiments.graph.entries import _checksum
from amulet.experiments.graph.failures import RunFailed
from amulet.experiments.graph.plays import Exhibit, Measure, Play
from amulet.experiments.graph.store import State
from amulet.experiments.graph.tasks import Source, Task, Train
from amulet.models import LinearNet
from amulet.training import Recipe
from amulet.utility import Utility


@dataclass(frozen=True)
class Finished:
    """A small assessment, its store and its results."""

    planned: Plan
    store: Store
    results: str


@pytest.fixture(scope="module")
def computed(tmp_path_factory: pytest.TempPathFactory) -> Finished:
    experiment = Experiment(
        name="small",
        dataset=ImportedDataset("amulet.testing:toy_dataset"),
        recipe=Recipe(LinearNet((8,)), epochs=1, batch_size=64),
        defenses=(),
        attacks=(PGD(epsilon=0.1, steps=1),),
        audits=(Utility(),),
        seeds=1,
        split=Split(validation=0.0),
    )
    planned, store = plan(experiment), Store(tmp_path_factory.mktemp("computed"))
    return Finished(planned, store, carry_out(planned, store, workers=1)[1].to_json())


@pytest.fixture
def finished(computed: Finished, tmp_path: Path) -> Finished:
    """A copy that a test may harm."""
    shutil.copytree(computed.store.root, tmp_path / "store")
    return replace(computed, store=Store(tmp_path / "store"))


def files(store: Store, kind: str) -> list[Path]:
    return sorted((store.root / kind).glob("*/*"))


def entry_of(store: Store, task: Task[Any]) -> Path:
    return store.root / "results" / task.digest[:2] / f"{task.digest}.json"


def test_damage_is_met_when_an_entry_is_read_and_mended_within_the_run(
    finished: Finished, caplog: pytest.LogCaptureFixture
) -> None:
    """Nobody looks at the models until an attack on them has to be played again."""
    before = finished.results
    for file in files(finished.store, "tensors"):
        file.write_bytes(file.read_bytes()[:-7])
    assert set(finished.planned.states(finished.store).values()) == {State.PRESENT}
    for task in finished.planned.tasks:
        if isinstance(task, Play | Measure):
            entry_of(finished.store, task).unlink()

    after = carry_out(finished.planned, finished.store, workers=1)[1].to_json()

    assert "is not what was written. Source " in caplog.text
    assert "is not what was written. Train " in caplog.text
    assert after == before


def test_what_a_full_reading_sets_aside_counts_as_damaged(finished: Finished) -> None:
    for place in (finished.store.root / "tensors").rglob("*.safetensors"):
        place.write_bytes(place.read_bytes()[:-1])
    planned, states = inspected(finished.planned, finished.store, every_byte=True)
    damaged = [task for task in planned.tasks if states[task.digest] is State.DAMAGED]
    assert any(isinstance(task, Train) for task in damaged)
    assert {task.digest for task in damaged} <= {task.digest for task in planned.missing(states)}


def test_an_entry_that_cannot_be_mended_ends_the_run(finished: Finished) -> None:
    """Here nothing that is written can be read back."""
    for task in finished.planned.tasks:
        if isinstance(task, Measure):
            entry_of(finished.store, task).unlink()
            break
    with (
        patch.object(Measure, "decode", side_effect=ValueError("no")),
        pytest.raises(RunFailed, match=r"Results that were just computed cannot be read back: [0-9a-f]{12}"),
    ):
        carry_out(finished.planned, finished.store, workers=1)


def forged(content: bytes, change: Callable[[dict[str, Any]], None]) -> bytes:
    """An entry that was changed by somebody who knows how to make its checksum."""
    body = json.loads(content)
    body.pop("checksum")
    change(body)
    return json.dumps({**body, "checksum": _checksum(body)}).encode()


FORGERIES: dict[str, Callable[[dict[str, Any]], Any]] = {
    "an older format": lambda body: body.update(format=0),
    "format as text": lambda body: body.update(format="1"),
    "no format": lambda body: body.pop("format"),
    "no task": lambda body: body.pop("task"),
    "no value": lambda body: body.pop("value"),
    "no manifest": lambda body: body.pop("made"),
    "no tensors": lambda body: body.pop("tensors"),
    "one more": lambda body: body.update(more=1),
    "tensors elsewhere": lambda body: body.update(tensors="../../../../etc/passwd"),
    "tensors of the wrong type": lambda body: body.update(tensors=["a"]),
    "seconds as text": lambda body: body["made"].update(seconds="1"),
    "negative seconds": lambda body: body["made"].update(seconds=-1.0),
    "endless seconds": lambda body: body["made"].update(seconds=math.inf),
    "manifest as a list": lambda body: body.update(made=[]),
    "spec as text": lambda body: body.update(spec="x"),
    "value as a list": lambda body: body.update(value=[1, 2]),
    "value as text": lambda body: body.update(value="x"),
}


@pytest.mark.parametrize("kind", [Measure, Train, Exhibit])
def test_an_entry_of_another_form_is_set_aside_and_computed_again(
    finished: Finished, kind: type[Task[Any]], caplog: pytest.LogCaptureFixture
) -> None:
    before = finished.results
    task = (
        finished.planned.target(BASELINE, seed=0)
        if kind is Train
        else next(t for t in finished.planned.tasks if isinstance(t, kind))
    )
    place, told = entry_of(finished.store, task), f"{kind.__name__} {task.digest[:12]} is damaged and will be computed"
    for forgery, change in FORGERIES.items():
        caplog.clear()
        place.write_bytes(forged(place.read_bytes(), change))

        assert carry_out(finished.planned, finished.store, workers=1)[1].to_json() == before, forgery
        assert told in caplog.text, forgery


@pytest.mark.parametrize("kind", [Source, Train, Measure])
def test_a_result_of_a_newer_version_is_left_in_place_and_told_in_one_sentence(
    finished: Finished, kind: type[Task[Any]]
) -> None:
    """It is sound for the version that wrote it: neither moved aside nor replaced."""
    task = next(each for each in finished.planned.tasks if isinstance(each, kind))
    place = entry_of(finished.store, task)
    place.write_bytes(forged(place.read_bytes(), lambda body: body.update(format=2, unknown=[1])))
    newer = place.read_bytes()
    for each in finished.planned.tasks:
        if isinstance(each, Play | Measure) and each != task:
            entry_of(finished.store, each).unlink()

    told = rf"{task.digest}\.json was written by a newer Amulet \(format 2\); update Amulet or use another store\."
    with pytest.raises(AmuletError, match=told) as caught:
        carry_out(finished.planned, finished.store, workers=1)

    assert len(str(caught.value).splitlines()) == 1
    assert place.read_bytes() == newer
    assert not (finished.store.root / "damaged").exists()


def test_a_damaged_format_is_no_newer_one(finished: Finished) -> None:
    task = finished.planned.cells[0].task
    place = entry_of(finished.store, task)
    place.write_bytes(place.read_bytes().replace(b'"format": 1', b'"format": 3'))
    assert finished.store.verify(task) is State.DAMAGED


def _in_place_of_the_folder(place: Path) -> None:
    shutil.rmtree(place.parent)
    place.parent.write_text("x", encoding="utf-8")


OBSTACLES: dict[str, Callable[[Path], Any]] = {
    "a folder": lambda place: place.mkdir(),
    "a folder with something in it": lambda place: (place / "x").mkdir(parents=True),
    "a link to nothing": lambda place: place.symlink_to("nowhere"),
    "a link to itself": lambda place: place.symlink_to(place),
    "a pipe": os.mkfifo,
    "nothing but brackets": lambda place: place.write_bytes(b"[" * 200_000),
    "nested objects": lambda place: place.write_bytes(b'{"a":' * 200_000 + b"1" + b"}" * 200_000),
    "a number without end": lambda place: place.write_bytes(b"1" * 10_000),
    "bytes": lambda place: place.write_bytes(bytes(range(256))),
    "a list": lambda place: place.write_bytes(b"[]"),
    "a file in place of its folder": _in_place_of_the_folder,
}


def test_whatever_lies_in_the_place_of_an_entry_makes_way(finished: Finished) -> None:
    place = entry_of(finished.store, next(task for task in finished.planned.tasks if isinstance(task, Measure)))
    for obstacle, put in OBSTACLES.items():
        place.unlink()
        put(place)

        assert carry_out(finished.planned, finished.store, workers=1)[1].to_json() == finished.results, obstacle
        assert set(verified(finished.planned, finished.store).values()) == {State.PRESENT}, obstacle


@pytest.mark.parametrize("obstacle", ["a folder with something in it", "a link to nothing", "bytes"])
def test_whatever_lies_in_the_place_of_tensors_makes_way(finished: Finished, obstacle: str) -> None:
    for place in files(finished.store, "tensors"):
        place.unlink()
        OBSTACLES[obstacle](place)

    verified(finished.planned, finished.store)
    assert carry_out(finished.planned, finished.store, workers=1)[1].to_json() == finished.results
    states = verified(finished.planned, finished.store)
    assert finished.planned.missing(states) == ()
    assert State.DAMAGED not in states.values()


def test_a_thousand_mutations_of_entries_change_no_result(finished: Finished) -> None:
    """Bytes are lost, doubled, changed and exchanged; each entry is either read as it was or refused as damaged."""
    rng = random.Random(0)  # noqa: S311
    tasks = [task for task in finished.planned.tasks if not isinstance(task, Source)]
    for _ in range(1_000):
        task = rng.choice(tasks)
        place = entry_of(finished.store, task)
        content = place.read_bytes()
        start, stop = sorted(rng.choices(range(len(content) + 1), k=2))
        part = content[start : min(stop, start + rng.choice((1, 2, 50)))]
        new = rng.choice((b"", part + part, bytes(reversed(part)), rng.randbytes(len(part)), b'"', b"0", b"null"))
        place.write_bytes(content[:start] + new + content[start + len(part) :])
        same = place.read_bytes() == content or json.loads(content) == _parsed(place)

        assert finished.store.verify(task) is (State.PRESENT if same else State.DAMAGED)
        place.write_bytes(content)


def _parsed(place: Path) -> Any:
    try:
        return json.loads(place.read_bytes())
    except (ValueError, RecursionError):
        return None
