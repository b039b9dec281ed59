"""Images behind numbers: as PNG, in results, and on the page."""

import io
import json
import struct
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Generator, Tensor

from amulet.core.dataset import AmuletDataset
from amulet.core.errors import AmuletError
from amulet.core.measurements.image_grid import MOST_COLUMNS, MOST_PIXELS, ImageGrid, as_pixels, reduced
from amulet.core.measurements.png import decoded_png, encoded_png
from amulet.core.metric import Undefined
from amulet.data_reconstruction import ReconstructionOutcome
from amulet.data_reconstruction.attacks import ModelInversion
from amulet.datasets import Digits, from_arrays
from amulet.evasion.defenses import AdversarialTraining
from amulet.experiments import Experiment, Results, Row, assess
from amulet.experiments.results.pictures import LONGEST, image_from, rows_of
from amulet.models import LinearNet
from amulet.report.pages.matrix_page import render
from amulet.report.pages.picture_tables import picture_tables
from amulet.testing import TOY_RECIPE, toy_dataset
from amulet.training import Recipe

RECIPE = Recipe(LinearNet((8,), norm="group"), epochs=1)


def noise(*shape: int) -> Tensor:
    return torch.randint(0, 256, shape, generator=Generator().manual_seed(0)).to(torch.uint8)


@pytest.mark.parametrize("shape", [(1, 8, 8), (3, 5, 9), (1, 1, 1), (3, 64, 64)])
def test_pillow_reads_the_pixels_that_were_written(shape: tuple[int, ...]) -> None:
    image = noise(*shape)
    with Image.open(io.BytesIO(encoded_png(image)), formats=["PNG"]) as read:
        pixels = np.asarray(read).reshape(shape[1], shape[2], shape[0])
    assert np.array_equal(pixels.transpose(2, 0, 1), image.numpy())
    assert torch.equal(decoded_png(encoded_png(image), MOST_PIXELS), image)


def chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def forged(lines: bytes, width: int = 2, height: int = 2, extra: bytes = b"") -> bytes:
    """A PNG of grey pixels with right checksums, its data as given."""
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0))
    return (
        encoded_png(noise(1, 1, 1))[:8] + header + extra + chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b"")
    )


PNG = encoded_png(noise(1, 4, 4))


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "no PNG"),
        (PNG[:-1], "damaged"),
        (PNG + b"<script>", "damaged"),
        (PNG[:60] + bytes([PNG[60] ^ 1]) + PNG[61:], "no PNG|damaged"),
        (b"GIF89a" + PNG[6:], "no PNG"),
        (encoded_png(noise(1, 65, 4)), "1 to 64 pixels a side, not 4 x 65"),
        (forged(b"\0ab\0cd", width=0), "not 0 x 2"),
        (forged(b"\0ab"), "more or fewer pixels"),
        (forged(b"\0ab\0cd" * 100_000), "more or fewer pixels"),
        (forged(b"\1ab\0cd"), "no PNG"),
        (forged(b"\0ab\0cd", extra=chunk(b"tEXt", b"a\0b")), "no PNG"),
    ],
)
def test_nothing_but_such_images_is_read(content: bytes, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        decoded_png(content, 64)


def test_the_largest_image_fits() -> None:
    grid = ImageGrid("noise", ("one",), ("a",), noise(1, 1, 3, MOST_PIXELS, MOST_PIXELS))
    ((text,),) = (row.images for row in rows_of(grid))
    assert len(text) <= LONGEST
    assert torch.equal(image_from(text), grid.pixels[0, 0])
    for wrong in ("a" * (LONGEST + 1), "äöü", "a"):
        with pytest.raises(ValueError, match=r"must have at most|is not base64"):
            image_from(wrong)


@pytest.mark.parametrize(
    ("rows", "pixels", "references"),
    [
        (1, noise(1, 2, 2, 4, 4), 0),
        (1, noise(1, 2, 1, 4, 65), 0),
        (1, noise(2, 2, 1, 4, 4), 0),
        (1, noise(1, 2, 1, 4, 4).float(), 0),
        (1, noise(1, 2, 1, 4, 4), 1),
        (MOST_COLUMNS + 1, noise(MOST_COLUMNS + 1, 2, 1, 4, 4), 0),
    ],
)
def test_a_grid_is_of_small_images(rows: int, pixels: Tensor, references: int) -> None:
    with pytest.raises(ValueError, match="of an ImageGrid must be"):
        ImageGrid("", tuple("abcdefghijkl"[:rows]), ("x", "y"), pixels, references)


def outcome(images: Tensor) -> ReconstructionOutcome:
    """Black where white images were trained on."""
    guesses = torch.stack([torch.zeros_like(images[0])] * 3)
    near = guesses.expand(len(images), *guesses.shape)
    made = torch.zeros_like(images)
    return ReconstructionOutcome(torch.arange(len(images)), made, images, images, near, guesses, torch.tensor(1.0))


def images(classes: int, *shape: int) -> AmuletDataset:
    y = np.arange(2 * classes) % classes
    x = np.random.default_rng(0).random((len(y), *shape)).astype(np.float32)
    return from_arrays((x, y), (x, y), bounds=(0.0, 1.0), name="noise")


def test_of_many_classes_the_first_ten_are_shown_and_large_images_get_smaller() -> None:
    schema = images(12, 3, 128, 96).train.schema
    grid = ModelInversion().exhibit([outcome(torch.ones(12, 3, 128, 96))], schema)
    assert isinstance(grid, ImageGrid)
    assert grid.pixels.shape == (2, 10, 3, 64, 48)
    assert (grid.pixels[0] == 255).all()
    assert (grid.pixels[1] == 0).all()
    assert grid.columns == schema.classes[:10]
    assert "of the first 10 of 12 classes" in grid.title


def test_tabular_records_and_unusual_channels_are_not_shown() -> None:
    data = toy_dataset()
    found = ModelInversion(steps=1).attack(LinearNet().build(data.schema), data.train)
    assert isinstance(ModelInversion().exhibit([found], data.schema), Undefined)
    two = images(2, 2, 8, 8).train.schema
    assert isinstance(ModelInversion().exhibit([outcome(torch.ones(2, 2, 8, 8))], two), Undefined)


def test_means_of_pixels_that_fall_together() -> None:
    made = reduced(torch.arange(128.0).expand(1, 1, 128, 128))
    assert torch.equal(made[0, 0, 0], torch.arange(0.5, 128, 2))
    assert torch.equal(as_pixels(made, 0.0, 127.5)[0, 0, 0], torch.arange(1, 256, 4).to(torch.uint8))


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """Two seeds of an inversion of undefended and defended models of digits."""
    rows = (Row("<robust>", (AdversarialTraining(epsilon=0.1, steps=1),)),)
    data = Digits().load()
    experiment = Experiment("digits", None, RECIPE, rows, (ModelInversion(steps=3),), seeds=2)
    return assess(experiment, dataset=data, store=tmp_path_factory.mktemp("store"), workers=1)


def test_results_hold_the_images_of_the_first_seed(results: Results) -> None:
    assert [(each.row, each.seed) for each in results.pictures] == [("undefended", 0), ("<robust>", 0)]
    undefended, robust = results.pictures
    assert [row.name for row in robust.rows] == ["mean of the training images", "reconstruction"]
    assert undefended.rows[0] == robust.rows[0]
    assert undefended.rows[1] != robust.rows[1]
    assert robust.columns == tuple("0123456789")
    assert image_from(robust.rows[1].images[0]).shape == (1, 8, 8)
    assert Results.from_json(results.to_json()) == results


def test_class_means_stand_once_above_the_reconstructions_of_each_row(results: Results) -> None:
    (table,) = picture_tables(results)
    headings = ["mean of the training images", "reconstruction: undefended", "reconstruction: <robust>"]
    assert [line.heading for line in table.lines] == headings
    assert table.lines[2].images[3] == ("3, reconstruction: <robust>", results.pictures[1].rows[1].images[3])
    assert "seed 0" in table.caption


def test_the_page_shows_them_with_texts_in_their_place(results: Results) -> None:
    page = render(results, {})
    assert page.count('<img src="data:image/png;base64,') == 30
    assert 'alt="3, reconstruction: &lt;robust&gt;"' in page
    assert "data-pictures" not in render(replace(results, pictures=()), {}).partition('<script type="module">')[0]


def test_assessments_of_tables_have_no_images(tmp_path: Path) -> None:
    experiment = Experiment("toy", None, TOY_RECIPE, (), (ModelInversion(steps=1),), seeds=1)
    found = assess(experiment, dataset=toy_dataset(), store=tmp_path, workers=1)
    assert found.pictures == ()
    assert json.loads(found.to_json())["pictures"] == []


@pytest.mark.parametrize(
    ("place", "to", "sentence"),
    [
        (("row",), "other", "there are images but no value of 'ModelInversion(steps=3)' for row 'other'"),
        (("columns",), list("987654321x"), "must have the same columns for all rows"),
        (("columns",), ["a"], "as many images as there are columns"),
        (("columns",), [], "at least 1 item"),
        (("references",), 2, "fewer references than the 2 rows, not 2"),
        (("rows", 0, "images", 0), "", "the image is no PNG"),
        (("rows", 0, "images", 0), 'x" onerror="alert(1)', "the image is not base64"),
        (("rows", 0, "images", 0), "A" * (LONGEST + 1), f"at most {LONGEST}"),
        (("rows", 0, "images"), [], "at least 1 item"),
        (("rows", 0, "name"), "", "at least 1 character"),
        (("more",), 1, "is not known"),
    ],
)
def test_images_are_checked_when_they_are_read(
    results: Results, place: tuple[str | int, ...], to: object, sentence: str
) -> None:
    body = json.loads(results.to_json())
    inner = body["pictures"][1]
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = to
    with pytest.raises(AmuletError, match="This is not") as caught:
        Results.from_json(json.dumps(body))
    assert sentence in str(caught.value)


def test_the_same_images_twice_are_refused(results: Results) -> None:
    body = json.loads(results.to_json())
    body["pictures"].append(body["pictures"][0])
    with pytest.raises(AmuletError, match="stands there twice"):
        Results.from_json(json.dumps(body))
