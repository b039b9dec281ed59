"""Your own data as an AmuletDataset: from arrays and tensors, from a pandas frame, from a torch data set."""

from collections.abc import Hashable, Iterator, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor

from amulet.core.data import AmuletDataset, Data, Modality, Schema
from amulet.core.errors import InvalidData, Problem
from amulet.core.seeds import generator
from amulet.datasets.arrays import Array, Columns, bounds_of, class_count, encode, inputs, invalid, labels
from amulet.datasets.scaling import scale_to_unit

if TYPE_CHECKING:
    from torch.utils.data import Dataset

IMAGE_DIMENSIONS = 4

_TEXT: Final = ("string", "boolean", "mixed", "mixed-integer")
"""What a column of Python objects may hold, as pandas calls it; numbers among them are a column of numbers already."""


def from_arrays(
    train: tuple[Array, Array],
    test: tuple[Array, Array],
    *,
    sensitive: tuple[Columns, Columns] = ({}, {}),
    classes: Sequence[str] | None = None,
    positive: str | None = None,
    bounds: tuple[float, float] | None = None,
    features: Sequence[str] = (),
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
        features: names of the columns of tabular x, "group=value" for those of a one-hot group; none by default.
        name: what to call it in results.

    Raises:
        InvalidData: lengths that differ, NaN, labels that are not 0..k-1.
    """
    xs, ys = (inputs(train[0], name), inputs(test[0], name)), (labels(train[1], name), labels(test[1], name))
    if xs[0].dtype != xs[1].dtype:
        raise invalid("x", name, f"{xs[0].dtype} for test as for train", xs[1].dtype)
    if xs[0].dtype == torch.uint8 and bounds is not None and tuple(bounds) != (0.0, 1.0):
        raise invalid("bounds", name, "(0, 1) for uint8, as models are given them", bounds)
    names = (
        tuple(classes)
        if classes is not None and len(classes)
        else tuple(str(code) for code in range(class_count(ys, name)))
    )
    if positive is not None and positive not in names:
        raise invalid("positive", name, f"one of {', '.join(names)}", positive)
    attributes, zs = encode(sensitive, (len(ys[0]), len(ys[1])), name)
    low, high = bounds or bounds_of(xs, name)
    schema = Schema(
        modality=Modality.IMAGE if xs[0].dim() == IMAGE_DIMENSIONS else Modality.TABULAR,
        shape=tuple(xs[0].shape[1:]),
        classes=names,
        attributes=attributes,
        positive=positive,
        low=low,
        high=high,
        features=tuple(features),
    )
    index = torch.arange(len(ys[0]) + len(ys[1])).split([len(ys[0]), len(ys[1])])
    parts = [Data(x, y, z, places, schema) for x, y, z, places in zip(xs, ys, zs, index, strict=True)]
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

    Sensitive columns go to z and out of x. Text and categorical columns are one-hot encoded, a missing value as
    zeros; numbers, with missing ones set to the training median, are clipped at the training data's 1% and 99%
    quantiles, or where these are the same at its least and largest value, and scaled to [0, 1].

    Args:
        frame: the records.
        target: the column to predict; its sorted values are the classes.
        sensitive: columns with sensitive attributes.
        positive: the favourable value of the target.
        test_share: share of the records kept for the test.
        seed: of the split.
        name: what to call it in results.

    Raises:
        InvalidData: columns that are not there, not alone of their name or of dates; a target with missing values or
            among the sensitive columns; a share or a seed that is none.
    """
    private = [sensitive] if isinstance(sensitive, str) else list(sensitive)
    _check_names(frame, target, private, name)
    frame = frame.infer_objects()
    _check_columns(frame, target, private, name)
    values = _sorted_values(frame[target], name)
    y = torch.from_numpy(np.searchsorted(values, frame[target]).astype(np.int64))
    held_out = test_records(y, test_share, seed, name)
    features = pd.get_dummies(frame.drop(columns=[target, *private]), prefix_sep="=").astype(float)
    train, test = scale_to_unit(features[~held_out], features[held_out])
    columns = [{column: frame.loc[rows, column] for column in private} for rows in (~held_out, held_out)]
    return from_arrays(
        (train, y[~held_out]),
        (test, y[held_out]),
        sensitive=(columns[0], columns[1]),
        classes=[str(value) for value in values],
        positive=next(
            (str(value) for value in values if value == positive), None if positive is None else str(positive)
        ),
        bounds=(0.0, 1.0),
        features=[str(column) for column in features],
        name=name,
    )


def from_torch(
    train: "Dataset[Any]",
    test: "Dataset[Any]",
    *,
    sensitive: tuple[Columns, Columns] = ({}, {}),
    classes: Sequence[str] | None = None,
    positive: str | None = None,
    bounds: tuple[float, float] | None = None,
    name: str = "own data",
) -> AmuletDataset:
    """A data set from two torch data sets whose items are (x, y); each item is read once. Else as `from_arrays`."""
    return from_arrays(
        _items(train, name),
        _items(test, name),
        sensitive=sensitive,
        classes=classes,
        positive=positive,
        bounds=bounds,
        name=name,
    )


def stratified_mask(y: Tensor, share: float, seed: int) -> Tensor:
    """(n,) bool, true for a random `share` of the records of every class."""
    mask = torch.zeros(len(y), dtype=torch.bool)
    rng = generator(seed, "test set")
    for code in y.unique():
        places = (y == code).nonzero().flatten()
        mask[places[torch.randperm(len(places), generator=rng)[: round(share * len(places))]]] = True
    return mask


def test_records(y: Tensor, share: float, seed: int, name: str) -> NDArray[np.bool_]:
    """(n,) whether each record is for testing.

    Raises:
        InvalidData: the share or the seed is none, or one part would be empty.
    """
    problems = []
    if not _is_share(share):
        problems.append(Problem.of("test_share", name, "greater than 0 and less than 1", share))
    if not _is_seed(seed):
        problems.append(Problem.of("seed", name, "a whole number, at least 0", seed))
    if problems:
        raise InvalidData(problems)
    mask: NDArray[np.bool_] = stratified_mask(y, share, seed).numpy()
    if mask.all() or not mask.any():
        allowed = f"such that both parts hold records (of {len(y.unique())} classes and {len(y)} records)"
        raise invalid("test_share", name, allowed, share)
    return mask


def _is_share(value: object) -> bool:
    return isinstance(value, Real) and 0 < float(value) < 1


def _is_seed(value: object) -> bool:
    return isinstance(value, Integral) and int(value) >= 0


def _check_names(frame: pd.DataFrame, target: str, sensitive: Sequence[str], name: str) -> None:
    missing = [column for column in (target, *sensitive) if column not in frame]
    if missing:
        raise invalid("columns", name, f"among {list(frame.columns)}", missing)
    twice = frame.columns[frame.columns.duplicated()].unique().tolist()
    if twice:
        raise invalid("columns", name, "all of different names", twice)
    if target in sensitive or len(set(sensitive)) < len(sensitive):
        raise invalid("sensitive", name, f"all different and other than the target '{target}'", list(sensitive))


def _check_columns(frame: pd.DataFrame, target: str, sensitive: Sequence[str], name: str) -> None:
    if frame[target].isna().any():
        raise InvalidData([Problem("target", f"The target '{target}' of {name} must be known. Got missing values.")])
    features = frame.drop(columns=[target, *sensitive])
    if features.empty:
        raise invalid("frame", name, "records with columns beside target and sensitive ones", f"shape {frame.shape}")
    others = list(_neither_numbers_nor_text(features))
    if others:
        raise invalid("columns", name, "numbers, text or categories (make numbers of dates first)", others)
    numbers = features.select_dtypes("number")
    endless = [str(column) for column in numbers if np.isinf(numbers[column].astype(float)).any()]
    empty = [str(column) for column in features if features[column].isna().all()]
    if endless or empty:
        raise invalid("columns", name, "finite, with at least one known value", endless + empty)


def _neither_numbers_nor_text(frame: pd.DataFrame) -> Iterator[str]:
    for column in frame:
        values = frame[column]
        if pd.api.types.is_numeric_dtype(values):
            known = values.dtype.kind != "c"
        elif values.dtype == object:
            known = pd.api.types.infer_dtype(values) in _TEXT and all(isinstance(value, Hashable) for value in values)
        else:
            known = isinstance(values.dtype, pd.CategoricalDtype | pd.StringDtype)
        if not known and not values.isna().all():
            yield str(column)


def _sorted_values(column: "pd.Series[Any]", name: str) -> list[Any]:
    try:
        return sorted(column.unique())
    except TypeError:
        kinds = sorted({type(value).__name__ for value in column})
        raise invalid("target", name, "of values of one kind, which can be sorted", kinds) from None


def _items(dataset: "Dataset[Any]", name: str) -> tuple[Tensor, Tensor]:
    pairs = [dataset[place] for place in range(len(dataset))]  # type: ignore[arg-type]
    try:
        x = torch.stack([torch.as_tensor(x) for x, _ in pairs])
        y = torch.stack([torch.as_tensor(y).reshape(()) for _, y in pairs])
    except (TypeError, ValueError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        allowed = "pairs (x, y) of a tensor, each of one shape, and a class code"
        raise invalid("items", name, allowed, reason) from None
    return x, y
