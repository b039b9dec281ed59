"""From all records of a data set, in their official order, to a training and a test part."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from amulet.core.data import Data, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.seeds import generator
from amulet.datasets.users_data.arrays import invalid


@dataclass(frozen=True, eq=False)
class Records:
    """Aligned arrays of n records: x (n, ...), y (n,) class codes, z (n, attributes) codes, -1 not recorded."""

    x: NDArray[Any]
    y: NDArray[Any]
    z: NDArray[Any]


def without_attributes(x: NDArray[Any], y: NDArray[Any]) -> Records:
    """Records of a data set that has no sensitive attributes."""
    return Records(x, y, np.empty((len(y), 0), dtype=np.int8))


@dataclass(frozen=True, eq=False)
class Parts:
    """Places of the training and of the test records in the official order, each ascending."""

    train: Tensor
    test: Tensor


def official(train: int, test: int) -> Parts:
    """The first records for training, those behind them for testing."""
    return Parts(torch.arange(train), torch.arange(train, train + test))


def resplit(records: Tensor, share: float, seed: int) -> Parts:
    """All records pooled, a random share of them for testing, whatever their class."""
    order = records[torch.randperm(len(records), generator=generator(seed, "test set"))]
    held_out = round(share * len(records))
    return Parts(order[held_out:].sort().values, order[:held_out].sort().values)


def drawn(parts: Parts, owner: str, *, train: int | None, test: int | None, seed: int) -> Parts:
    """A random choice of `train` and `test` records, None for all.

    Of one seed, a smaller choice is part of a larger one.

    Raises:
        InvalidData: more are asked for than there are.
    """
    if not len(parts.train) or not len(parts.test):
        raise invalid("test_share", owner, "such that both parts hold records", f"{len(parts.test)} for testing")
    return Parts(
        _some(parts.train, train, seed, "train_records", owner), _some(parts.test, test, seed, "test_records", owner)
    )


def dataset(name: str, schema: Schema, records: Records, parts: Parts, index: Tensor | None = None) -> AmuletDataset:
    """The two parts; whole runs of x stay memory-mapped.

    `index` gives each record's place in the official order, where that is not its place in `records`.
    """
    y, z = (torch.from_numpy(codes).long() for codes in (records.y, records.z))
    places = torch.arange(len(y)) if index is None else index
    train, test = (
        Data(taken(records.x, part), y[part], z[part], places[part], schema) for part in (parts.train, parts.test)
    )
    return AmuletDataset(name, train, test)


def taken(array: NDArray[Any], places: Tensor) -> Tensor:
    """Rows of an array, which are not copied if they are neighbours."""
    rows = torch.from_numpy(array)
    first, last = int(places[0]), int(places[-1])
    return rows[first : last + 1] if last - first + 1 == len(places) else rows[places]


def _some(places: Tensor, count: int | None, seed: int, parameter: str, owner: str) -> Tensor:
    if count is None:
        return places
    if count > len(places):
        raise invalid(parameter, owner, f"at most {len(places)}", count)
    order = torch.randperm(len(places), generator=generator(seed, parameter))
    return places[order[:count].sort().values]
