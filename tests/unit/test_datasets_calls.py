"""The ways to hand over arrays and records, and what every other way is told."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from amulet.core.data import Data
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import InvalidData
from amulet.datasets import from_arrays, from_frame, from_torch
from amulet.evasion.attacks import PGD
from amulet.experiments import compare
from amulet.membership_inference.attacks import LossThreshold
from amulet.poisoning.attacks import BadNets
from amulet.testing import TOY_RECIPE, toy_dataset
from amulet.utility import Utility
from amulet.utils import get_accuracy, initialize_model, train_classifier

X = np.random.default_rng(0).random((93, 3))
Y = np.arange(93) % 3
TOY = toy_dataset()
MODEL = nn.Linear(6, 2)


def refusal(make: Callable[[], object]) -> str:
    with pytest.raises(InvalidData) as caught:
        make()
    return str(caught.value)


def test_x_and_y_are_split_as_a_frame_is() -> None:
    dataset = from_arrays(X, Y)
    assert (dataset.train.y.bincount().tolist(), dataset.test.y.bincount().tolist()) == ([22] * 3, [9] * 3)
    assert from_arrays(X, Y).content == dataset.content != from_arrays(X, Y, seed=1).content
    assert len(from_arrays(X, list(Y), test_share=0.5).test) == 48


def test_attributes_stay_with_their_records() -> None:
    dataset = from_arrays(np.arange(93.0)[:, None], Y, sensitive={"third": [None, *(Y[1:] * 10)]})
    for part in (dataset.train, dataset.test):
        expected = torch.where(part.x.flatten() == 0, -1, part.y)
        assert torch.equal(part.attribute("third"), expected)


def test_a_split_at_hand_is_kept() -> None:
    pairs = (X[:60], Y[:60]), (X[60:], Y[60:])
    assert from_arrays(train=pairs[0], test=pairs[1]).content == from_arrays(*pairs).content
    assert len(from_arrays(*pairs).train) == 60


def test_two_records_are_no_pair() -> None:
    assert len(from_arrays([[0.0, 1.0], [1.0, 0.0]] * 2, [0, 1] * 2, test_share=0.5).train) == 2


@pytest.mark.parametrize(
    ("arrays", "given"),
    [
        ((X,), "Got (ndarray of shape (93, 3))."),
        (((X, Y),), "Got ((ndarray of shape (93, 3), ndarray of shape (93,)))."),
        ((X, Y, X, Y), "ndarray of shape (93,), ndarray of shape (93, 3), ndarray of shape (93,))."),
        ((X, X, Y, Y), "ndarray of shape (93, 3), ndarray of shape (93,), ndarray of shape (93,))."),
        (((X, X), (Y, Y)), "Got ((ndarray"),
        ((X, Y[:, None]), "ndarray of shape (93, 1))."),
        (({"x": X}, Y), "Got (dict of length 1, "),
        ((TensorDataset(torch.tensor(X)), Y), "Got (TensorDataset of length 93, "),
        ((TOY, TOY), "Got (AmuletDataset, AmuletDataset)."),
        ((), "Got ()."),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_wrong_call_says_how_to_call(arrays: Any, given: str) -> None:
    found = refusal(lambda: from_arrays(*arrays))
    assert "must be given as from_arrays(x, y), which splits the records by 'test_share' and 'seed', or" in found
    assert given in found


@pytest.mark.parametrize(
    ("settings", "given"),
    [
        ({"test_share": 3}, "The 'test_share' of own data must be greater than 0 and less than 1. Got 3."),
        ({"seed": -1}, "The 'seed' of own data must be a whole number, at least 0. Got -1."),
        ({"sensitive": ({"a": Y}, {"a": Y})}, "must be a mapping of names to columns of shape (n,)."),
        ({"sensitive": {"a": Y[:4]}}, "The 'sensitive[a]' of own data must be of length 93, as x. Got (4,)."),
    ],
    ids=str,
)
def test_settings_of_the_split_are_checked(settings: Any, given: str) -> None:
    assert given in refusal(lambda: from_arrays(X, Y, **settings))


def test_settings_without_effect_are_refused() -> None:
    found = refusal(lambda: from_arrays((X, Y), (X, Y), test_share=0.3, seed=1))
    assert found == (
        "The 'test_share' of own data must be left out where train and test are given. Got 0.3.\n"
        "The 'seed' of own data must be left out where train and test are given. Got 1."
    )
    assert "two mappings" in refusal(lambda: from_arrays((X, Y), (X, Y), sensitive={"a": Y}))


@pytest.mark.parametrize(
    ("y", "given"),
    [
        (np.linspace(0, 1, 93), "it looks continuous"),
        (np.arange(93), "Got '93 different labels in 93 records: it looks continuous'."),
        (Y[:50], "The 'y' of own data must be of length 93, as x. Got 50."),
        (["a", "b", "c"] * 31, "must be whole numbers 0..k-1, none missing"),
        ([0, None, 1] * 31, "must be whole numbers 0..k-1, none missing"),
    ],
    ids=["fractions", "one each", "short", "text", "missing"],
)
def test_labels_are_codes(y: Any, given: str) -> None:
    assert given in refusal(lambda: from_arrays(X, y))


def test_a_quantity_is_no_label_where_the_split_is_at_hand() -> None:
    assert "it looks continuous" in refusal(lambda: from_arrays((X, np.arange(93)), (X[:9], np.arange(9))))


@pytest.mark.parametrize("gap", [None, pd.NA, np.nan, float("nan")])
def test_a_missing_number_is_missing_in_every_container(gap: Any) -> None:
    rows = [[gap, 1.0], [0.0, 1.0]] * 4
    for x in (rows, np.array(rows, dtype=object), pd.DataFrame(rows)):
        assert "must be finite (fill in or drop missing values)" in refusal(lambda x=x: from_arrays(x, [0, 1] * 4))  # type: ignore[misc]


def test_nullable_columns_are_numbers() -> None:
    x, y = pd.DataFrame(X).astype("Float64"), pd.Series(Y, dtype="Int64")
    assert from_arrays(x, y).content == from_arrays(X, Y).content


@pytest.mark.parametrize(
    "given", [{"a": 1}, X, torch.tensor(X), iter([1]), "file"], ids=lambda value: type(value).__name__
)
def test_torch_data_sets_have_items(given: Any) -> None:
    assert "must be torch data sets with a length, whose items are (x, y)" in refusal(lambda: from_torch(given, given))


def test_a_loader_is_no_data_set() -> None:
    loader = DataLoader(TensorDataset(torch.tensor(X), torch.tensor(Y)))
    assert "of a DataLoader give its 'dataset'. Got 'DataLoader'." in refusal(lambda: from_torch(loader, loader))  # type: ignore[arg-type]


NOT_RECORDS = {
    "dict": {"x": TOY.train.x},
    "tuple": (TOY.train.x, TOY.train.y),
    "Tensor": TOY.train.x,
    "DataLoader": DataLoader(TensorDataset(TOY.train.x, TOY.train.y)),
    "builtin_function_or_method": len,
    "AmuletDataset": TOY,
    "NoneType": None,
}
ENTRANCES: dict[str, Callable[[Any], object]] = {
    "PGD": lambda data: PGD(epsilon=0.1).attack(MODEL, data),
    "LossThreshold": lambda data: LossThreshold().attack(MODEL, TOY.train, data),
    "BadNets": lambda data: BadNets().attack(MODEL, data),
    "Utility": lambda data: Utility().audit(MODEL, data),
    "Recipe": lambda data: TOY_RECIPE.fit(data, seed=0),
    "train_classifier": lambda data: train_classifier(MODEL, data),
    "get_accuracy": lambda data: get_accuracy(MODEL, data),
}


@pytest.mark.parametrize("owner", ENTRANCES)
@pytest.mark.parametrize("kind", NOT_RECORDS)
def test_what_is_no_record_is_refused_wherever_it_enters(owner: str, kind: str) -> None:
    found = refusal(lambda: ENTRANCES[owner](NOT_RECORDS[kind]))
    assert f"of {owner} must be Data, as an AmuletDataset holds in 'train' and 'test'" in found
    assert f"Got '{kind}'." in found


@pytest.mark.parametrize("owner", ENTRANCES)
@pytest.mark.parametrize(
    ("change", "given"),
    [
        ({"x": TOY.test.x.long()}, "must be floating or uint8. Got torch.int64."),
        ({"y": TOY.test.y.float()}, "must be int64. Got torch.float32."),
        ({"y": TOY.test.y + 5}, "must be codes 0..1. Got [5, 6]."),
        ({"y": TOY.test.y[:3]}, "must be of shape (3, 6). Got (32, 6)."),
    ],
    ids=["x of whole numbers", "y of floats", "codes", "lengths"],
)
def test_tensors_that_do_not_fit_are_refused_wherever_they_enter(owner: str, change: Any, given: str) -> None:
    assert given in refusal(lambda: ENTRANCES[owner](replace(TOY.test, **change)))


def test_data_are_tensors() -> None:
    wrong: Any = {"x": TOY.test.x.numpy(), "schema": {}}
    assert refusal(lambda: replace(TOY.test, **wrong)) == (
        "The 'x' of Data must be a Tensor. Got 'ndarray'.\nThe 'schema' of Data must be a Schema. Got 'dict'."
    )


def test_a_data_set_is_made_of_data() -> None:
    assert "The 'train' of own must be Data" in refusal(lambda: AmuletDataset("own", (X, Y), TOY.test))  # type: ignore[arg-type]
    given: Any = {"a": 1}
    assert "The 'data' of initialize_model must be" in refusal(lambda: initialize_model("linearnet", "m1", given))
    assert "The 'dataset' of compare must be an AmuletDataset" in refusal(
        lambda: compare(MODEL, MODEL, given, probes=(Utility(),))
    )


PIXELS = np.random.default_rng(0).random((20, 3, 8, 8))


@pytest.mark.parametrize(
    ("mean", "std"),
    [
        ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),
        ((0.5, 0.5, 0.5), (0.25, 0.1, 0.05)),
        ((0.4914, 0.4822, 0.4465), (0.247, 0.2435, 0.2616)),
    ],
    ids=["ImageNet", "contrasts", "CIFAR-10"],
)
def test_images_standardised_channel_by_channel_are_refused(mean: Any, std: Any) -> None:
    x = (PIXELS - np.array(mean)[:, None, None]) / np.array(std)[:, None, None]
    for settings in ({}, {"bounds": (-20.0, 20.0)}):
        found = refusal(lambda settings=settings: from_arrays(x, [0, 1] * 10, **settings))  # type: ignore[misc]
        assert "must be of one range in all channels" in found
        assert "standardise them in the model's first layer" in found


@pytest.mark.parametrize(("low", "high"), [(0, 1), (-1, 1), (0, 255), (-0.5, 0.5)])
def test_images_of_one_range_are_taken(low: float, high: float) -> None:
    x = low + (high - low) * PIXELS * np.array([1, 0.8, 0.6])[:, None, None]
    assert from_arrays(x, [0, 1] * 10, bounds=(low, high)).schema.high == high


def test_one_channel_may_be_standardised() -> None:
    assert from_arrays((PIXELS[:, :1] - 0.3) / 0.35, [0, 1] * 10).schema.low < 0


def test_records_are_still_data_after_a_mask() -> None:
    assert isinstance(TOY.test[TOY.test.y == 1], Data)


def test_problems_of_a_frame_are_told_together() -> None:
    frame = pd.DataFrame(
        {
            "id": [f"n{number}" for number in range(240)],
            "place": ["x"] * 239 + [" x"],
            "good": [np.nan] + [0.0, 1.0] * 119 + [1.0],
        }
    )
    with pytest.raises(InvalidData) as found:
        from_frame(frame, target="good", test_share=2, seed=-1)
    told = [problem.sentence for problem in found.value.problems]
    assert told[0] == "The target 'good' of own data must be known. Got missing values."
    assert [sentence.split(" of own data")[0] for sentence in told[1:-2]] == ["The column 'id'", "The column 'place'"]
    assert told[-2:] == [
        "The 'test_share' of own data must be greater than 0 and less than 1. Got 2.",
        "The 'seed' of own data must be a whole number, at least 0. Got -1.",
    ]
