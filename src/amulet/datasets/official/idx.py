"""The idx format of MNIST and its kin: LeCun, Cortes and Burges 1998, http://yann.lecun.com/exdb/mnist."""

import gzip
import io
import math
import zlib
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from amulet.datasets.official.reading import refuse_web_page, refused

_BYTES = 8
_GZIP = b"\x1f\x8b"
MOST: Final = 2**26
"""Bytes of an array, unless stated otherwise: 60,000 images of 28 x 28 are 47 million."""


def read_idx(content: bytes, file: str, owner: str, dimensions: int, most: int = MOST) -> NDArray[np.uint8]:
    """An array of at most so many bytes with so many dimensions, from a file that may be packed with gzip.

    Raises:
        InvalidData: it is something else, cut short, followed by more, or larger.
    """
    start = 4 + 4 * dimensions
    refuse_web_page(content, file, owner)
    packed = content.startswith(_GZIP)
    head = _unpacked(content, start, file, owner) if packed else content
    if len(head) < start or head[:4] != bytes([0, 0, _BYTES, dimensions]):
        raise refused(file, owner, f"be an idx file of bytes with {dimensions} dimensions", repr(head[:4]))
    shape = tuple(np.frombuffer(head, ">u4", dimensions, offset=4).tolist())
    if math.prod(max(side, 1) for side in shape) > most:
        raise refused(file, owner, f"hold at most {most} bytes", f"an array of {shape}, as it states")
    size = math.prod(shape)
    plain = _unpacked(content, start + size + 1, file, owner) if packed else content
    if len(plain) - start != size:
        given = f"{len(plain) - start}" if len(plain) - start < size or not packed else "more"
        raise refused(file, owner, f"hold {size} bytes, as it states", given)
    return np.frombuffer(plain, np.uint8, offset=start).reshape(shape)


def write_idx(array: NDArray[np.uint8]) -> bytes:
    """The array as an idx file, not packed."""
    sizes: NDArray[Any] = np.array(array.shape, dtype=">u4")
    return bytes([0, 0, _BYTES, array.ndim]) + sizes.tobytes() + array.tobytes()


def _unpacked(content: bytes, most: int, file: str, owner: str) -> bytes:
    """The first so many bytes; the checksum is verified where the end is reached."""
    try:
        with gzip.open(io.BytesIO(content)) as packed:
            return packed.read(most)
    except (EOFError, OSError, zlib.error) as error:
        raise refused(file, owner, "be a whole gzip file", f"'{error}'") from None
