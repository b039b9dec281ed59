"""Pictures as bytes of one size, decoded block by block."""

import hashlib
import io
import math
import struct
import warnings
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from amulet.core.errors import InvalidData
from amulet.core.spec import Plain
from amulet.datasets.official.cache import Blocks, Key, cached
from amulet.datasets.official.progress import Bar
from amulet.datasets.official.reading import refuse_web_page, refused
from amulet.datasets.official.sources import Tree

if TYPE_CHECKING:
    from PIL.ImageFile import ImageFile

_VERSION: Final = 3
"""Of this decoder, to be raised when it comes to give other bytes."""

_FORMATS: Final = ("JPEG", "PNG", "BMP", "GIF", "WEBP", "TIFF", "PPM")
"""Those of Pillow's decoders that may run, whatever a file's name says."""

_DAMAGED: Final = (OSError, SyntaxError, struct.error, ValueError, LookupError, TypeError, ArithmeticError, MemoryError)
"""What decoders raise for broken pictures."""

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
    """(3, height, width) bytes of one picture, turned as its EXIF orientation says.

    Raises:
        InvalidData: it is no whole picture of one frame, or has too many pixels, more than 8 bits a channel or another
            size than the view admits.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError  # noqa: PLC0415 - only where pictures are decoded

    refuse_web_page(content, path, owner)
    try:
        with Image.open(io.BytesIO(content), formats=_FORMATS) as picture:
            _check(picture, path, view, owner)
            colours = ImageOps.exif_transpose(picture).convert("RGB")
    except InvalidData:
        raise
    except (*_DAMAGED, Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        unknown = isinstance(error, UnidentifiedImageError)
        reason = "none of them" if unknown else str(error).partition("\n")[0]
        kinds = ", ".join(_FORMATS)
        raise refused(path, owner, f"be a whole picture, of {kinds}", f"'{reason}'") from None
    part = colours.crop(view.box_in(colours.size))
    return np.asarray(part.resize((view.width, view.height), Image.Resampling.BILINEAR)).transpose(2, 0, 1)


def _check(picture: "ImageFile", path: str, view: View, owner: str) -> None:
    """Before anything is decoded."""
    from PIL import Image  # noqa: PLC0415 - only where pictures are decoded

    if not view.admits(picture.size):
        raise refused(path, owner, f"be a picture of {view.frame} pixels", picture.size)
    if picture.width * picture.height > (Image.MAX_IMAGE_PIXELS or math.inf):
        raise refused(path, owner, f"have at most {Image.MAX_IMAGE_PIXELS} pixels", picture.size)
    if _is_deep(picture):  # whose values Pillow would cut off at 255
        raise refused(path, owner, "have 8 bits a channel", f"mode {picture.mode}, more bits")
    if picture.format != "MPO" and (frames := getattr(picture, "n_frames", 1)) > 1:
        raise refused(path, owner, "hold one picture", f"{frames} frames")


def _is_deep(picture: "ImageFile") -> bool:
    if picture.mode.startswith(("I", "F")):
        return True
    told = [part for tile in picture.tile for part in (tile[3] if isinstance(tile[3], tuple) else (tile[3],))]
    return any(";16" in part for part in told if isinstance(part, str)) or (
        picture.format == "PPM" and any(part > 255 for part in told if isinstance(part, int))
    )


def _blocks(source: Tree, paths: Sequence[str], view: View, owner: str) -> Iterator[NDArray[np.uint8]]:
    def one(path: str) -> NDArray[np.uint8]:
        return decode(source.read(path), path, view, owner)

    from PIL import Image  # noqa: PLC0415 - only where pictures are decoded

    bombs = warnings.catch_warnings(action="error", category=Image.DecompressionBombWarning)
    with bombs, ThreadPoolExecutor() as pool, Bar(f"{owner}: decoding images", len(paths)) as bar:
        for start in range(0, len(paths), _BLOCK):
            block = list(pool.map(one, paths[start : start + _BLOCK]))
            yield np.stack(block)
            bar.update(len(block))
