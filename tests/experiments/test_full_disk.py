"""A disk that is full, or a store that cannot be written: one sentence, and the same results once there is room."""

import errno
import os
import random
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import IO, Any, Self
from unittest.mock import patch

import pytest
from safetensors import SafetensorError
from safetensors.torch import save_file
from torch import Tensor
from typer.testing import CliRunner

from amulet.cli import app
from amulet.core.errors import AmuletError, Unwritable
from amulet.core.storage import tensor_files
from amulet.experiments import Experiment, Plan, Store, dump_experiment
from amulet.experiments.assess import carry_out, inspected
from amulet.experiments.graph.failures import RunFailed
from amulet.experiments.maintenance import delete, unneeded, verify_store
from amulet.experiments.maintenance.files import files_of
from amulet.report.pages.publishing import write_results

NearlyFull = Callable[[int], AbstractContextManager[None]]
FULL = "No space left on device"


def mount(*arguments: str) -> bool:
    """Whether the system mounts something, which it does for the superuser only."""
    command = shutil.which("mount")
    return (
        command is not None and subprocess.run([command, *arguments], capture_output=True, check=False).returncode == 0
    )


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """A file system of so many bytes; called again, with another size and all that it holds."""
    place = tmp_path / "disk"
    place.mkdir()

    def sized(size: int) -> Path:
        remount = ",remount" if os.path.ismount(place) else ""
        if not mount("-t", "tmpfs", "-o", f"size={size}{remount}", "tmpfs", str(place)):
            pytest.skip("needs to mount a file system, which only the superuser can")
        return place

    yield sized
    if os.path.ismount(place):
        subprocess.run(["umount", "--lazy", str(place)], check=True)  # noqa: S607 - data sets may still be mapped


@contextmanager
def read_only(folder: Path) -> Iterator[None]:
    """Nothing can be written into the folder, by the superuser neither."""
    if os.geteuid() == 0:
        if not (mount("--bind", str(folder), str(folder)) and mount("-o", "remount,ro,bind", str(folder))):
            pytest.skip("nothing is read-only for the superuser but what is mounted so")
        try:
            yield
        finally:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)  # noqa: S607
        return
    places = [folder, *folder.rglob("*")]
    modes = [place.stat().st_mode for place in places]
    for place in reversed(places):
        place.chmod(0o555 if place.is_dir() else 0o444)
    try:
        yield
    finally:
        for place, mode in zip(places, modes, strict=True):
            place.chmod(mode)


def is_told_in_a_sentence(error: AmuletError, reason: str, folder: Path) -> bool:
    text = str(error)
    return len(text.splitlines()) == 1 and f"cannot be written: {reason}." in text and str(folder) in text


@pytest.mark.parametrize("number", range(20))
def test_a_full_disk_ends_the_run_and_it_goes_on_with_more_room(
    computed_small: tuple[Plan, Store], disk: Callable[[int], Path], number: int
) -> None:
    """A real file system, of 20 sizes from two pages to nearly enough."""
    planned, full = computed_small
    needed = sum(4096 * -(-file.size // 4096) for file in files_of(full))
    place = disk(2 * 4096 + (needed - 2 * 4096) * number // 20)
    store = Store(place / "store")

    with pytest.raises((RunFailed, Unwritable)) as caught:
        carry_out(planned, store, workers=1)
    assert is_told_in_a_sentence(caught.value, FULL, place)
    if store.root.exists():
        assert verify_store(store).is_sound
        assert verify_store(store).unfinished == ()
    disk(2**24)

    assert carry_out(planned, store, workers=1)[1].to_json() == carry_out(planned, full, workers=1)[1].to_json()
    assert verify_store(store).is_sound


def test_a_full_disk_leaves_older_results_as_they_were(
    computed_small: tuple[Plan, Store], disk: Callable[[int], Path]
) -> None:
    results = carry_out(*computed_small, workers=1)[1]
    place = disk(2**24)
    write_results(results, {}, place / "results")
    before = {file.name: file.read_bytes() for file in (place / "results").iterdir()}
    disk(sum(4096 * -(-len(content) // 4096) for content in before.values()) + 50_000)

    with pytest.raises(Unwritable) as caught:
        write_results(results, {"more": 1}, place / "results")
    assert is_told_in_a_sentence(caught.value, FULL, place)
    assert {file.name: file.read_bytes() for file in (place / "results").iterdir()} == before
    assert len(list(place.iterdir())) == 1


class Disk:
    """A disk with room for so many bytes, through which Amulet writes: the last byte that fits is written."""

    def __init__(self, room: int) -> None:
        self.room = room
        self._open = Path.open

    def opened(self, place: Path, mode: str = "r", **more: Any) -> Any:
        file = self._open(place, mode, **more)
        return Written(self, file) if mode == "wb" else file

    def saved(self, tensors: dict[str, Tensor], place: Path) -> None:
        """As safetensors writes and fails."""
        save_file(tensors, place)
        size = place.stat().st_size
        if size > self.room:
            os.truncate(place, self.room)
            raise SafetensorError(f"Error while serializing: I/O error: {FULL} (os error {errno.ENOSPC})")
        self.room -= size


class Written:
    """A file on such a disk."""

    def __init__(self, disk: Disk, file: IO[bytes]) -> None:
        self._disk, self._file = disk, file

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, content: bytes) -> int:
        fits = content[: self._disk.room]
        self._disk.room -= len(fits)
        self._file.write(fits)
        if len(fits) < len(content):
            raise OSError(errno.ENOSPC, FULL)
        return len(fits)


def test_a_disk_that_is_full_at_100_random_bytes_loses_nothing(
    computed_small: tuple[Plan, Store], tmp_path: Path
) -> None:
    planned, full = computed_small
    rng, size = random.Random(0), verify_store(full).size  # noqa: S311
    expected = carry_out(planned, full, workers=1)[1].to_json()
    store, failures = Store(tmp_path / "store"), 0
    for number in range(100):
        if number % 5 == 0:
            shutil.rmtree(store.root, ignore_errors=True)
        made = Disk(rng.randrange(size // 3))
        with (
            patch.object(Path, "open", lambda place, *args, made=made, **more: made.opened(place, *args, **more)),
            patch.object(tensor_files, "save_file", made.saved),
        ):
            failure = failure_of(planned, store)
        assert failure is None or is_told_in_a_sentence(failure, FULL, store.root)
        failures += failure is not None
        assert verify_store(store).is_sound
        assert verify_store(store).unfinished == ()
        if number % 5 == 4:
            assert carry_out(planned, store, workers=1)[1].to_json() == expected
    assert failures > 50


def failure_of(planned: Plan, store: Store) -> AmuletError | None:
    try:
        carry_out(planned, store, workers=1)
    except (RunFailed, Unwritable) as error:
        return error
    return None


def test_files_that_may_not_grow_end_the_run_of_several_workers(
    computed_small: tuple[Plan, Store], tmp_path: Path, nearly_full: NearlyFull
) -> None:
    """Worker processes inherit the limit; the data set fits, the first larger result does not."""
    planned, full = computed_small
    store = Store(tmp_path / "store")
    carry_out(planned, store, workers=1)
    sizes = sorted(place.stat().st_size for place in (store.root / "results").rglob("*.json"))
    for place in (store.root / "results").rglob("*.json"):
        if planned.source.digest not in place.name:
            place.unlink()
    with nearly_full(sizes[len(sizes) // 2]), pytest.raises(RunFailed) as caught:
        carry_out(planned, store, workers=2)
    assert is_told_in_a_sentence(caught.value, "File too large", store.root)
    assert carry_out(planned, store, workers=1)[1].to_json() == carry_out(planned, full, workers=1)[1].to_json()


def test_a_read_only_store_can_be_used_as_far_as_it_goes(
    finished: tuple[Plan, Store], small: Experiment, tmp_path: Path
) -> None:
    """What it has is read; what it lacks, or what is to be moved or deleted, is one sentence."""
    planned, store = finished
    expected = carry_out(planned, store, workers=1)[1].to_json()
    (tmp_path / "small.yaml").write_text(dump_experiment(small), encoding="utf-8")
    with read_only(store.root):
        assert carry_out(planned, store, workers=1)[1].to_json() == expected
        assert verify_store(store).is_sound
        assert unneeded(store, older_than=1.0).kept == len(planned.tasks)
        assert inspected(planned, store, every_byte=True)[0] == planned
        done = CliRunner().invoke(app, ["status", str(tmp_path / "small.yaml"), "--store", str(store.root)])
        assert "Complete." in done.output
    place = store.result_place(planned.cells[0].task.digest)
    content = place.read_bytes()
    for damage in (b"", content[:-5], None):
        if damage is None:
            place.unlink()
        else:
            place.write_bytes(damage)
        with read_only(store.root):
            for workers in (1,) if damage is not None else (1, 2):
                with pytest.raises((RunFailed, Unwritable), match="cannot be written: ") as caught:
                    carry_out(planned, store, workers=workers)
                assert len(str(caught.value).splitlines()) == 1
            if damage is not None:
                with pytest.raises(Unwritable, match="cannot be written: "):
                    verify_store(store, set_aside=True)
        place.write_bytes(content)
    later = max(file.lstat().st_mtime for file in store.root.rglob("*")) + 7200
    found = unneeded(store, older_than=1.0, now=later)
    with read_only(store.root), pytest.raises(Unwritable, match="cannot be written: "):
        delete(store, found)
    assert carry_out(planned, store, workers=1)[1].to_json() == expected


def test_a_store_that_cannot_be_read_is_told(finished: tuple[Plan, Store], small: Experiment, tmp_path: Path) -> None:
    """Files stand where its folders should be, or nobody may look into it."""
    planned, store = finished
    shutil.rmtree(store.root)
    store.root.write_text("x", encoding="utf-8")
    (tmp_path / "small.yaml").write_text(dump_experiment(small), encoding="utf-8")
    for command in ("assess", "plan", "status"):
        done = CliRunner().invoke(app, [command, str(tmp_path / "small.yaml"), "--store", str(store.root)])
        assert done.exit_code == 1, command
        assert len(done.output.strip().splitlines()) == 1, done.output
        assert str(store.root) in done.output
    if os.geteuid() != 0:
        store.root.unlink()
        store.root.mkdir(mode=0)
        with suppress(PermissionError), pytest.raises(AmuletError):
            carry_out(planned, store, workers=1)
        store.root.chmod(0o755)
