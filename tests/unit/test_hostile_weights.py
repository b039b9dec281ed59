"""Files of weights from elsewhere: no code in them runs, and whatever is wrong is one sentence."""

import io
import json
import os
import pickle
import random
import struct
import zipfile
from pathlib import Path
from unittest.mock import patch

import pytest
import torch
from torch import nn

from amulet.core.text import visible
from amulet.models import load_weights, save_weights
from amulet.models.weights import MOST_OF_A_PICKLE, Unreadable


class Touching:
    """Unpickling it would make a file."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self) -> tuple[object, tuple[Path]]:
        return Path.touch, (self.place,)


def refused(place: Path) -> str:
    with pytest.raises(Unreadable) as caught:
        load_weights(nn.Linear(3, 3), place)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert visible(sentence) == sentence
    assert len(sentence) < 1000
    return sentence


@pytest.mark.parametrize("ending", [".pt", ".pth", ".bin", ".safetensors", ""])
@pytest.mark.parametrize("writer", ["pickle", "torch", "torch before 1.6"])
def test_no_pickle_is_run_whatever_its_name(ending: str, writer: str, tmp_path: Path) -> None:
    place, made = tmp_path / f"net{ending}", tmp_path / "made"
    content = {"weight": Touching(made)}
    if writer == "pickle":
        place.write_bytes(pickle.dumps(content))
    else:
        torch.save(content, place, _use_new_zipfile_serialization=writer == "torch")
    refused(place)
    assert not made.exists()


@pytest.mark.parametrize("packed", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_pickle_that_would_fill_the_memory_is_refused(packed: int, tmp_path: Path) -> None:
    """Each of its bytes is an opcode for which the reader makes a list; by itself, and in an archive."""
    marks = b"\x80\x02" + b"(" * (MOST_OF_A_PICKLE + 1)
    (tmp_path / "marks.pt").write_bytes(marks)
    torch.save(nn.Linear(3, 3).state_dict(), tmp_path / "net.pt")
    with zipfile.ZipFile(tmp_path / "net.pt") as sound, zipfile.ZipFile(tmp_path / "zip.pt", "w", packed) as made:
        for name in sound.namelist():
            made.writestr(name, marks if name.endswith("data.pkl") else sound.read(name))
    with patch("amulet.models.weights.MOST_OF_A_PICKLE", 1000):  # its last bytes take seconds to come to
        assert refused(tmp_path / "marks.pt").endswith("must have at most 1,000 bytes beside its tensors. It has more.")
    assert refused(tmp_path / "zip.pt").endswith("must have at most 4,194,304 bytes beside its tensors. It has more.")


@pytest.mark.parametrize("ending", [".pt", ".safetensors"])
def test_what_has_no_end_is_never_read(ending: str, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / f"pipe{ending}")
    (tmp_path / f"zero{ending}").symlink_to("/dev/zero")
    for name in ("pipe", "zero"):
        assert "It is no regular file" in refused(tmp_path / f"{name}{ending}")


@pytest.mark.parametrize("error", [ZeroDivisionError, NameError, MemoryError])
def test_an_error_that_no_damaged_file_causes_is_not_taken_for_one(error: type[Exception], tmp_path: Path) -> None:
    torch.save({}, tmp_path / "net.pt")
    with patch.object(torch, "load", side_effect=error), pytest.raises(error):
        load_weights(nn.Linear(3, 3), tmp_path / "net.pt")


def header(tensors: object) -> bytes:
    text = json.dumps(tensors).encode()
    return struct.pack("<Q", len(text)) + text


@pytest.mark.parametrize(
    "content",
    [
        struct.pack("<Q", 2**63) + b"{}",
        struct.pack("<Q", 2**40) + b"{}",
        header({"weight": {"dtype": "F32", "shape": [2**40, 2**20], "data_offsets": [0, 2**62]}}),
        header({"weight": {"dtype": "F32", "shape": [3, 3], "data_offsets": [0, 36]}}),
        header({"weight": {"dtype": "F32", "shape": [3, 3], "data_offsets": [36, 0]}}) + bytes(36),
        header({"weight": {"dtype": "F32", "shape": [-3, 3], "data_offsets": [0, 36]}}) + bytes(36),
        header({"weight": {"dtype": "X32", "shape": [3, 3], "data_offsets": [0, 36]}}) + bytes(36),
        header([1, 2]),
        struct.pack("<Q", 100_000) + b"[" * 100_000,
        b"",
        b"\x00" * 100,
    ],
    ids=lambda content: ascii(content[8:40]),
)
def test_headers_that_lie_are_refused(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "net.safetensors").write_bytes(content)
    assert "cannot be read as safetensors" in refused(tmp_path / "net.safetensors")


def test_names_of_tensors_reach_no_terminal_raw(tmp_path: Path) -> None:
    torch.save({"\x1b[31m\u202e" + "x" * 10_000: 1}, tmp_path / "net.pt")
    assert "must hold a state dict" in refused(tmp_path / "net.pt")
    torch.save({"\x1b[31m\u202e" + "x" * 10_000: torch.zeros(1)}, tmp_path / "net.pt")
    assert "do not fit Linear" in refused(tmp_path / "net.pt")


def damaged(content: bytes, rng: random.Random) -> bytes:
    """One to five bytes changed, left out or inserted, half of them near the beginning."""
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 2, 5))):
        at = rng.randrange(rng.choice((len(changed), min(len(changed), 700))))
        left_out, put_in = rng.randrange(30), bytes(rng.randrange(256) for _ in range(rng.randrange(4)))
        changed[at : at + left_out] = put_in
    return bytes(changed)


@pytest.mark.parametrize("writer", ["torch", "torch before 1.6", "safetensors"])
def test_damaged_files_are_read_or_refused_in_one_sentence(writer: str, tmp_path: Path) -> None:
    model, rng = nn.Linear(3, 3), random.Random(3)  # noqa: S311 - no secret
    place = tmp_path / ("net.safetensors" if writer == "safetensors" else "net.pt")
    if writer == "safetensors":
        save_weights(model, place)
    else:
        written = io.BytesIO()
        torch.save(model.state_dict(), written, _use_new_zipfile_serialization=writer == "torch")
        place.write_bytes(written.getvalue())
    content = place.read_bytes()
    for _ in range(300):
        place.write_bytes(damaged(content, rng))
        sentence = ""
        try:
            load_weights(nn.Linear(3, 3), place)
        except Unreadable as error:
            sentence = str(error)
        assert "\n" not in sentence
        assert visible(sentence) == sentence
