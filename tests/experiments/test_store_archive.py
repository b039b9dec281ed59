"""Results move from one store to another, through one file or by copying, and nothing else does."""

import io
import json
import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from amulet.cli import app
from amulet.core.errors import AmuletError, Unwritable
from amulet.evasion.attacks import PGD
from amulet.experiments import Experiment, Plan, Store, dump_experiment, plan
from amulet.experiments.assess import carry_out
from amulet.experiments.graph.entries import _checksum
from amulet.experiments.graph.plays import Measure, Play
from amulet.experiments.graph.store import NewerStore
from amulet.experiments.graph.tasks import Backend, ModelTask, Train
from amulet.experiments.maintenance import (
    NotAnArchive,
    devices_in,
    digests_needed,
    export_results,
    import_results,
    verify_store,
)
from amulet.experiments.maintenance.archive import INDEX
from amulet.experiments.maintenance.files import Kind, files_of
from amulet.membership_inference.attacks import LossThreshold

NearlyFull = Callable[[int], AbstractContextManager[None]]
Members = list[tuple[tarfile.TarInfo, bytes]]


def contents(store: Store) -> dict[str, bytes]:
    return {file.place.relative_to(store.root).as_posix(): file.place.read_bytes() for file in files_of(store)}


@pytest.fixture
def archive(finished: tuple[Plan, Store], tmp_path: Path) -> Path:
    """All results of `finished` in one file."""
    export_results(finished[1], tmp_path / "all.tar")
    return tmp_path / "all.tar"


def members(archive: Path) -> Members:
    with tarfile.open(archive) as tar:
        return [(info, content.read() if (content := tar.extractfile(info)) else b"") for info in tar.getmembers()]


def written(place: Path, held: Members) -> Path:
    with tarfile.open(place, "w") as tar:
        for info, content in held:
            if info.isreg():
                info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return place


def test_what_is_imported_is_what_was_exported(finished: tuple[Plan, Store], archive: Path, store: Store) -> None:
    planned, full = finished
    before = carry_out(planned, full, workers=1)[1].to_json()

    first = import_results(store, archive)
    again = import_results(store, archive)

    assert (first.new, first.known, first.different) == (len(planned.tasks), 0, ())
    assert (again.new, again.known, again.different) == (0, len(planned.tasks), ())
    assert contents(store) == contents(full)
    assert carry_out(planned, store, workers=1)[1].to_json() == before


def test_the_same_results_give_the_same_file(archive: Path, store: Store, tmp_path: Path) -> None:
    import_results(store, archive)
    export_results(store, tmp_path / "again.tar")
    assert (tmp_path / "again.tar").read_bytes() == archive.read_bytes()


def test_only_the_results_that_an_experiment_needs_are_exported(
    finished: tuple[Plan, Store], small: Experiment, tmp_path: Path
) -> None:
    """The other experiment has another attack, on the same model."""
    planned, store = finished
    other = replace(small, name="other", attacks=(LossThreshold(),))
    carry_out(plan(other), store, workers=1)
    (tmp_path / "small.yaml").write_text(dump_experiment(small), encoding="utf-8")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "experiment.yaml").write_text(dump_experiment(small), encoding="utf-8")

    for number, file in enumerate(("small.yaml", "folder")):
        place = tmp_path / f"{number}.tar"
        run = ["store", "export", str(place), str(tmp_path / file), "--store", str(store.root)]
        done = CliRunner().invoke(app, run)
        assert done.exit_code == 0, done.output
        count = len(planned.tasks)
        assert f"{count} results of the {count} of these experiments are in {place}, " in done.output
        import_results(Store(tmp_path / str(number)), place)
        assert planned.missing(planned.states(Store(tmp_path / str(number)))) == ()
        assert len(files_of(Store(tmp_path / str(number)), Kind.RESULT)) == count < len(files_of(store, Kind.RESULT))


def test_all_seeds_and_all_devices_are_needed(finished: tuple[Plan, Store], small: Experiment) -> None:
    """Results of a GPU are kept by a machine that has none, and so are seeds that were added until decided."""
    planned, store = finished
    assert devices_in(store) == {"cpu"}
    assert digests_needed(planned) == {task.digest for task in planned.tasks}

    many = replace(small, until_decided=True, seeds=10)
    assert plan(many).seeds == 5
    assert {task.digest for task in plan(replace(small, seeds=10)).tasks} <= digests_needed(plan(many))

    needed = digests_needed(planned, ("cuda:1",))
    model = next(task for task in planned.tasks if isinstance(task, Train))
    elsewhere = replace(model, backend=replace(model.backend, device="cuda:1"))
    assert elsewhere.digest in needed
    assert len(needed) == 2 * len(planned.tasks) - 1  # all but the data set
    measure = next(task for task in planned.tasks if isinstance(task, Measure))
    play = measure.outcome
    assert isinstance(play, Play)
    cast = tuple(
        replace(role, models=tuple(replace(each, backend=Backend("cuda:1")) for each in role.tasks))
        for role in play.cast
        if all(isinstance(each, ModelTask) for each in role.tasks)
    )
    assert replace(measure, outcome=replace(play, cast=cast, backend=Backend("cuda:1"))).digest in needed


def test_nothing_damaged_is_exported(finished: tuple[Plan, Store], tmp_path: Path) -> None:
    _, store = finished
    for kind, wrong in ((Kind.RESULT, "is not a whole result"), (Kind.TENSORS, "is not what was written")):
        place = files_of(store, kind)[0].place
        before = place.read_bytes()
        place.write_bytes(before[:-9])
        with pytest.raises(AmuletError, match=rf"{place} {wrong}\. Nothing was exported; `amulet store verify"):
            export_results(store, tmp_path / "x.tar")
        place.write_bytes(before)
    files_of(store, Kind.TENSORS)[0].place.unlink()
    with pytest.raises(AmuletError, match=r"is gone\. Nothing was exported"):
        export_results(store, tmp_path / "x.tar")
    assert [place.name for place in tmp_path.iterdir()] == ["finished"]


def test_a_file_that_is_there_is_not_replaced(finished: tuple[Plan, Store], archive: Path) -> None:
    before = archive.read_bytes()
    done = CliRunner().invoke(app, ["store", "export", str(archive), "--store", str(finished[1].root)])
    assert done.exit_code == 1
    assert "is there already. Name another file, or remove it." in done.output
    assert archive.read_bytes() == before


def test_a_full_disk_leaves_no_archive_and_no_half_of_a_result(
    finished: tuple[Plan, Store], archive: Path, store: Store, tmp_path: Path, nearly_full: NearlyFull
) -> None:
    with nearly_full(8_000), pytest.raises(Unwritable, match=r"full\.tar cannot be written: File too large\."):
        export_results(finished[1], tmp_path / "full.tar")
    assert not (tmp_path / "full.tar").exists()
    with nearly_full(8_000), pytest.raises(Unwritable, match="cannot be written: File too large"):
        import_results(store, archive)
    assert verify_store(store).is_sound
    assert files_of(store, Kind.UNFINISHED) == []
    import_results(store, archive)
    assert contents(store) == contents(finished[1])


def info(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    made = tarfile.TarInfo(name)
    made.type, made.linkname = kind, target
    return made


STRANGERS: dict[str, tarfile.TarInfo] = {
    "an absolute path": info("/etc/passwd"),
    "a path out of the store": info("../../escaped.json"),
    "a path out of the store behind a folder": info(f"results/../../{'a' * 64}.json"),
    "a backslash": info(f"results\\aa\\{'a' * 64}.json"),
    "another file": info("results/notes.txt"),
    "a result in another folder": info(f"results/bb/{'a' * 64}.json"),
    "a digest in capitals": info(f"results/AA/{'A' * 64}.json"),
    "a line break": info(f"results/aa/{'a' * 64}.json\n"),
    "a damaged result": info("damaged/x.json"),
    "a folder": info("results", tarfile.DIRTYPE),
    "a link to a file": info(f"results/aa/{'a' * 64}.json", tarfile.SYMTYPE, "/etc/passwd"),
    "a hard link": info(f"results/aa/{'a' * 64}.json", tarfile.LNKTYPE, "/etc/passwd"),
    "a link in place of a folder": info("tensors", tarfile.SYMTYPE, "/tmp"),  # noqa: S108
    "a device": info(f"results/aa/{'a' * 64}.json", tarfile.CHRTYPE),
    "a block device": info(f"results/aa/{'a' * 64}.json", tarfile.BLKTYPE),
    "a pipe": info(f"results/aa/{'a' * 64}.json", tarfile.FIFOTYPE),
}


@pytest.mark.parametrize("stranger", STRANGERS)
def test_an_archive_with_a_strange_member_is_refused_as_a_whole(
    archive: Path, store: Store, stranger: str, tmp_path: Path
) -> None:
    held = members(archive)
    for place in (0, len(held) - 1):
        hostile = written(tmp_path / f"{place}.tar", [*held[:place], (STRANGERS[stranger], b""), *held[place:]])
        with pytest.raises(NotAnArchive, match=r"may hold (regular files|results and tensors) only\. '") as caught:
            import_results(store, hostile)
        assert len(str(caught.value).splitlines()) == 1
    assert not store.root.exists()
    assert not list(tmp_path.parent.glob("escaped*"))


def as_body(content: bytes, **changes: object) -> bytes:
    body = json.loads(content) | changes
    body.pop("checksum")
    return json.dumps(body | {"checksum": _checksum(body)}).encode()


def index(results: int, tensors: int, **more: object) -> tuple[tarfile.TarInfo, bytes]:
    return info(INDEX), json.dumps({"format": 1, "results": results, "tensors": tensors} | more).encode()


def test_damaged_archives_are_refused_in_one_sentence(archive: Path, store: Store, tmp_path: Path) -> None:
    held = members(archive)
    counts = json.loads(held[-1][1])
    place = next(number for number, (each, _) in enumerate(held) if each.name.startswith("results"))
    first, content = held[place]
    of = next(number for number, (each, _) in enumerate(held) if each.name.startswith("tensors"))
    model, weights = held[of]
    before, after = held[:of], held[of + 1 :]
    cases: dict[str, tuple[Members, str]] = {
        "no end": (held[:-1], "it has no index at its end"),
        "twice": ([held[0], *held], "twice"),
        "one less": (held[1:], r"is not whole: \d+ results and \d+ files"),
        "an altered result": ([*held[:place], (first, content[:-9]), *held[place + 1 :]], "is not a whole result"),
        "another's result": (
            [*held[:place], (first, held[place + 2][1]), *held[place + 1 :]],
            "is the result of another task|is not a whole result",
        ),
        "altered tensors": ([*before, (model, weights + b" "), *after], "tensors [0-9a-f]{64} are not what was"),
        "no tensors": (
            [*before, *after[:-1], index(counts["results"], counts["tensors"] - 1)],
            "lacks the tensors of its",
        ),
        "a wrong index": ([*held[:-1], (info(INDEX), b"[]")], "has an index without a format"),
        "no index": ([*held[:-1], (info(INDEX), b"x")], "is no whole archive"),
        "an index like a bomb": ([*held[:-1], (info(INDEX), b"[" * 200_000)], "is no whole archive"),
    }
    for case, (changed, sentence) in cases.items():
        with pytest.raises(NotAnArchive, match=sentence) as caught:
            import_results(Store(tmp_path / case), written(tmp_path / "damaged.tar", changed))
        assert len(str(caught.value).splitlines()) == 1, case
        assert not (tmp_path / case).exists() or verify_store(Store(tmp_path / case)).is_sound, case
    with pytest.raises(NotAnArchive, match=r"There is no file"):
        import_results(store, tmp_path)


def test_what_is_newer_is_told(archive: Path, store: Store, tmp_path: Path) -> None:
    held = members(archive)
    place = next(number for number, (each, _) in enumerate(held) if each.name.startswith("results"))
    newer = [*held[:place], (held[place][0], as_body(held[place][1], format=2)), *held[place + 1 :]]
    with pytest.raises(NewerStore, match=r"was written by a newer Amulet \(format 2\); update Amulet or use another"):
        import_results(store, written(tmp_path / "newer.tar", newer))
    with pytest.raises(NewerStore, match=r"was written by a newer Amulet \(format 2\); update Amulet\."):
        import_results(store, written(tmp_path / "newer.tar", [*held[:-1], index(1, 1, format=2)]))


def test_no_byte_of_an_archive_can_change_unnoticed(archive: Path, tmp_path: Path) -> None:
    """At 150 places: the archive is refused, or what is imported is the same, as in padding."""
    whole, store = archive.read_bytes(), Store(tmp_path / "first")
    import_results(store, archive)
    expected, refused = contents(store), 0
    for number in range(150):
        harmed = bytearray(whole)
        harmed[number * len(whole) // 150] ^= 1 << number % 8
        archive.write_bytes(harmed)
        filled = Store(tmp_path / str(number))
        try:
            import_results(filled, archive)
        except AmuletError:
            refused += 1
            assert not filled.root.exists() or verify_store(filled).is_sound
        else:
            assert contents(filled) == expected
        shutil.rmtree(filled.root, ignore_errors=True)
    assert refused > 75


@pytest.mark.parametrize("cut", [0, 1, 511, 512, 513, 5_000, -1, -2_000, -11_000])
def test_an_archive_that_is_cut_off_is_refused(archive: Path, store: Store, cut: int) -> None:
    whole = archive.read_bytes()
    archive.write_bytes(whole[:cut])
    if whole[cut:].strip(b"\0"):
        with pytest.raises(NotAnArchive):
            import_results(store, archive)
        assert not store.root.exists()
    else:
        import_results(store, archive)  # nothing but padding is missing


def test_a_packed_archive_is_refused(archive: Path, store: Store, tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "all.tar.gz", "w:gz") as tar:
        tar.add(archive)
    with pytest.raises(NotAnArchive, match="is no whole archive that `amulet store export` has written"):
        import_results(store, tmp_path / "all.tar.gz")


def test_other_values_of_another_machine_do_not_replace_those_of_the_store(
    finished: tuple[Plan, Store], archive: Path, tmp_path: Path
) -> None:
    held = members(archive)
    planned, store = finished
    measure = next(task for task in planned.tasks if isinstance(task, Measure))
    changed = [
        (each, as_body(content, value={"value": 0.123}) if measure.digest in each.name else content)
        for each, content in held
    ]
    other = written(tmp_path / "other.tar", changed)
    before = contents(store)

    done = CliRunner().invoke(app, ["store", "import", str(other), "--store", str(store.root)])

    assert done.exit_code == 0, done.output
    assert f"0 results are new, {len(planned.tasks)} were there already." in done.output
    assert re.search(r"1 of these have another value in .*other\.tar, as other machines", done.output)
    assert contents(store) == before
    assert import_results(store, other).different == (measure.digest,)


def test_damaged_results_of_the_store_are_replaced(finished: tuple[Plan, Store], archive: Path) -> None:
    planned, store = finished
    before = contents(store)
    files_of(store, Kind.RESULT)[0].place.write_bytes(b"")
    files_of(store, Kind.TENSORS)[0].place.write_bytes(b"x")
    files_of(store, Kind.TENSORS)[1].place.unlink()

    import_results(store, archive)

    assert contents(store) == before
    assert planned.missing(planned.states(store)) == ()


@pytest.mark.parametrize("kind", [Kind.RESULT, Kind.TENSORS])
@pytest.mark.parametrize("harm", [os.mkfifo, lambda place: place.symlink_to("/dev/zero")], ids=["pipe", "endless"])
def test_what_has_no_end_is_never_read(
    finished: tuple[Plan, Store], archive: Path, harm: Callable[[Path], object], kind: Kind, tmp_path: Path
) -> None:
    _, store = finished
    before = contents(store)
    place = files_of(store, kind)[0].place
    place.unlink()
    harm(place)
    with pytest.raises((AmuletError, OSError)):
        export_results(store, tmp_path / "other.tar")
    devices_in(store)

    import_results(store, archive)

    assert contents(store) == before


COPIES: dict[str, Callable[[Path, Path], object]] = {
    "cp -r": lambda one, other: subprocess.run(["cp", "-r", f"{one}/.", str(other)], check=True),  # noqa: S607
    "cp -rn": lambda one, other: subprocess.run(["cp", "-rn", f"{one}/.", str(other)], check=False),  # noqa: S607
    "rsync -a": lambda one, other: subprocess.run(["rsync", "-a", f"{one}/", str(other)], check=True),  # noqa: S607
    "copytree": lambda one, other: shutil.copytree(one, other, dirs_exist_ok=True),
}


@pytest.fixture(scope="module")
def two_machines(small: Experiment, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Stores of experiments that have their models in common, each computed by itself."""
    folder = tmp_path_factory.mktemp("machines")
    carry_out(plan(replace(small, attacks=(PGD(epsilon=0.1, steps=1),))), Store(folder / "one"), workers=1)
    carry_out(plan(replace(small, attacks=(LossThreshold(),))), Store(folder / "two"), workers=1)
    return folder / "one", folder / "two"


@pytest.mark.parametrize("by", COPIES)
def test_stores_of_two_machines_merge_by_copying(
    two_machines: tuple[Path, Path], small: Experiment, by: str, tmp_path: Path
) -> None:
    if shutil.which(by.partition(" ")[0]) is None and by != "copytree":
        pytest.skip(f"needs {by.partition(' ')[0]}")
    both = replace(small, attacks=(PGD(epsilon=0.1, steps=1), LossThreshold()))
    planned, merged = plan(both), Store(tmp_path / "merged")
    merged.root.mkdir()
    for store in two_machines:
        COPIES[by](store, merged.root)

    assert verify_store(merged).is_sound
    assert planned.missing(planned.states(merged)) == ()
    together = carry_out(planned, merged, workers=1)[1].to_json()
    assert together == carry_out(planned, Store(tmp_path / "alone"), workers=1)[1].to_json()
