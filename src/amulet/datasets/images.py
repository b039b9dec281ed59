"""Pictures as bytes of one size, decoded block by block."""

import hashlib
import io
import struct
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from amulet.core.spec import Plain
from amulet.datasets.cache import Blocks, Key, cached
from amulet.datasets.progress import Bar
from amulet.datasets.sources import Tree, refuse_web_page, refused

_VERSION: Final = 2
"""Of this decoder, to be raised when it comes to give other bytes."""

_BLOCK: Final = 256
"""Images in memory at once."""


@dataclass(frozen=True)
class View:
    """What of a picture is kept.

    Attributes:
        height, width: of the result, by bilinear interpolation over all pixels that fall together.
        frame: width and height that each picture must have; None for any.
        box: left, upper, right and lower edge of the part of the frame that is kept; None for all.
        scaled: whether a picture may be smaller or larger than the frame, in its proportions.
    """

    height: int
    width: int
    frame: tuple[int, int] | None = None
    box: tuple[int, int, int, int] | None = None
    scaled: bool = False

    @property
    def plain(self) -> dict[str, Plain]:
        """As JSON, with what decodes: two releases of it may differ by a grey level."""
        import PIL  # noqa: PLC0415 - only where pictures are decoded

        box: Plain = list(self.box) if self.box else None
        return {"height": self.height, "width": self.width, "box": box, "decoder": f"Pillow {PIL.__version__}"}

    def admits(self, size: tuple[int, int]) -> bool:
        """Whether a picture of that width and height is within the frame."""
        if self.frame is None or size == self.frame:
            return True
        return self.scaled and size[0] * self.frame[1] == size[1] * self.frame[0]

    def box_in(self, size: tuple[int, int]) -> tuple[int, int, int, int]:
        """The box in a picture of that size, to whole pixels."""
        if self.box is None or self.frame is None:
            return 0, 0, *size
        across, down = size[0] / self.frame[0], size[1] / self.frame[1]
        left, upper, right, lower = self.box
        return round(left * across), round(upper * down), round(right * across), round(lower * down)


def decoded(source: Tree, paths: Sequence[str], view: View, owner: str) -> NDArray[Any]:
    """(n, 3, height, width) bytes of the pictures, memory-mapped from the cache, decoded if they are not there.

    Raises:
        InvalidData: a picture is broken, cut short or of another size; nothing is cached then.
    """
    listed = hashlib.sha256("\n".join(paths).encode(errors="surrogateescape")).hexdigest()
    key = Key(owner, _VERSION, {"images": source.fingerprint, "paths": listed}, view.plain)
    shape = (len(paths), 3, view.height, view.width)
    return cached(key, lambda: {"x": Blocks(shape, _blocks(source, paths, view, owner))})["x"]


def decode(content: bytes, path: str, view: View, owner: str) -> NDArray[np.uint8]:
    """(3, height, width) bytes of one picture."""
    from PIL import Image  # noqa: PLC0415 - only where pictures are decoded

    refuse_web_page(content, path, owner)
    try:
        with Image.open(io.BytesIO(content)) as picture:
            if not view.admits(picture.size):
                raise refused(path, owner, f"be a picture of {view.frame} pixels", picture.size)
            if picture.mode.startswith(("I", "F")):  # whose values Pillow would cut off at 255
                raise refused(path, owner, "have 8 bits a channel", f"mode {picture.mode}")
            colours = picture.convert("RGB")
    except (OSError, SyntaxError, struct.error, Image.DecompressionBombError) as error:
        raise refused(path, owner, "be a whole picture", f"'{error}'") from None
    part = colours.crop(view.box_in(colours.size))
    return np.asarray(part.resize((view.width, view.height), Image.Resampling.BILINEAR)).transpose(2, 0, 1)


def _blocks(source: Tree, paths: Sequence[str], view: View, owner: str) -> Iterator[NDArray[np.uint8]]:
    def one(path: str) -> NDArray[np.uint8]:
        return decode(source.read(path), path, view, owner)

    with ThreadPoolExecutor() as pool, Bar(f"{owner}: decoding images", len(paths)) as bar:
        for start in range(0, len(paths), _BLOCK):
            block = list(pool.map(one, paths[start : start + _BLOCK]))
            yield np.stack(block)
            bar.update(len(block))
