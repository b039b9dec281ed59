"""One's own files: a CSV table, a folder of images."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from amulet.core.data import Attribute
from amulet.core.errors import InvalidData
from amulet.datasets import from_csv, from_folder, from_frame

FRAME = pd.DataFrame({"age": np.arange(40), "sex": ["f", "m", None, "f"] * 10, "paid": ["yes", "no"] * 20})


def test_a_table_is_the_frame_that_pandas_reads(tmp_path: Path) -> None:
    FRAME.to_csv(tmp_path / "loans.csv", index=False)
    read = from_csv(tmp_path / "loans.csv", target="paid", sensitive=["sex"], positive="yes", seed=3, name="loans")
    same = from_frame(FRAME, target="paid", sensitive=["sex"], positive="yes", seed=3, name="loans")
    assert read.content == same.content
    assert read.schema.attributes == (Attribute("sex", ("f", "m")),)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "be a table of comma-separated values"),
        (b"a,b\n1,2\n1,2,3\n", "be a table of comma-separated values"),
        (b"\xff\xfe\x00", "be a table of comma-separated values"),
        (b"<!doctype html>", "hold data. Got a web page"),
        (b"a,b\n1,2\n", "among ['a', 'b']. Got ['paid']."),
        (b"a,paid\n1,2,3\n4,5,6\n", "have as many names in its first line as values in the others"),
    ],
    ids=["empty", "ragged", "bytes", "web page", "no target", "one name too few"],
)
def test_other_files_are_refused(tmp_path: Path, content: bytes, sentence: str) -> None:
    (tmp_path / "loans.csv").write_bytes(content)
    with pytest.raises(InvalidData) as caught:
        from_csv(tmp_path / "loans.csv", target="paid", name="loans")
    assert sentence in str(caught.value)


@pytest.fixture
def pets(tmp_path: Path) -> Path:
    """Four cats and eight dogs of different sizes, each of one grey level."""
    for kind, count in (("cat", 4), ("dog", 8)):
        (tmp_path / "pets" / kind).mkdir(parents=True)
        for number in range(count):
            grey = 20 * number + (7 if kind == "cat" else 0)
            picture = Image.new("L" if number % 2 else "RGB", (10 + number, 12), grey if number % 2 else (grey,) * 3)
            picture.save(tmp_path / "pets" / kind / f"{number}.png")
    (tmp_path / "pets" / "LICENSE").write_text("mine")
    return tmp_path / "pets"


def test_each_folder_is_a_class_and_attributes_follow_their_images(pets: Path) -> None:
    colours = pd.DataFrame({"coat": ["dark", "light"]}, index=["dog/1.png", "cat/0.png"])
    dataset = from_folder(pets, height=6, width=5, sensitive=colours, positive="cat", test_share=0.25, name="pets")
    assert dataset.schema.classes == ("cat", "dog")
    assert dataset.schema.positive == "cat"
    assert dataset.schema.shape == (3, 6, 5)
    assert (dataset.train.y.bincount().tolist(), dataset.test.y.bincount().tolist()) == ([3, 6], [1, 2])
    assert dataset.schema.attributes == (Attribute("coat", ("dark", "light")),)
    for part in (dataset.train, dataset.test):
        grey = part.x.flatten(1).double().mean(1).int()
        assert torch.equal(grey % 20 == 7, part.y == 0)
        expected = [1 if level == 7 else 0 if level == 20 else -1 for level in grey.tolist()]
        assert part.attribute("coat").tolist() == expected


def test_without_attributes_z_has_no_column(pets: Path) -> None:
    assert from_folder(pets, height=4, width=4).train.z.shape == (9, 0)


def test_rows_that_name_no_image_are_refused(pets: Path) -> None:
    wrong = pd.DataFrame({"coat": ["dark"]}, index=["dog/99.png"])
    with pytest.raises(
        InvalidData, match=r"must be indexed by the images' paths in the folder, each once\. Got \['dog/99"
    ):
        from_folder(pets, height=4, width=4, sensitive=wrong)


def test_broken_images_and_images_beside_the_folders_are_refused(pets: Path) -> None:
    (pets / "dog" / "1.png").write_bytes(b"no picture")
    with pytest.raises(InvalidData, match=r"The file 'dog/1\.png' of own data must be a whole picture"):
        from_folder(pets, height=4, width=4)
    (pets / "0.png").write_bytes(b"")
    with pytest.raises(InvalidData, match="one folder a class, images in those only"):
        from_folder(pets, height=4, width=4)


def test_one_class_is_none(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="images in at least two folders, one a class"):
        from_folder(tmp_path, height=4, width=4)


def test_a_class_may_lie_elsewhere_and_be_linked(pets: Path, tmp_path: Path) -> None:
    (pets / "dog").rename(tmp_path / "dog")
    (pets / "dog").symlink_to(tmp_path / "dog")
    assert from_folder(pets, height=4, width=4).schema.classes == ("cat", "dog")


def test_a_folder_without_images_is_no_class_in_silence(pets: Path) -> None:
    (pets / "bird").mkdir()
    (pets / "bird" / "0.raw").write_bytes(b"sensor")
    with pytest.raises(InvalidData, match=r"must be a folder of folders with images .* Got \"\['bird'\] without any"):
        from_folder(pets, height=4, width=4)


@pytest.mark.parametrize("ending", ["TIF", "tiff", "ppm", "pgm"])
def test_pictures_of_other_kinds_are_pictures(pets: Path, ending: str) -> None:
    (pets / "bird").mkdir()
    for number in range(3):
        Image.new("L", (4, 4)).save(pets / "bird" / f"{number}.{ending}")
    assert from_folder(pets, height=4, width=4).schema.classes == ("bird", "cat", "dog")


def test_folders_of_parts_are_not_taken_for_classes(pets: Path) -> None:
    for part in ("train", "test"):
        (pets.parent / "both" / part).mkdir(parents=True)
        (pets.parent / "both" / part / "pets").symlink_to(pets)
    with pytest.raises(InvalidData, match="one folder a class, images in those only"):
        from_folder(pets.parent / "both", height=4, width=4)


def test_sixteen_bits_are_not_cut_off(pets: Path) -> None:
    Image.fromarray(np.full((8, 8), 12850, dtype=np.uint16)).save(pets / "dog" / "9.png")
    with pytest.raises(
        InvalidData, match=r"The file 'dog/9\.png' of own data must have 8 bits a channel\. Got mode I;16"
    ):
        from_folder(pets, height=4, width=4)


@pytest.mark.parametrize(("height", "share", "sentence"), [(0, 0.3, "'height'"), (4, -0.3, "'test_share'")])
def test_what_is_no_size_and_no_share_is_refused(pets: Path, height: int, share: float, sentence: str) -> None:
    with pytest.raises(InvalidData, match=sentence):
        from_folder(pets, height=height, width=4, test_share=share)


def test_it_is_said_that_nothing_is_there(tmp_path: Path) -> None:
    with pytest.raises(InvalidData, match="The 'path' of own data must be one that is there"):
        from_csv(tmp_path / "none.csv", target="paid")
    with pytest.raises(InvalidData, match="The 'path' of own data must be one that is there"):
        from_folder(tmp_path / "none", height=4, width=4)
    with pytest.raises(InvalidData, match="The 'path' of own data must be a file"):
        from_csv(tmp_path, target="paid")
