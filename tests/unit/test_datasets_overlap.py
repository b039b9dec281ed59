"""Records that are in the training and in the test part of a user's data are counted in one warning."""

import logging

import numpy as np
import pandas as pd
import pytest
import torch

from amulet.core.dataset import AmuletDataset
from amulet.datasets import from_arrays, from_frame
from amulet.datasets.users_data.overlap import shared_records

X = np.random.default_rng(0).random((90, 4)).astype(np.float32)
Y = np.arange(90) % 2


def test_a_record_in_both_parts_is_told_once_with_the_count(caplog: pytest.LogCaptureFixture) -> None:
    from_arrays((X[:60], Y[:60]), (X[57:], Y[57:]), name="mine")
    assert [record.levelno for record in caplog.records] == [logging.WARNING]
    assert caplog.messages[0].startswith(
        "mine: 3 of 33 test records have the inputs and the class of a training record."
    )


def test_disjoint_parts_and_equal_inputs_of_another_class_are_not_told(caplog: pytest.LogCaptureFixture) -> None:
    from_arrays((X[:60], Y[:60]), (X[60:], Y[60:]))
    from_arrays((X[:60], Y[:60]), (X[:60], 1 - Y[:60]))
    assert not caplog.messages


def test_rows_that_are_twice_in_one_frame_are_told(caplog: pytest.LogCaptureFixture) -> None:
    frame = pd.DataFrame(X, columns=list("abcd")).assign(good=Y)
    from_frame(pd.concat([frame, frame], ignore_index=True), target="good", name="twice")
    assert "twice: " in caplog.messages[0]


def test_records_that_agree_where_they_are_compared_first_are_compared_as_a_whole() -> None:
    """Images of 12288 inputs differ in one that is not among the first 64; -0.0 is 0.0."""
    x = torch.zeros(6, 3, 64, 64)
    other = x[:2].clone()
    other[:, 0, 0, 1] = 1.0
    y = torch.tensor([0, 1, 0, 1, 0, 1])
    data = from_arrays((x, y), (torch.cat([other, -x[:3]]), torch.tensor([0, 1, 0, 1, 0])), bounds=(0, 1))
    assert isinstance(data, AmuletDataset)
    assert shared_records(data.train, data.test) == 3
