"""Your own data as an AmuletDataset: from arrays and tensors, from a pandas frame, from a torch data set."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from amulet.core.data import AmuletDataset, Attribute, Data, Modality, Schema, as_inputs
from amulet.core.errors import InvalidData, Problem
from amulet.core.imports import UserCode
from amulet.core.seeds import generator
from amulet.core.spec import Arguments
from amulet.datasets.base import DatasetSpec
from amulet.datasets.scaling import scale_to_unit

if TYPE_CHECKING:
    from torch.utils.data import Dataset

Columns = Mapping[str, ArrayLike | Tensor]
IMAGE_DIMENSIONS = 4


@dataclass(frozen=True)
class ImportedDataset(DatasetSpec):
    """A function of the user's own that returns an AmuletDataset: "package.module:name" and its arguments."""

    function: str
    arguments: Arguments = ()

    def problems(self) -> Iterator[Problem]:
        """Say when nothing can be imported from there."""
        yield from UserCode(self.function).problems("function", type(self).__name__)

    def outside_sources(self) -> Iterator[str]:
        """The function's own source."""
        yield UserCode(self.function).digest

    def load(self) -> AmuletDataset:
        """Call the function."""
        dataset = UserCode(self.function).load()(**dict(self.arguments))
        if not isinstance(dataset, AmuletDataset):
            raise TypeError(f"'{self.function}' must return an AmuletDataset. Got {type(dataset).__name__}.")
        return dataset


def from_arrays(
    train: tuple[ArrayLike | Tensor, ArrayLike | Tensor],
    test: tuple[ArrayLike | Tensor, ArrayLike | Tensor],
    *,
    sensitive: tuple[Columns, Columns] = ({}, {}),
    classes: Sequence[str] | None = None,
    positive: str | None = None,
    bounds: tuple[float, float] | None = None,
    name: str = "own data",
) -> AmuletDataset:
    """A data set from NumPy arrays, tensors or anything NumPy reads.

    Args:
        train: x of shape (n, features) or (n, channels, height, width), floating or uint8, and integer
            labels y of shape (n,), 0..k-1.
        test: the same for the test records.
        sensitive: attributes by name, for train and for test, (n,) each; any values, missing ones allowed.
        classes: names of the k classes; by default their numbers.
        positive: the name of the favourable class, which fairness audits need.
        bounds: least and largest value of any input; by default those of all records, 0..1 for uint8.
        name: what to call it in results.

    Raises:
        InvalidData: lengths that differ, NaN, labels that are not 0..k-1: all problems at once.
    """
    xs, ys = (_inputs(train[0]), _inputs(test[0])), (_labels(train[1], name), _labels(test[1], name))
    names = tuple(classes) if classes else tuple(str(code) for code in range(_count(ys[0])))
    attributes, zs = _encode(sensitive, [len(y) for y in ys], name)
    low, high = bounds or _bounds(xs)
    schema = Schema(
        modality=Modality.IMAGE if xs[0].dim() == IMAGE_DIMENSIONS else Modality.TABULAR,
        shape=tuple(xs[0].shape[1:]),
        classes=names,
        attributes=attributes,
        positive=positive,
        low=low,
        high=high,
    )
    starts = (0, len(ys[0]))
    parts = [
        Data(x, y, z, torch.arange(start, start + len(y)), schema)
        for x, y, z, start in zip(xs, ys, zs, starts, strict=True)
    ]
    return AmuletDataset(name, *parts)


def from_frame(
    frame: pd.DataFrame,
    *,
    target: str,
    sensitive: Sequence[str] = (),
    positive: object = None,
    test_share: float = 0.3,
    seed: int = 0,
    name: str = "own data",
) -> AmuletDataset:
    """A data set from a frame: one row a record, split into train and test with equal shares of each class.

    Sensitive columns go to z and out of x. Text and categorical columns are one-hot encoded; numbers, with
    missing ones set to the training median, are clipped at the training data's 1% and 99% quantiles and
    scaled to [0, 1].

    Args:
        frame: the records.
        target: the column to predict; its sorted values are the classes.
        sensitive: columns with sensitive attributes.
        positive: the favourable value of the target.
        test_share: share of the records kept for the test.
        seed: of the split.
        name: what to call it in results.

    Raises:
        InvalidData: columns that are not there, or a target with missing values.
    """
    missing = [column for column in (target, *sensitive) if column not in frame]
    if missing:
        raise InvalidData([Problem.of("columns", name, f"among {list(frame.columns)}", missing)])
    if frame[target].isna().any():
        raise InvalidData([Problem("target", f"The target '{target}' of {name} must be known. Got missing values.")])
    values = sorted(frame[target].unique())
    y = torch.from_numpy(np.searchsorted(values, frame[target]).astype(np.int64))
    held_out = stratified_mask(y, test_share, seed).numpy()
    features = pd.get_dummies(frame.drop(columns=[target, *sensitive]), dtype=float)
    train, test = scale_to_unit(features[~held_out], features[held_out])
    columns = [{column: frame.loc[rows, column] for column in sensitive} for rows in (~held_out, held_out)]
    return from_arrays(
        (train, y[~held_out]),
        (test, y[held_out]),
        sensitive=(columns[0], columns[1]),
        classes=[str(value) for value in values],
        positive=None if positive is None else str(positive),
        bounds=(0.0, 1.0),
        name=name,
    )


def from_torch(
    train: "Dataset[Any]",
    test: "Dataset[Any]",
    *,
    sensitive: tuple[Columns, Columns] = ({}, {}),
    **known: Any,
) -> AmuletDataset:
    """A data set from two torch data sets whose items are (x, y); each is read once."""
    return from_arrays(_items(train), _items(test), sensitive=sensitive, **known)


def stratified_mask(y: Tensor, share: float, seed: int) -> Tensor:
    """(n,) bool, true for a random `share` of the records of every class."""
    mask = torch.zeros(len(y), dtype=torch.bool)
    rng = generator(seed, "test set")
    for code in y.unique():
        places = (y == code).nonzero().flatten()
        mask[places[torch.randperm(len(places), generator=rng)[: round(share * len(places))]]] = True
    return mask


def _items(dataset: "Dataset[Any]") -> tuple[Tensor, Tensor]:
    pairs = [dataset[place] for place in range(len(dataset))]  # type: ignore[arg-type]
    return torch.stack([torch.as_tensor(x) for x, _ in pairs]), torch.tensor([int(y) for _, y in pairs])


def _inputs(values: ArrayLike | Tensor) -> Tensor:
    x = values if isinstance(values, Tensor) else torch.from_numpy(np.ascontiguousarray(values))
    return x if x.dtype == torch.uint8 else x.float()


def _labels(values: ArrayLike | Tensor, name: str) -> Tensor:
    y = np.asarray(values)
    if y.dtype.kind not in "iub" and not (y.dtype.kind == "f" and np.array_equal(y, np.round(y))):
        raise InvalidData([Problem.of("y", name, "whole numbers 0..k-1", np.unique(y)[:10].tolist())])
    return torch.from_numpy(y.astype(np.int64))


def _count(y: Tensor) -> int:
    return max(int(y.max()) + 1 if len(y) else 0, 2)


def _bounds(xs: tuple[Tensor, Tensor]) -> tuple[float, float]:
    if xs[0].dtype == torch.uint8:
        return 0.0, 1.0
    finite = [as_inputs(x)[torch.isfinite(x)] for x in xs]
    return min(x.min().item() for x in finite), max(x.max().item() for x in finite)


def _encode(
    sensitive: tuple[Columns, Columns], lengths: Sequence[int], name: str
) -> tuple[tuple[Attribute, ...], list[Tensor]]:
    """Codes of the sensitive attributes over train and test together; missing values are -1."""
    if set(sensitive[0]) != set(sensitive[1]):
        raise InvalidData(
            [Problem.of("sensitive", name, f"{sorted(sensitive[0])} for test as for train", sorted(sensitive[1]))]
        )
    attributes, columns = [], []
    for key in sensitive[0]:
        parts = [pd.Series(np.asarray(part[key])) for part in sensitive]
        codes, values = pd.factorize(pd.concat(parts, ignore_index=True), sort=True)
        attributes.append(Attribute(key, tuple(str(value) for value in values)))
        columns.append(torch.from_numpy(codes.astype(np.int64)).split([len(part) for part in parts]))
    empty = [torch.empty(length, 0, dtype=torch.int64) for length in lengths]
    return tuple(attributes), [torch.stack(part, 1) for part in zip(*columns, strict=True)] or empty
