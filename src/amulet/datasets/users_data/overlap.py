"""Test records that are training records too, on which a model is not tested but reminded."""

import logging

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from amulet.core.data import Data

PLACES = 64
"""Inputs by which records are compared first; only those that agree there are compared as a whole."""


def shared_records(train: Data, test: Data) -> int:
    """The number of test records whose inputs and class are those of a training record.

    Example:
        >>> from amulet.testing import toy_dataset
        >>> data = toy_dataset()
        >>> shared_records(data.train, data.test), shared_records(data.train, data.train[:5])
        (0, 5)
    """
    seen, tested = _brief(train), _brief(test)
    likely, candidates = np.isin(seen, tested).nonzero()[0], np.isin(tested, seen).nonzero()[0]
    known = {_whole(train, int(place)) for place in likely}
    return sum(_whole(test, int(place)) in known for place in candidates)


def warn_of_shared(train: Data, test: Data, name: str) -> None:
    """Log one warning with the count, if there are any."""
    if count := shared_records(train, test):
        logging.getLogger("amulet").warning(
            "%s: %s of %s test records have the inputs and the class of a training record. Where these are the same "
            "records, leave them out of one part, or models look better than they are.",
            name, f"{count:,}", f"{len(test):,}",
        )  # fmt: skip


def _brief(data: Data) -> NDArray[np.void]:
    """(n,) class and at most PLACES evenly spread inputs of each record, as one value of bytes each."""
    flat = data.x.flatten(1)
    some = _bytes(flat[:, :: max(1, -(-flat.shape[1] // PLACES))])
    joined = np.ascontiguousarray(np.hstack([some, _bytes(data.y[:, None])]))
    return joined.view(np.dtype((np.void, joined.shape[1]))).ravel()


def _bytes(values: Tensor) -> NDArray[np.uint8]:
    """(n, bytes) the values of each row."""
    numbers = values.numpy()
    rows = np.ascontiguousarray(numbers + 0 if numbers.dtype.kind == "f" else numbers)  # -0.0 becomes 0.0
    return rows.view(np.uint8).reshape(len(rows), -1)


def _whole(data: Data, place: int) -> bytes:
    return _bytes(data.x[place].flatten()[None]).tobytes() + int(data.y[place]).to_bytes(8, "little")
