"""Downloads: whole and of the right checksum or not at all, and a sentence that helps where there is no network."""

import hashlib
from collections.abc import Callable
from pathlib import Path

import pooch
import pytest

from amulet.core.dataset_spec import DatasetSpec
from amulet.core.errors import AmuletError
from amulet.datasets import CIFAR10, LFW, Census, FashionMNIST
from amulet.datasets.official.download import Remote, download

CONTENT = b"39, State-gov"
REMOTE = Remote("adult.data", "https://example.org/adult.data", f"sha256:{hashlib.sha256(CONTENT).hexdigest()}")


def server(content: bytes) -> Callable[..., Callable[[str, str, object], None]]:
    """In place of pooch's downloader: writes the content, or fails as without a network."""

    def downloader(progressbar: object, chunk_size: int, timeout: int) -> Callable[[str, str, object], None]:
        del progressbar, chunk_size, timeout

        def fetch(url: str, output: str, pup: object) -> None:
            del url, pup
            if not content:
                raise ConnectionError("Name or service not known")
            Path(output).write_bytes(content)

        return fetch

    return downloader


def test_a_file_is_put_into_the_data_sets_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooch, "HTTPDownloader", server(CONTENT))
    download([REMOTE], str(tmp_path), "adult", "Census")
    assert (tmp_path / "adult" / "adult.data").read_bytes() == CONTENT
    assert [place.name for place in (tmp_path / "adult").iterdir()] == ["adult.data"]


@pytest.mark.parametrize("sent", [CONTENT[:-1], b"<html>404</html>"], ids=["cut", "web page"])
def test_another_checksum_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr(pooch, "HTTPDownloader", server(sent))
    with pytest.raises(
        AmuletError, match=r"could not be downloaded from https://example\.org/adult\.data .* does not match"
    ):
        download([REMOTE], str(tmp_path), "adult", "Census")
    assert list((tmp_path / "adult").iterdir()) == []


def test_a_file_that_is_there_is_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is checked by its structure when it is read, not by its checksum: a user may have changed it on purpose."""
    monkeypatch.setattr(pooch, "HTTPDownloader", server(CONTENT))
    (tmp_path / "adult").mkdir()
    (tmp_path / "adult" / "adult.data").write_bytes(b"mine")
    download([REMOTE], str(tmp_path), "adult", "Census")
    assert (tmp_path / "adult" / "adult.data").read_bytes() == b"mine"


@pytest.mark.parametrize(
    ("spec", "file", "address"),
    [
        (Census, "adult/adult.data", "https://archive.ics.uci.edu"),
        (FashionMNIST, "fashion-mnist/train-images-idx3-ubyte.gz", "http://fashion-mnist.s3-website"),
        (CIFAR10, "cifar10/cifar-10-binary.tar.gz", "https://www.cs.toronto.edu"),
    ],
)
def test_without_a_network_it_is_said_where_files_come_from_and_belong(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, spec: Callable[..., DatasetSpec], file: str, address: str
) -> None:
    monkeypatch.setattr(pooch, "HTTPDownloader", server(b""))
    with pytest.raises(AmuletError) as caught:
        spec(root=str(tmp_path)).load()
    sentence = str(caught.value)
    folder, _, name = file.partition("/")
    assert f"needs '{name}', which could not be downloaded from {address}" in sentence
    assert "Name or service not known" in sentence
    assert f"Put it into {tmp_path / folder}, or set AMULET_DATA" in sentence


def test_the_images_of_lfw_are_offered_once_the_attributes_are_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pooch, "HTTPDownloader", server(b""))
    (tmp_path / "lfw_attributes.txt").write_text("#\tperson\timagenum\tMale\nBo\t1\t1.0\n")
    with pytest.raises(
        AmuletError, match=r"'lfw-funneled\.tgz', which could not be downloaded from https://ndownloader"
    ):
        LFW(root=str(tmp_path), target="Male", sensitive=()).load()
