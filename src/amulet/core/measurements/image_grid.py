"""Images behind a number, such as what an attack has reconstructed of each class, in rows and columns."""

from dataclasses import dataclass
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import interpolate

MOST_COLUMNS: Final = 10
"""The most columns of a grid, and the most rows, so that reports stay small."""

MOST_PIXELS: Final = 64
"""The largest height and width of an image in a grid."""


@dataclass(frozen=True, eq=False)
class ImageGrid:
    """Images in rows and columns.

    Attributes:
        title: what the images show, as a sentence for somebody who does not know the attack.
        rows: what the images of a row are, such as "mean of the training records"; at most `MOST_COLUMNS` rows.
        columns: what the images of a column are of, such as the names of the classes; at most `MOST_COLUMNS`.
        pixels: (rows, columns, channels, height, width) uint8; 1 channel for grey, 3 for red, green and blue. Height
            and width are at most `MOST_PIXELS`.
        references: how many of the first rows do not depend on the model, but show what the others are compared with.

    Raises:
        ValueError: the pixels are not of this form.
    """

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    pixels: Tensor
    references: int = 0

    def __post_init__(self) -> None:
        shape = tuple(self.pixels.shape)
        if self.pixels.dtype != torch.uint8 or len(shape) != 5 or shape[:2] != (len(self.rows), len(self.columns)):
            wanted = f"uint8 ({len(self.rows)}, {len(self.columns)}, channels, height, width)"
            raise ValueError(f"The 'pixels' of an ImageGrid must be {wanted}. Got {self.pixels.dtype} {shape}.")
        if shape[2] not in {1, 3} or max(shape[:2]) > MOST_COLUMNS or max(shape[3:]) > MOST_PIXELS or 0 in shape:
            allowed = (
                f"at most {MOST_COLUMNS} x {MOST_COLUMNS} images of 1 or 3 channels and {MOST_PIXELS} pixels a side"
            )
            raise ValueError(f"The 'pixels' of an ImageGrid must be {allowed}. Got {shape}.")
        if not 0 <= self.references < len(self.rows):
            raise ValueError(f"The 'references' of an ImageGrid must be fewer than its rows. Got {self.references}.")


def as_pixels(images: Tensor, low: float, high: float) -> Tensor:
    """Images as bytes, 0 at the lower and 255 at the upper bound.

    Args:
        images: (n, channels, height, width) floating-point images.
        low: the lower bound of the data; what lies beyond the bounds is cut off.
        high: the upper bound.

    Returns:
        uint8 in the shape of the images.

    Example:
        >>> as_pixels(torch.tensor([[[[-1.0, 0.0, 1.0]]]]), -1.0, 1.0).flatten().tolist()
        [0, 128, 255]
    """
    shares = (images.double() - low) / (high - low)
    return (shares.clamp(0, 1) * 255).round().to(torch.uint8)


def reduced(images: Tensor) -> Tensor:
    """(n, channels, height, width) images of at most `MOST_PIXELS` a side: means of the pixels that fall together.

    Example:
        >>> reduced(torch.zeros(2, 3, 128, 32)).shape
        torch.Size([2, 3, 64, 16])
    """
    largest = max(images.shape[2:])
    if largest <= MOST_PIXELS:
        return images
    return interpolate(images, [max(1, side * MOST_PIXELS // largest) for side in images.shape[2:]], mode="area")
