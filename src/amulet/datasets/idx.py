"""The idx format of MNIST and its kin: LeCun, Cortes and Burges 1998, http://yann.lecun.com/exdb/mnist."""

import gzip
import math
import zlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from amulet.datasets.sources import refuse_web_page, refused

_BYTES = 8
_GZIP = b"\x1f\x8b"


def read_idx(content: bytes, file: str, owner: str, dimensions: int) -> NDArray[np.uint8]:
    """An array of bytes with so many dimensions, from a file that may be packed with gzip.

    Raises:
        InvalidData: it is something else, cut short or followed by more.
    """
    refuse_web_page(content, file, owner)
    plain = _unpacked(content, file, owner) if content.startswith(_GZIP) else content
    start = 4 + 4 * dimensions
    if len(plain) < start or plain[:4] != bytes([0, 0, _BYTES, dimensions]):
        raise refused(file, owner, f"be an idx file of bytes with {dimensions} dimensions", repr(plain[:4]))
    shape = tuple(np.frombuffer(plain, ">u4", dimensions, offset=4).tolist())
    if len(plain) - start != math.prod(shape):
        raise refused(file, owner, f"hold {math.prod(shape)} bytes, as it states", f"{len(plain) - start}")
    return np.frombuffer(plain, np.uint8, offset=start).reshape(shape)


def write_idx(array: NDArray[np.uint8]) -> bytes:
    """The array as an idx file, not packed."""
    sizes: NDArray[Any] = np.array(array.shape, dtype=">u4")
    return bytes([0, 0, _BYTES, array.ndim]) + sizes.tobytes() + array.tobytes()


def _unpacked(content: bytes, file: str, owner: str) -> bytes:
    try:
        return gzip.decompress(content)
    except (EOFError, OSError, zlib.error) as error:
        raise refused(file, owner, "be a whole gzip file", f"'{error}'") from None
