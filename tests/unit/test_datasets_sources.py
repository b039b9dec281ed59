"""Archives are read in place, cannot reach outside their folder, and are refused where they are broken."""

import io
import os
import tarfile
import zipfile
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from amulet.core.errors import InvalidData
from amulet.datasets.official.sources import Folder, tree

Make = Callable[[Path, dict[str, bytes]], Path]
FILES = {"b/2.txt": b"two", "a.txt": b"one"}


def zipped(place: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(place, "w") as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return place


def tarred(place: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(place, "w:gz") as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return place


def written(place: Path, files: dict[str, bytes]) -> Path:
    for path, content in files.items():
        (place / path).parent.mkdir(parents=True, exist_ok=True)
        (place / path).write_bytes(content)
    return place


@pytest.mark.parametrize(("make", "name"), [(zipped, "x.zip"), (tarred, "x.tar.gz"), (written, "x")])
def test_files_are_found_in_the_order_of_their_paths(tmp_path: Path, make: Make, name: str) -> None:
    source = tree(make(tmp_path / name, FILES), "test")
    assert dict(source.sizes) == {"a.txt": 3, "b/2.txt": 3}
    assert list(source.sizes) == sorted(FILES)
    assert {path: source.read(path) for path in source.sizes} == FILES


ESCAPES = ["../out.txt", "a/../../out.txt", "/out.txt", "C:/out.txt", "..\\out.txt"]


@pytest.mark.parametrize("path", ESCAPES)
@pytest.mark.parametrize("make", [zipped, tarred])
def test_members_that_lead_outside_are_refused(tmp_path: Path, path: str, make: Make) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    place = make(folder / ("x.zip" if make is zipped else "x.tgz"), {**FILES, path: b"!"})
    with pytest.raises(InvalidData, match="must keep its members inside its folder"):
        _ = tree(place, "test").sizes
    assert sorted(file.name for file in tmp_path.rglob("*")) == sorted(["in", place.name])


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_links_and_devices_are_refused(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "x.tgz", "w:gz") as archive:
        member = tarfile.TarInfo("innocent.txt")
        member.type, member.linkname = kind, "/etc/hostname"
        archive.addfile(member)
    with pytest.raises(InvalidData, match="must hold files and folders only"):
        _ = tree(tmp_path / "x.tgz", "test").sizes


@pytest.mark.parametrize("ending", ["zip", "tgz"])
@pytest.mark.parametrize("harm", ["cut", "page", "empty"])
def test_broken_archives_are_refused_in_one_sentence(tmp_path: Path, ending: str, harm: str) -> None:
    place = (zipped if ending == "zip" else tarred)(tmp_path / f"x.{ending}", {"a": bytes(range(256)) * 40})
    whole = place.read_bytes()
    place.write_bytes({"cut": whole[: len(whole) // 2], "page": b"<!DOCTYPE html><html>", "empty": b""}[harm])
    with pytest.raises(InvalidData) as caught:
        _ = tree(place, "test").sizes
    assert ("a web page" if harm == "page" else "be a whole archive") in str(caught.value)


def test_a_member_whose_bytes_changed_is_refused(tmp_path: Path) -> None:
    place = zipped(tmp_path / "x.zip", {"a": b"0123456789"})
    place.write_bytes(place.read_bytes().replace(b"0123456789", b"0123456780"))
    with pytest.raises(InvalidData, match="must be a whole archive"):
        tree(place, "test").read("a")


def test_a_fingerprint_changes_with_any_file_and_not_with_the_place(tmp_path: Path) -> None:
    first = tree(zipped(tmp_path / "1.zip", FILES), "test").fingerprint
    assert tree(zipped(tmp_path / "2.zip", FILES), "test").fingerprint == first
    assert tree(zipped(tmp_path / "3.zip", {**FILES, "a.txt": b"onf"}), "test").fingerprint != first
    folder = written(tmp_path / "x", FILES)
    before = Folder(folder, "test").fingerprint
    assert Folder(folder, "test").fingerprint == before
    (folder / "a.txt").write_bytes(b"other")
    assert Folder(folder, "test").fingerprint != before


def test_links_are_followed_and_one_that_leads_back_ends(tmp_path: Path) -> None:
    folder = written(tmp_path / "x", FILES)
    written(tmp_path / "elsewhere", {"3.txt": b"three"})
    (folder / "c").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "back").symlink_to(folder)
    assert dict(tree(folder, "test").sizes) == {"a.txt": 3, "b/2.txt": 3, "c/3.txt": 5}


def test_a_link_to_nothing_is_refused(tmp_path: Path) -> None:
    folder = written(tmp_path / "x", FILES)
    (folder / "gone.txt").symlink_to(tmp_path / "nowhere")
    with pytest.raises(InvalidData, match=r"The file 'gone\.txt' of test must be there\. Got a link to nothing"):
        tree(folder, "test").sizes  # noqa: B018 - listed when it is asked for


@given(st.dictionaries(st.text("abc", min_size=1, max_size=5), st.binary(max_size=50), min_size=1, max_size=4))
def test_archives_give_back_what_was_put_in(tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes]) -> None:
    folder = tmp_path_factory.mktemp("archives")
    for place in (zipped(folder / "x.zip", files), tarred(folder / "x.tgz", files)):
        source = tree(place, "test")
        assert {path: source.read(path) for path in source.sizes} == files


@pytest.mark.parametrize("depth", [1, 40])
def test_folders_without_end_are_refused(tmp_path: Path, depth: int, monkeypatch: pytest.MonkeyPatch) -> None:
    if depth == 1:  # twelve folders that link to each other have 12! paths
        for number in range(12):
            (tmp_path / f"f{number}").mkdir()
        for number, other in permutations(range(12), 2):
            (tmp_path / f"f{number}" / f"to{other}").symlink_to(tmp_path / f"f{other}")
    else:
        monkeypatch.chdir(tmp_path)
        for _ in range(depth):
            Path("f").mkdir()
            os.chdir("f")
    with pytest.raises(InvalidData, match="must lie at most 30 folders deep, and links lead to at most 10000 folders"):
        _ = Folder(tmp_path, "pictures").sizes


def test_a_zip_archive_may_name_its_own_folder(tmp_path: Path) -> None:
    archive = tree(zipped(tmp_path / "p.zip", {"./cat/a.png": b"1", "dog/b.png": b"2"}), "pictures")
    assert (list(archive.sizes), archive.read("cat/a.png")) == (["cat/a.png", "dog/b.png"], b"1")
    assert archive.folders == {"cat", "dog"}


def test_a_member_without_a_name_is_refused(tmp_path: Path) -> None:
    place = zipped(tmp_path / "p.zip", {"a": b"1"})
    place.write_bytes(place.read_bytes().replace(b"a", b"\0"))
    with pytest.raises(InvalidData, match="must hold files with names"):
        _ = tree(place, "pictures").sizes
