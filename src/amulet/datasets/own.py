"""Your own data as an AmuletDataset: from arrays and tensors, from a pandas frame, from a torch data set."""

from collections.abc import Mapping, Sequence
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader

from amulet.core.data import Data, Modality, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidData, Problem
from amulet.core.seeds import generator
from amulet.datasets.official.scaling import scale_to_unit
from amulet.datasets.users_data.alignment import check_alignment
from amulet.datasets.users_data.arrays import Array, Columns, bounds_of, class_count, encode, inputs, invalid, labels
from amulet.datasets.users_data.calls import Pair, columns_of, pairs_of, refuse_unused_split, texts_of, two_numbers
from amulet.datasets.users_data.columns import check_features, coded_target, kept_columns, names_of, with_numbers
from amulet.datasets.users_data.overlap import warn_of_shared
from amulet.datasets.users_data.together import together
from amulet.datasets.users_data.values import name_of, objects_of

if TYPE_CHECKING:
    from torch.utils.data import Dataset

IMAGE_DIMENSIONS = 4


def from_arrays(  # noqa: PLR0913 - each is one property of a data set
    x: Array | Pair | None = None,
    y: Array | Pair | None = None,
    *others: object,
    train: Pair | None = None,
    test: Pair | None = None,
    test_share: float | None = None,
    seed: int | None = None,
    sensitive: Columns | tuple[Columns, Columns] | None = None,
    classes: Sequence[str] | None = None,
    positive: str | None = None,
    bounds: tuple[float, float] | None = None,
    features: Sequence[str] = (),
    name: str = "own data",
) -> AmuletDataset:
    """A data set from NumPy arrays, tensors or anything NumPy reads.

    A test record with the inputs and the class of a training record is counted in one warning of the logger "amulet".

    There are two ways to call it. `from_arrays(x, y)` splits the records into train and test with equal shares of each
    class; `from_arrays((x, y), (x_test, y_test))`, or the same by the names `train` and `test`, takes a split at hand.

    Args:
        x: the records, of shape (n, features) or (n, channels, height, width), floating or uint8.
        y: integer labels of shape (n,), 0..k-1.
        others: nothing; a third array is refused with a sentence that says how to call.
        train: a pair of x and y, the training records.
        test: a pair of x and y, the test records.
        test_share: share of the records of each class kept for the test, where there is one x and y; by default 0.3.
        seed: of that split; by default 0.
        sensitive: attributes by name, (n,) each; for pairs, one mapping for train and one for test. Any values; what
            Python, NumPy or pandas hold for missing (None, NaN, NaT, NA) is missing, in whatever container. At most 100
            values, or 20 where they are numbers.
        classes: names of the k classes; by default their numbers.
        positive: the name of the favourable class, which fairness audits need.
        bounds: least and largest value of any input; by default those of all records, 0..1 for uint8.
        features: names of the columns of tabular x, "group=value" for those of a one-hot group; none by default.
        name: what to call it in results.

    Raises:
        InvalidData: a call of neither form, lengths that differ, NaN, labels that are not 0..k-1.
    """
    pairs = pairs_of((x, y, *others), train, test, name)
    columns = columns_of(sensitive, len(pairs), name)
    check_alignment(pairs, columns, features, name)
    if len(pairs) == 1:
        pairs, columns = _split(
            pairs[0], columns[0], 0.3 if test_share is None else test_share, 0 if seed is None else seed, name
        )
    else:
        refuse_unused_split(test_share, seed, name)
    xs, ys = [inputs(pair[0], name) for pair in pairs], [labels(pair[1], name) for pair in pairs]
    if xs[0].dtype != xs[1].dtype:
        raise invalid("x", name, f"{xs[0].dtype} for test as for train", xs[1].dtype)
    given = None if bounds is None else two_numbers(bounds, name)
    if xs[0].dtype == torch.uint8 and given not in {None, (0.0, 1.0)}:
        raise invalid("bounds", name, "(0, 1) for uint8, as models are given them", bounds)
    names = texts_of(classes, "classes", name) or tuple(str(code) for code in range(class_count(ys, name)))
    favourable = None if positive is None else name_of(positive)
    if favourable is not None and favourable not in names:
        raise invalid("positive", name, f"one of {', '.join(map(str, names))}", positive)
    attributes, zs = encode(columns, (len(ys[0]), len(ys[1])), name)
    low, high = bounds_of(xs, name) if given is None else given
    schema = Schema(
        modality=Modality.IMAGE if xs[0].dim() == IMAGE_DIMENSIONS else Modality.TABULAR,
        shape=tuple(xs[0].shape[1:]),
        classes=names,
        attributes=attributes,
        positive=favourable,
        low=low,
        high=high,
        features=texts_of(features, "features", name),
    )
    index = torch.arange(len(ys[0]) + len(ys[1])).split([len(ys[0]), len(ys[1])])
    train_part, test_part = (Data(*tensors, schema) for tensors in zip(xs, ys, zs, index, strict=True))
    dataset = AmuletDataset(name, train_part, test_part)
    warn_of_shared(dataset.train, dataset.test, dataset.name)
    return dataset


def from_frame(  # noqa: PLR0913 - each is one property of a data set
    frame: pd.DataFrame,
    *,
    target: str,
    sensitive: Sequence[str] = (),
    positive: object = None,
    drop: Sequence[str] = (),
    test: pd.DataFrame | None = None,
    keep_sensitive: bool = False,
    test_share: float | None = None,
    seed: int = 0,
    name: str = "own data",
) -> AmuletDataset:
    """A data set from a frame: one row a record, split into train and test with equal shares of each class.

    Sensitive columns go to z and, unless they are kept, out of x. Text and categorical columns are one-hot encoded, a
    missing value as zeros; numbers, with missing ones set to the training median, are clipped at the training data's
    1% and 99% quantiles, or where these are the same at its least and largest value, and scaled to [0, 1].

    Args:
        frame: the records.
        target: the column to predict; its sorted values are the classes. At most 20 of them where they are numbers.
        sensitive: columns with sensitive attributes, of at most 100 values, or 20 where they are numbers.
        positive: the favourable value of the target.
        drop: columns to leave out, such as identifiers.
        test: the test records, of the same columns, where the split is given; `frame` then holds the training records.
        keep_sensitive: whether sensitive columns also stay in x.
        test_share: share of the records kept for the test, where there is no `test`; by default 0.3.
        seed: of the split.
        name: what to call it in results.

    Raises:
        InvalidData: columns that are not there, not alone of their name, of dates, a saved row index or text of more
            than 100 values; a target with missing values or among the sensitive columns; numbers beside text that
            could stand for a missing number; a share or a seed that is none.
    """
    private, left_out = names_of(sensitive, "sensitive", name), names_of(drop, "drop", name)
    if test is not None:
        refuse_unused_split(test_share, seed or None, name)
    share = 0.3 if test_share is None else test_share
    train_records = kept_columns(frame, target, private, left_out, name)
    frame = train_records if test is None else _stacked(train_records, test, left_out, name)
    features = with_numbers(frame.drop(columns=[target, *(() if keep_sensitive else private)]))
    classes, *_ = together(
        lambda: coded_target(frame[target], name),
        lambda: check_features(features, name),
        lambda: check_split(share, seed, name),
    )
    y = torch.from_numpy(classes.codes)
    held_out = test_records(y, share, seed, name) if test is None else np.arange(len(frame)) >= len(train_records)
    features = pd.get_dummies(features, prefix_sep="=").astype(float)
    x_train, x_test = scale_to_unit(features[~held_out], features[held_out])
    columns = [{str(column): frame.loc[rows, column] for column in private} for rows in (~held_out, held_out)]
    return from_arrays(
        (x_train, y[~held_out]),
        (x_test, y[held_out]),
        sensitive=(columns[0], columns[1]),
        classes=[str(value) for value in classes.distinct],
        positive=next(
            (str(value) for value in classes.distinct if value == positive), None if positive is None else str(positive)
        ),
        bounds=(0.0, 1.0),
        features=[str(column) for column in features],
        name=name,
    )


def _stacked(train: pd.DataFrame, test: object, drop: Sequence[str], name: str) -> pd.DataFrame:
    """The training records and behind them the test records, in the same columns.

    Raises:
        InvalidData: the test records are no frame with records, or of other columns.
    """
    if not isinstance(test, pd.DataFrame) or test.empty:
        raise invalid("test", name, "a pandas DataFrame with at least one record", type(test).__name__)
    others = {str(column) for column in test} - set(map(str, drop))
    if different := sorted(others ^ set(map(str, train))):
        raise invalid("test", name, "of the same columns as the training records", different)
    return pd.concat([train, test[list(train)]], ignore_index=True)


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
    check_split(share, seed, name)
    mask: NDArray[np.bool_] = stratified_mask(y, share, seed).numpy()
    if (count := len(y.unique())) > len(y) / 2 and len(y) > 3:
        shown = f"{count} different labels in {len(y)} records: it looks continuous"
        raise invalid("y", name, "labels that several records share", shown)
    if mask.all() or not mask.any():
        allowed = f"such that both parts hold records (of {count} classes and {len(y)} records)"
        raise invalid("test_share", name, allowed, share)
    return mask


def check_split(share: float, seed: int, name: str) -> None:
    """Raise InvalidData unless the share and the seed of a test set are such."""
    problems = []
    if not _is_share(share):
        problems.append(Problem.of("test_share", name, "greater than 0 and less than 1", share))
    if not _is_seed(seed):
        problems.append(Problem.of("seed", name, "a whole number, at least 0", seed))
    if problems:
        raise InvalidData(problems)


def _is_share(value: object) -> bool:
    return isinstance(value, Real) and 0 < float(value) < 1


def _is_seed(value: object) -> bool:
    return isinstance(value, Integral) and int(value) >= 0


def _split(
    pair: Pair, sensitive: Columns, test_share: float, seed: int, name: str
) -> tuple[tuple[Pair, Pair], tuple[Columns, Columns]]:
    """The records drawn for training and for the test, each with its attributes."""
    x, y = inputs(pair[0], name), labels(pair[1], name)
    columns = {key: objects_of(sensitive[key], f"The {f'sensitive[{key}]'!r} of {name}") for key in sensitive}
    lengths = {"y": len(y), **{f"sensitive[{key}]": column.shape for key, column in columns.items()}}
    for parameter, length in lengths.items():
        if length not in {len(x), (len(x),)}:
            raise invalid(parameter, name, f"of length {len(x)}, as x", length)
    held_out = test_records(y, test_share, seed, name)
    parts = [((x[rows], y[rows]), {key: columns[key][rows] for key in columns}) for rows in (~held_out, held_out)]
    return (parts[0][0], parts[1][0]), (parts[0][1], parts[1][1])


def _items(dataset: "Dataset[Any]", name: str) -> tuple[Tensor, Tensor]:
    indexed = hasattr(dataset, "__getitem__") and hasattr(dataset, "__len__")
    if not indexed or isinstance(dataset, Mapping | str | np.ndarray | Tensor | pd.DataFrame | DataLoader):
        allowed = "torch data sets with a length, whose items are (x, y); of a DataLoader give its 'dataset'"
        raise invalid("train and test", name, allowed, type(dataset).__name__)
    items = [dataset[place] for place in range(len(dataset))]  # type: ignore[arg-type]
    try:
        x = torch.stack([torch.as_tensor(x) for x, _ in items])
        y = torch.stack([torch.as_tensor(y).reshape(()) for _, y in items])
    except (TypeError, ValueError, RuntimeError) as error:
        reason = str(error).partition("\n")[0]
        allowed = "pairs (x, y) of a tensor, each of one shape, and a class code"
        raise invalid("items", name, allowed, reason) from None
    return x, y
