"""Files and folders are written whole or not at all; what keeps them from being written is told in a sentence."""

import os
import pickle
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import torch

from amulet.core.errors import Unwritable
from amulet.core.storage.files import PARTIAL, write_text
from amulet.core.storage.folders import publish
from amulet.core.storage.tensor_files import write_tensors
from amulet.report.pages.publishing import to_be_replaced

if TYPE_CHECKING:
    from amulet.core.spec import Plain

FILES = {"results.json": "1", "report.html": "one"}
NearlyFull = Callable[[int], AbstractContextManager[None]]
LATER = {"results.json": "2", "report.html": "two"}


def held(folder: Path) -> dict[str, str]:
    return {place.name: place.read_text(encoding="utf-8") for place in sorted(folder.iterdir()) if place.is_file()}


def leftovers(folder: Path) -> list[Path]:
    return [place for place in folder.rglob("*") if PARTIAL in place.name]


def test_a_folder_is_exchanged_as_a_whole(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "same"
    publish(FILES, folder)
    assert held(folder) == FILES
    opened = os.open(folder, os.O_RDONLY)
    try:
        publish(LATER, folder)
        assert held(folder) == LATER
        assert os.fstat(opened).st_ino != folder.stat().st_ino
    finally:
        os.close(opened)
    assert leftovers(tmp_path) == []


def test_what_else_lies_in_the_folder_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    publish(FILES, tmp_path / "own")
    (tmp_path / "own" / "notes.txt").write_text("mine", encoding="utf-8")
    publish(LATER, tmp_path / "own")
    assert held(tmp_path / "own") == LATER | {"notes.txt": "mine"}

    monkeypatch.chdir(tmp_path / "own")
    (tmp_path / "own" / "notes.txt").unlink()
    publish(FILES, Path())
    assert held(Path.cwd()) == FILES

    (tmp_path / "link").symlink_to(tmp_path / "own")
    publish(LATER, tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert held(tmp_path / "own") == LATER
    assert leftovers(tmp_path) == []


def test_a_full_disk_leaves_the_older_folder_as_it_was(tmp_path: Path, nearly_full: NearlyFull) -> None:
    for other in ({}, {"notes.txt": "mine"}):
        folder = tmp_path / str(len(other))
        publish(FILES, folder)
        for name, text in other.items():
            (folder / name).write_text(text, encoding="utf-8")
        with nearly_full(100), pytest.raises(Unwritable) as caught:
            publish({"results.json": "2", "report.html": "x" * 1_000}, folder)
        assert str(caught.value) == f"{folder / 'report.html'} cannot be written: File too large."
        assert held(folder) == FILES | other
        assert leftovers(tmp_path) == []


def test_a_file_that_cannot_be_written_is_named_with_the_reason(tmp_path: Path, nearly_full: NearlyFull) -> None:
    place = tmp_path / "a.txt"
    write_text(place, "before")
    with nearly_full(100), pytest.raises(Unwritable, match=r"a\.txt cannot be written: File too large\.$") as caught:
        write_text(place, "x" * 1_000)
    assert place.read_text(encoding="utf-8") == "before"
    assert leftovers(tmp_path) == []
    assert pickle.loads(pickle.dumps(caught.value)).place == place  # noqa: S301

    with pytest.raises(Unwritable, match=r"cannot be written: (Not a directory|File exists)"):
        write_text(place / "below.txt", "x")
    with nearly_full(100), pytest.raises(OSError, match="File too large"):
        write_tensors(tmp_path / "t.safetensors", {"x": torch.zeros(1_000)})


def test_old_leftovers_of_a_killed_writer_are_removed(tmp_path: Path) -> None:
    old, new = tmp_path / f"{PARTIAL}same-old", tmp_path / f"{PARTIAL}same-new"
    for folder in (old, new):
        folder.mkdir()
    os.utime(old, (0, 0))
    publish(FILES, tmp_path / "same")
    assert not old.exists()
    assert new.exists()


def test_results_of_something_else_are_not_replaced_without_a_word(tmp_path: Path) -> None:
    spec: Plain = {"amulet.Experiment": {"name": "same", "seeds": 2, "attacks": []}}
    text = '{"spec": %s, "dataset": {"content": "abc"}}' % str(spec).replace("'", '"')  # noqa: UP031
    assert to_be_replaced(tmp_path / "none", spec, "abc") is None
    publish({"results.json": text}, tmp_path / "same")
    more: Plain = {"amulet.Experiment": {"name": "same", "seeds": 20, "attacks": []}}
    other: Plain = {"amulet.Experiment": {"name": "same", "seeds": 2, "attacks": ["PGD"]}}
    assert to_be_replaced(tmp_path / "same", more, "abc") is None
    for told in (to_be_replaced(tmp_path / "same", other, "abc"), to_be_replaced(tmp_path / "same", spec, "xyz")):
        assert told is not None
        assert "holds the results of another experiment or data set of this name. They will be replaced" in told
    for broken in ("[" * 100_000, "{}", "x", '{"dataset": 1, "content": "abc", "spec": 3}'):
        publish({"results.json": broken}, tmp_path / "same")
        assert "does not read" in str(to_be_replaced(tmp_path / "same", spec, "abc"))
