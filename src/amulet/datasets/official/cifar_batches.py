"""The two official formats of a CIFAR-10 batch: bytes, and a Python 2 pickle that is read without running anything."""

import io
import pickle
from dataclasses import dataclass
from typing import Any, Final, final

import numpy as np
from numpy.typing import NDArray

from amulet.core.errors import AmuletError
from amulet.datasets.official.reading import refuse_web_page, refused

SIDE: Final = 32
PIXELS: Final = 3 * SIDE * SIDE
CLASSES: Final = 10
Batch = tuple[NDArray[np.uint8], NDArray[np.uint8]]
"""Images (n, 3, 32, 32) and labels (n,)."""


def binary_batch(content: bytes, file: str) -> Batch:
    """Records of one label byte and the planes red, green and blue, row by row.

    Raises:
        InvalidData: it is cut short, empty, or has a label above 9.
    """
    refuse_web_page(content, file, "CIFAR10")
    size = 1 + PIXELS
    if not content or len(content) % size:
        raise refused(file, "CIFAR10", f"hold whole records of {size} bytes", f"{len(content)} bytes")
    rows = np.frombuffer(content, np.uint8).reshape(-1, size)
    return _checked(rows[:, 1:], rows[:, 0], file)


def python_batch(content: bytes, file: str) -> Batch:
    """The arrays `data` (n, 3072) and `labels` of a pickled batch.

    Raises:
        InvalidData: it asks for anything but an array of bytes, or lacks one of the two.
    """
    refuse_web_page(content, file, "CIFAR10")
    try:
        batch = _Reader(io.BytesIO(content), encoding="bytes").load()
        pixels = _bytes_of(batch[b"data"], PIXELS)
        labels = _labels_of(batch[b"labels"])
    except AmuletError:
        raise
    except Exception as error:  # noqa: BLE001 - a damaged pickle can raise anything
        raise refused(file, "CIFAR10", "be a whole pickled batch", f"{type(error).__name__}: {error}") from None
    if len(pixels) != len(labels) or not len(labels):
        raise refused(file, "CIFAR10", "have a label for each image", f"{len(labels)} for {len(pixels)}")
    return _checked(pixels, labels, file)


def _checked(pixels: NDArray[np.uint8], labels: NDArray[np.uint8], file: str) -> Batch:
    if labels.max() >= CLASSES:
        raise refused(file, "CIFAR10", "hold labels 0..9", sorted(set(labels.tolist()))[-3:])
    return pixels.reshape(-1, 3, SIDE, SIDE), labels


@final
@dataclass(eq=False)
class _Held:
    """What stands in for a pickled NumPy array or type: the values that were to make it, and its state."""

    made_of: tuple[Any, ...]
    state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self.state = state


def _bytes_of(array: _Held, width: int) -> NDArray[np.uint8]:
    """(n, width), if that is what the array is; its state is version, shape, type, order and content."""
    _, shape, kind, by_column, content = array.state
    if kind.made_of[0] not in {b"u1", "u1"} or by_column or shape[1:] != (width,):
        raise ValueError(f"'data' of shape {shape} and type {kind.made_of[0]!r}")
    return np.frombuffer(content, np.uint8).reshape(shape)


def _labels_of(listed: object) -> NDArray[np.uint8]:
    """A list of small numbers; lists that hold each other could become arrays of any size."""
    if not isinstance(listed, list) or not all(type(label) is int and 0 <= label <= 255 for label in listed):
        raise ValueError("'labels' that are no list of numbers 0..255")
    return np.array(listed, dtype=np.uint8)


def _encoded(text: str, encoding: str) -> bytes:
    """How Python 3 writes bytes in old pickles; in this one encoding only."""
    if encoding != "latin1":
        raise ValueError(f"encoding {encoding!r}")
    return text.encode("latin1")


class _Reader(pickle.Unpickler):
    """Knows the names that an array of bytes needs, and for each a stand-in that only holds values."""

    def find_class(self, module: str, name: str) -> Any:
        """The stand-in; every other name is refused, and nothing of NumPy's or Python's is ever called."""
        match module, name:
            case ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") | ("numpy", "dtype"):
                return lambda *values: _Held(values)
            case "numpy", "ndarray":
                return None
            case "_codecs", "encode":
                return lambda *values: _encoded(*values)  # noqa: PLW0108 - a pickle may write to what it is given
        raise refused("batch", "CIFAR10", "hold nothing but an array of bytes and labels", f"'{module}.{name}'")
