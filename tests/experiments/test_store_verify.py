"""`amulet store verify` finds whatever is wrong in a store, and nothing in a store that is sound."""

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pytest
from typer.testing import CliRunner

from amulet.cli import app
from amulet.core.errors import AmuletError
from amulet.experiments import Plan, Store
from amulet.experiments.assess import carry_out, verified
from amulet.experiments.graph.entries import _checksum
from amulet.experiments.maintenance import verify_store
from amulet.experiments.maintenance.files import Kind, files_of
from amulet.experiments.maintenance.verification import _Reading

Command = Callable[..., tuple[int, str]]


@pytest.fixture
def amulet(finished: tuple[Plan, Store]) -> Command:
    """Run `amulet store ...` on the finished store; the exit code and all that it says."""

    def run(*arguments: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, ["store", *arguments, "--store", str(finished[1].root)])
        return done.exit_code, done.output

    return run


def results(store: Store) -> list[Path]:
    return [file.place for file in files_of(store, Kind.RESULT)]


def tensors(store: Store) -> list[Path]:
    return [file.place for file in files_of(store, Kind.TENSORS)]


def test_a_sound_store_is_sound(finished: tuple[Plan, Store], amulet: Command) -> None:
    planned, store = finished
    progress: list[tuple[int, int]] = []
    found = verify_store(store, on_read=lambda done, total: progress.append((done, total)))

    assert found.is_sound
    assert found.results == len(planned.tasks)
    assert found.size == sum(path.stat().st_size for path in store.root.rglob("*.*"))
    assert progress[-1] == (found.size, found.size)
    assert (found.orphans, found.unfinished, found.unknown, found.earlier) == ((), (), (), ())
    code, said = amulet("verify")
    assert (code, said.count("\n")) == (0, 1)
    assert re.fullmatch(r"\d+ results and \d+ files of tensors, [\d.]+ [kM]B: none is damaged\.\n", said)


HARM: dict[str, Callable[[Store], object]] = {
    "a result cut off": lambda store: results(store)[0].write_bytes(results(store)[0].read_bytes()[:-1]),
    "a result altered": lambda store: results(store)[1].write_bytes(results(store)[1].read_bytes().replace(b"1", b"2")),
    "a result emptied": lambda store: results(store)[2].write_bytes(b""),
    "a result of another task": lambda store: results(store)[3].write_bytes(results(store)[4].read_bytes()),
    "tensors cut off": lambda store: tensors(store)[0].write_bytes(tensors(store)[0].read_bytes()[:-1]),
    "tensors emptied": lambda store: tensors(store)[0].write_bytes(b""),
    "tensors gone": lambda store: tensors(store)[0].unlink(),
}


@pytest.mark.parametrize("harm", HARM)
def test_damage_is_found_moved_aside_and_mended(finished: tuple[Plan, Store], harm: str, amulet: Command) -> None:
    planned, store = finished
    before = carry_out(planned, store, workers=1)[1].to_json()
    HARM[harm](store)

    assert not verify_store(store).is_sound
    code, said = amulet("verify")
    assert code == 1
    assert re.search(r"(is not what was written|is not a whole result|is the result of another task|is gone)\.", said)
    code, said = amulet("verify", "--set-aside")
    assert code == 1
    assert "The tasks are computed again when they are needed." in said
    assert verify_store(store).is_sound
    assert carry_out(planned, store, workers=1)[1].to_json() == before
    assert planned.missing(verified(planned, store)) == ()


def test_what_is_no_file_is_damaged(finished: tuple[Plan, Store]) -> None:
    _, store = finished
    first, second, third, *_ = results(store)
    fourth = tensors(store)[0]
    for place in (first, second, third, fourth):
        place.unlink()
    first.mkdir()
    second.symlink_to("nowhere")
    os.mkfifo(third)
    os.mkfifo(fourth)

    found = verify_store(store, set_aside=True)

    assert {first, second, third, fourth} <= {fault.file.place for fault in found.damaged}
    assert verify_store(store).is_sound


def test_what_no_result_needs_is_reported_and_is_no_damage(finished: tuple[Plan, Store], amulet: Command) -> None:
    _, store = finished
    model = next(place for place in results(store) if json.loads(place.read_bytes())["tensors"])
    model.unlink()
    (store.root / "tensors" / ".partial-abc").write_bytes(b"123")
    (store.root / "results" / "notes.txt").write_text("mine", encoding="utf-8")

    code, said = amulet("verify")

    assert code == 0
    assert "1 file of tensors (" in said
    assert "), which no result belongs to." in said
    assert "1 file under a temporary name (3 bytes), left by a killed process or being written now." in said
    assert f"1 file (4 bytes), unknown to Amulet: {store.root / 'results' / 'notes.txt'}." in said


def test_a_result_of_a_newer_version_is_not_damaged(finished: tuple[Plan, Store], amulet: Command) -> None:
    _, store = finished
    body = json.loads(results(store)[0].read_bytes()) | {"format": 7}
    body.pop("checksum")
    results(store)[0].write_text(json.dumps(body | {"checksum": _checksum(body)}), encoding="utf-8")

    code, said = amulet("verify", "--set-aside")

    assert code == 1
    assert "was written by a newer Amulet (format 7); update Amulet or use another store." in said
    assert "Results by a newer Amulet, which could not be checked: 1." in said
    assert "none is damaged" in said
    assert results(store)[0].exists()


def test_damage_that_another_process_has_mended_meanwhile_stays(finished: tuple[Plan, Store]) -> None:
    """It is read as damaged; before it is moved, another process puts a sound result in its place."""
    planned, store = finished
    place = results(store)[0]
    sound = place.read_bytes()
    place.write_bytes(sound[:-5])
    read = _Reading.tensors_problem

    def mended(self: _Reading, file: object) -> str | None:
        (place.parent / "new").write_bytes(sound)
        (place.parent / "new").replace(place)
        return read(self, file)  # type: ignore[arg-type]

    for moment in ("before it is read", "after it is read"):
        if moment == "before it is read":
            with patch.object(_Reading, "tensors_problem", mended):
                assert verify_store(store, set_aside=True).is_sound
        else:
            listed = place.lstat()
            (place.parent / "new").write_bytes(sound)
            (place.parent / "new").replace(place)
            assert store.put_aside(place, listed) is None
        assert place.read_bytes() == sound
        assert verify_store(store).is_sound
    assert planned.missing(planned.states(store)) == ()


def test_control_c_leaves_the_store_as_it_was(finished: tuple[Plan, Store], amulet: Command) -> None:
    _, store = finished
    results(store)[0].write_bytes(b"")

    with patch.object(_Reading, "blocks", side_effect=KeyboardInterrupt):
        code, said = amulet("verify", "--set-aside")

    assert (code, said.strip()) == (130, "Interrupted. The store is as it was.")
    assert results(store)[0].exists()


def test_what_is_no_store_is_told(tmp_path: Path) -> None:
    for place in (tmp_path / "none", tmp_path / "file"):
        (tmp_path / "file").write_text("x", encoding="utf-8")
        with pytest.raises(AmuletError, match=rf"There is no store in {place}\."):
            verify_store(Store(place))
        done = CliRunner().invoke(app, ["store", "verify", "--store", str(place)])
        assert (done.exit_code, done.output.strip()) == (1, f"There is no store in {place}.")


def test_names_of_what_is_set_aside_are_never_used_twice(finished: tuple[Plan, Store]) -> None:
    _, store = finished
    for number in range(3):
        place = results(store)[0]
        content = f"damaged {number}"
        place.write_text(content, encoding="utf-8")
        aside = store.put_aside(place, place.lstat())
        assert aside is not None
        assert aside.read_text(encoding="utf-8") == content
        place.write_text("", encoding="utf-8")
    assert len(list((store.root / "damaged").iterdir())) == 3
