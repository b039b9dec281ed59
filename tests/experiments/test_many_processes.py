"""Eight processes on one store at a time: all end with the same results, and nothing is damaged or lost."""

import os
import random
import shutil
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from amulet.core.split import Split
from amulet.datasets import ImportedDataset
from amulet.evasion.attacks import PGD
from amulet.experiments import Experiment, Plan, Store, plan
from amulet.experiments.assess import carry_out
from amulet.experiments.graph.entries import read_body
from amulet.experiments.maintenance import delete, export_results, import_results, unneeded, verify_store
from amulet.experiments.maintenance.files import Kind, files_of
from amulet.membership_inference.attacks import LiRA
from amulet.models import LinearNet
from amulet.training import Recipe
from amulet.utility import Utility
from clean_processes import together

PROCESSES = 8


def several() -> Experiment:
    return Experiment(
        name="several",
        dataset=ImportedDataset("amulet.testing:toy_dataset"),
        recipe=Recipe(LinearNet((8,)), epochs=1, batch_size=64),
        defenses=(),
        attacks=(PGD(epsilon=0.1, steps=1), LiRA(shadows=4)),
        audits=(Utility(),),
        seeds=2,
        split=Split(validation=0.0),
    )


def assess_into(planned: Plan, store: Store, place: Path) -> None:
    place.write_text(carry_out(planned, store, workers=1)[1].to_json(), encoding="utf-8")


def again(work: Callable[[int], object]) -> None:
    """For a second."""
    end = time.monotonic() + 1.0
    number = 0
    while time.monotonic() < end:
        work(number := number + 1)


def verify(store: Store, _: int) -> None:
    found = verify_store(store, set_aside=True)
    assert found.is_sound, found.damaged


def clear(store: Store, _: int) -> None:
    assert delete(store, unneeded(store, older_than=0.0)) == 0  # all of it is new


def export(store: Store, folder: Path, number: int) -> None:
    place = folder / f"{os.getpid()}-{number}.tar"
    export_results(store, place)
    import_results(Store(folder / f"copy {os.getpid()}"), place)
    place.unlink()


def contents_of(store: Store) -> dict[str, object]:
    bodies = [read_body(file.place.read_bytes(), file.name) for file in files_of(store, Kind.RESULT)]
    return {body.task: body.content for body in bodies}


def test_eight_processes_compute_one_assessment_at_a_time(tmp_path: Path) -> None:
    planned = plan(several())
    alone, store = Store(tmp_path / "alone"), Store(tmp_path / "store")
    expected = carry_out(planned, alone, workers=1)[1].to_json()

    together(*(partial(assess_into, planned, store, tmp_path / f"{number}.json") for number in range(PROCESSES)))

    assert {(tmp_path / f"{number}.json").read_text(encoding="utf-8") for number in range(PROCESSES)} == {expected}
    assert contents_of(store) == contents_of(alone)
    found = verify_store(store)
    assert found.is_sound
    assert (found.orphans, found.unfinished, found.unknown, found.earlier) == ((), (), (), ())


def test_eight_processes_meet_the_same_damage_at_a_time(tmp_path: Path) -> None:
    """Each may set it aside and compute it again; none takes the mended result of another for damage."""
    planned = plan(several())
    alone = Store(tmp_path / "alone")
    expected = carry_out(planned, alone, workers=1)[1].to_json()
    rng = random.Random(0)  # noqa: S311
    for attempt in range(3):
        store = Store(shutil.copytree(alone.root, tmp_path / f"store {attempt}"))
        for file in rng.sample(files_of(store), 12):
            file.place.write_bytes(file.place.read_bytes()[: rng.randrange(file.size)])

        together(*(partial(assess_into, planned, store, tmp_path / f"{number}.json") for number in range(PROCESSES)))

        assert {(tmp_path / f"{number}.json").read_text(encoding="utf-8") for number in range(PROCESSES)} == {expected}
        assert planned.missing(planned.states(store)) == ()
        verify_store(store, set_aside=True)  # tensors that no reading needed are still damaged
        assert contents_of(store).items() <= contents_of(alone).items()


def test_a_store_is_verified_cleared_exported_and_filled_while_it_is_used(tmp_path: Path) -> None:
    planned = plan(several())
    alone, store = Store(tmp_path / "alone"), Store(tmp_path / "store")
    expected = carry_out(planned, alone, workers=1)[1].to_json()
    export_results(alone, tmp_path / "alone.tar")
    store.root.mkdir()

    together(
        *(partial(assess_into, planned, store, tmp_path / f"{number}.json") for number in range(4)),
        partial(again, partial(verify, store)),
        partial(again, partial(clear, store)),
        partial(again, partial(export, alone, tmp_path)),
        partial(import_results, store, tmp_path / "alone.tar"),
    )

    assert {(tmp_path / f"{number}.json").read_text(encoding="utf-8") for number in range(4)} == {expected}
    assert contents_of(store) == contents_of(alone)
    assert verify_store(store).is_sound
