"""Pictures are turned as their cameras say, decoded by decoders of pictures only, or refused by name."""

import io
import os
import socket
import struct
import zipfile
import zlib
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from amulet.core.errors import InvalidData
from amulet.datasets import from_folder
from amulet.datasets.official.images import View, decode

VIEW = View(8, 8)
Write = Callable[[Path], None]


def picture(kind: str, image: Image.Image, **settings: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **settings)
    return file.getvalue()


def refusal(content: bytes) -> str:
    with pytest.raises(InvalidData) as caught:
        decode(content, "dog/1.png", VIEW, "pets")
    (problem,) = caught.value.problems
    assert "\n" not in problem.sentence
    return problem.sentence


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    for kind in ("cat", "dog"):
        (tmp_path / "pets" / kind).mkdir(parents=True)
        for number in range(4):
            Image.new("RGB", (10, 12), (20 * number,) * 3).save(tmp_path / "pets" / kind / f"{number}.png")
    return tmp_path / "pets"


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "TIFF"])
@pytest.mark.parametrize("turn", range(1, 9))
def test_pictures_stand_upright(kind: str, turn: int) -> None:
    """Each of the eight orientations of the standard, made by turning the pixels the other way."""
    upright = np.zeros((16, 16, 3), dtype=np.uint8)
    upright[:8, :8], upright[:8, 8:], upright[8:, :8] = 250, 160, 80
    kept = {
        1: upright,
        2: upright[:, ::-1],
        3: upright[::-1, ::-1],
        4: upright[::-1],
        5: upright.transpose(1, 0, 2),
        6: np.rot90(upright),
        7: upright[::-1, ::-1].transpose(1, 0, 2),
        8: np.rot90(upright, -1),
    }[turn]
    exif = Image.Exif()
    exif[274] = turn
    found = decode(picture(kind, Image.fromarray(np.ascontiguousarray(kept)), exif=exif), "1.png", VIEW, "pets")
    expected = decode(picture("PNG", Image.fromarray(upright)), "1.png", VIEW, "pets")
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= 12


def test_other_decoders_never_run() -> None:
    for kind in ("EPS", "ICO", "PCX", "TGA", "SGI", "DDS"):
        assert "must be a whole picture, of JPEG, PNG, BMP" in refusal(picture(kind, Image.new("RGB", (16, 16))))


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded() -> None:
    for side in (12_000, 60_000):
        head = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
        content = _png(head, b"")
        with pytest.warns(Image.DecompressionBombWarning) if side < 13_000 else nullcontext():
            assert "pixels" in refusal(content)


def test_a_bomb_in_a_folder_is_one_sentence(pets: Path) -> None:
    head = struct.pack(">IIBBBBB", 12_000, 12_000, 8, 2, 0, 0, 0)
    content = _png(head, b"")
    (pets / "dog" / "9.png").write_bytes(content)
    with pytest.raises(InvalidData, match=r"The file 'dog/9\.png' of own data must"):
        from_folder(pets, height=4, width=4)


def test_text_that_unpacks_without_end_is_refused() -> None:
    text = b"zTXt" + b"note\0\0" + zlib.compress(b"0" * 2**27)
    content = picture("PNG", Image.new("RGB", (4, 4)))
    end = content.index(b"IDAT") - 4
    assert "be a whole picture" in refusal(content[:end] + _chunk(text[:4], text[4:]) + content[end:])


@pytest.mark.parametrize("depth", ["png", "ppm", "grey", "float"])
def test_more_than_eight_bits_are_never_cut_off(depth: str) -> None:
    rows = b"".join(b"\0" + b"\x12\x34" * 12 for _ in range(4))
    head = struct.pack(">IIBBBBB", 4, 4, 16, 2, 0, 0, 0)
    content = {
        "png": b"\x89PNG\r\n\x1a\n"
        + _chunk(b"IHDR", head)
        + _chunk(b"IDAT", zlib.compress(rows))
        + _chunk(b"IEND", b""),
        "ppm": b"P6 4 4 65535\n" + b"\x12\x34" * 48,
        "grey": picture("PNG", Image.fromarray(np.full((4, 4), 12850, dtype=np.uint16))),
        "float": picture("TIFF", Image.fromarray(np.ones((4, 4), dtype=np.float32))),
    }[depth]
    assert "must have 8 bits a channel" in refusal(content)


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG"])
def test_frames_are_not_passed_over(kind: str) -> None:
    frames = [Image.new("RGB", (8, 8), (90 * number,) * 3) for number in range(3)]
    found = refusal(picture(kind, frames[0], save_all=True, append_images=frames[1:]))
    assert found == "The file 'dog/1.png' of pets must hold one picture. Got 3 frames."


def test_every_cut_of_a_picture_is_refused_or_read() -> None:
    content = picture("PNG", Image.fromarray(np.random.default_rng(0).integers(0, 255, (16, 16, 3), dtype=np.uint8)))
    for length in range(0, len(content) - 12, 37):
        assert "must be" in refusal(content[:length])


def _pipe(place: Path) -> None:
    os.mkfifo(place)


def _socket(place: Path) -> None:
    with socket.socket(socket.AF_UNIX) as opened:
        opened.bind(os.fspath(place))


def _link(place: Path) -> None:
    place.symlink_to("/dev/zero")


@pytest.mark.parametrize("make", [_pipe, _socket, _link], ids=["pipe", "socket", "device"])
def test_what_is_no_regular_file_is_refused_by_name(pets: Path, make: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(pets)  # a socket's path must be short
    make(Path("dog/9.png"))
    with pytest.raises(InvalidData, match=r"The file 'dog/9\.png' of own data must be a regular file"):
        from_folder(pets, height=4, width=4)


@pytest.mark.parametrize(
    ("path", "given"),
    [
        ("dog/9.png/", "images in those only. Got ['dog/9.png']"),
        ("bird/", "\"['bird'] without any\""),
        ("dog/9.heic", "Got ['dog/9.heic']"),
        ("dog/notes.txt", "Got ['dog/notes.txt']"),
        ("9.heic", "Got ['9.heic']"),
        ("dog/more/9.raw", "Got ['dog/more/9.raw']"),
    ],
)
@pytest.mark.parametrize("packed", [False, True], ids=["folder", "zip"])
def test_no_file_of_a_folder_is_passed_over(pets: Path, path: str, given: str, packed: bool) -> None:
    place = pets / path
    if path.endswith("/"):
        place.mkdir()
    else:
        place.parent.mkdir(exist_ok=True)
        place.write_bytes(b"?")
    with pytest.raises(InvalidData) as caught:
        from_folder(_zipped(pets) if packed else pets, height=4, width=4)
    assert given in str(caught.value)


def test_what_systems_leave_behind_is_no_picture(pets: Path) -> None:
    for name in ("dog/.DS_Store", "dog/Thumbs.db", "desktop.ini", "LICENSE", "readme.md"):
        (pets / name).write_bytes(b"?")
    (pets / "__MACOSX").mkdir()
    assert len(from_folder(pets, height=4, width=4).train) == 6


def _zipped(folder: Path) -> Path:
    place = folder.with_suffix(".zip")
    with zipfile.ZipFile(place, "w") as archive:
        for each in sorted(folder.rglob("*")):
            archive.write(each, each.relative_to(folder))
    return place


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def _png(head: bytes, rows: bytes) -> bytes:
    chunks = (_chunk(b"IHDR", head), _chunk(b"IDAT", zlib.compress(rows)), _chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)
