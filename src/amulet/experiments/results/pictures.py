"""The images behind the numbers of an assessment, in the form in which results keep them."""

from base64 import b64decode, b64encode
from binascii import Error
from dataclasses import dataclass
from typing import Final

from torch import Tensor

from amulet.core.measurements.image_grid import MOST_PIXELS, ImageGrid
from amulet.core.measurements.png import decoded_png, encoded_png

LONGEST: Final = 4 * (3 * MOST_PIXELS * (MOST_PIXELS + 1) + 1024) // 3
"""The most characters of one image: pixels that do not compress, and what PNG adds to them."""


@dataclass(frozen=True)
class PictureRow:
    """A row of images.

    Attributes:
        name: what the images are.
        images: PNG files as base64, one for each column.
    """

    name: str
    images: tuple[str, ...]


@dataclass(frozen=True)
class Pictured:
    """The images of one probe for one model, that is for one row and seed of an assessment; see `ImageGrid`.

    Attributes:
        task: the digest of the task in the store that made them.
        columns: what the images of a column are of.
        references: how many of the first rows do not depend on the model.
    """

    row: str
    risk: str
    probe: str
    seed: int
    task: str
    title: str
    columns: tuple[str, ...]
    rows: tuple[PictureRow, ...]
    references: int


def rows_of(grid: ImageGrid) -> tuple[PictureRow, ...]:
    """The rows of a grid, its images as PNG in base64."""
    return tuple(
        PictureRow(name, tuple(b64encode(encoded_png(image)).decode() for image in images))
        for name, images in zip(grid.rows, grid.pixels, strict=True)
    )


def image_from(text: str) -> Tensor:
    """(channels, height, width) uint8 image from a PNG in base64.

    Raises:
        ValueError: it is something else, or too large. The message is the end of a sentence about the image.
    """
    if len(text) > LONGEST:
        raise ValueError(f"must have at most {LONGEST} characters")
    try:
        content = b64decode(text, validate=True)
    except (Error, ValueError):
        raise ValueError("is not base64") from None
    return decoded_png(content, MOST_PIXELS)
