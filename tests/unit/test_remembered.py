"""What is remembered counts only as long as nothing has changed that it follows from."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from amulet.core.errors import AmuletError
from amulet.core.spec import Plain
from amulet.core.storage import remembered
from amulet.core.storage.remembered import recalled, remember

ABOUT: Mapping[str, Plain] = {"what": "a sum", "of": [1, 2]}


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("AMULET_CACHE", str(tmp_path))
    return tmp_path / "remembered"


def entry(folder: Path) -> Path:
    (place,) = folder.iterdir()
    return place


def test_a_value_is_recalled_for_the_same_content_alone() -> None:
    assert recalled(ABOUT) is None
    remember(ABOUT, {"sum": 3})
    assert recalled(dict(ABOUT)) == {"sum": 3}
    assert recalled({**ABOUT, "of": [1, 3]}) is None


def test_a_cache_in_an_unknown_home_folder_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AMULET_CACHE", "~nobody-of-this-name/cache")
    with pytest.raises(AmuletError, match="names a home folder that is not known"):
        recalled(ABOUT)


def test_another_source_of_amulet_or_another_package_asks_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    remember(ABOUT, 3)
    with monkeypatch.context() as patch:
        patch.setattr(remembered, "_source", lambda: "another")
        assert recalled(ABOUT) is None
    with monkeypatch.context() as patch:
        patch.setattr(remembered, "software", lambda: {"torch": "another"})
        assert recalled(ABOUT) is None
    assert recalled(ABOUT) == 3


def test_nothing_is_kept_once_the_source_was_edited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "amulet_digest", lambda: "edited meanwhile")
    remember(ABOUT, 3)
    assert recalled(ABOUT) is None


@pytest.mark.parametrize("damage", ["cut", "altered", "another's", "a list", "a folder"])
def test_a_damaged_entry_counts_as_none_and_is_replaced(folder: Path, damage: str) -> None:
    remember(ABOUT, 3)
    place = entry(folder)
    body = json.loads(place.read_text())
    match damage:
        case "cut":
            place.write_text(place.read_text()[:-9])
        case "altered":
            place.write_text(json.dumps(body | {"value": 4}))
        case "another's":
            place.write_text(json.dumps(body | {"about": {"what": "something else"}}))
        case "a list":
            place.write_text("[" * 100_000)
        case _:
            place.unlink()
            place.mkdir()
    assert recalled(ABOUT) is None
    remember(ABOUT, 3)
    assert recalled(ABOUT) == (None if damage == "a folder" else 3)


def test_a_folder_that_cannot_be_written_is_done_without(folder: Path) -> None:
    folder.write_text("a file")
    remember(ABOUT, 3)
    assert recalled(ABOUT) is None


def test_the_oldest_are_forgotten(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remembered, "MOST", 4)
    for number in range(5):
        remember({**ABOUT, "number": number}, number)
    assert len(list(folder.iterdir())) == 3
    assert recalled({**ABOUT, "number": 4}) == 4
