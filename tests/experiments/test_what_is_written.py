"""What a run will write is checked before its work begins."""

import os
import re
from dataclasses import replace
from pathlib import Path

import pytest

from amulet.core.errors import InvalidParameter, Unwritable
from amulet.core.storage.folders import require_writable
from amulet.experiments import Experiment, Results
from amulet.report.pages.publishing import FILES, to_be_replaced


def test_a_folder_that_cannot_be_written_is_told_before_the_work(tmp_path: Path) -> None:
    taken = tmp_path / "taken"
    taken.write_text("a file")
    for folder in (taken, taken / "inside", tmp_path / ("x" * 300)):
        with pytest.raises(Unwritable, match=re.escape(str(folder))):
            require_writable(folder)
    assert taken.read_text() == "a file"


def test_a_folder_in_the_place_of_a_file_is_told_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "results.json").mkdir()
    with pytest.raises(Unwritable, match=r"results\.json cannot be written: it is a folder\."):
        require_writable(tmp_path, FILES)
    require_writable(tmp_path)


def test_trying_a_folder_leaves_nothing_behind(tmp_path: Path) -> None:
    require_writable(tmp_path / "new" / "folder")
    assert not (tmp_path / "new" / "folder").exists()
    (tmp_path / "old").mkdir()
    require_writable(tmp_path / "old")
    assert list((tmp_path / "old").iterdir()) == []


def test_names_and_labels_must_be_such_that_files_can_have_them(experiment: Experiment) -> None:
    with pytest.raises(InvalidParameter, match="at most 200 bytes long, since it names a folder"):
        replace(experiment, name="x" * 300)
    for name in (".git", ".partial-toy-1", "..x"):  # what begins so is taken for unfinished, and swept up
        with pytest.raises(InvalidParameter, match="without a dot in front"):
            replace(experiment, name=name)
    with pytest.raises(InvalidParameter, match="something else than 'store'"):
        replace(experiment, name="Store")
    with pytest.raises(InvalidParameter, match="The 'label' of Row must be text that can be written as UTF-8"):
        replace(experiment, defenses=(replace(experiment.defenses[0], label="\ud800"),))


def test_what_is_no_regular_file_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "results.json")
    with pytest.raises(OSError, match="no regular file"):
        Results.read(tmp_path)
    assert to_be_replaced(tmp_path, {}, "") is None
