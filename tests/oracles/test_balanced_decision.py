"""Thresholds: Youden's for two values, exhaustive search for three."""

from itertools import product

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, roc_curve
from torch import Generator, Tensor

from amulet.functional.balanced_decision import balanced_offsets


def reached(scores: Tensor, values: Tensor, offsets: Tensor) -> float:
    return float(balanced_accuracy_score(values.numpy(), (scores + offsets).argmax(1).numpy()))


@given(seed=st.integers(0, 10_000), records=st.integers(4, 60), levels=st.integers(2, 30))
def test_two_values_are_parted_at_youdens_threshold(seed: int, records: int, levels: int) -> None:
    """Few levels give many equal scores, which no threshold can part."""
    rng = Generator().manual_seed(seed)
    values = torch.arange(records) % 2
    second = (torch.randint(1, levels, (records,), generator=rng) + values).double() / (levels + 1)
    scores = torch.stack([1 - second, second], 1).log()
    fpr, tpr, _ = roc_curve(values.numpy(), second.numpy(), drop_intermediate=False)
    best = ((tpr + 1 - fpr) / 2).max()
    assert reached(scores, values, balanced_offsets(scores, values)) == pytest.approx(best)


@pytest.mark.parametrize("seed", range(10))
def test_three_values_are_parted_about_as_well_as_by_exhaustive_search(seed: int) -> None:
    """One offset at a time can end beside the best; it is never below Bayes' rule, with which it starts."""
    rng = Generator().manual_seed(seed)
    values = torch.multinomial(torch.tensor([0.7, 0.2, 0.1]), 60, replacement=True, generator=rng)
    scores = (torch.nn.functional.one_hot(values, 3) + torch.randn(60, 3, generator=rng)).double().log_softmax(1)
    found = reached(scores, values, balanced_offsets(scores, values))
    grid = np.linspace(-4, 4, 33)
    best = max(reached(scores, values, torch.tensor([0.0, a, b])) for a, b in product(grid, grid))
    rule = -(values.bincount(minlength=3) / 60).log()
    assert found >= reached(scores, values, rule) - 1e-12
    assert found >= best - 0.04


def test_a_value_that_nobody_has_is_never_inferred() -> None:
    scores = torch.tensor([[0.1, 0.8, 0.1], [0.2, 0.5, 0.3]]).log()
    offsets = balanced_offsets(scores, torch.tensor([0, 2]))
    assert offsets[1] == -torch.inf
    assert (scores + offsets).argmax(1).tolist() == [0, 2]


def test_one_value_alone_is_always_inferred() -> None:
    scores = torch.tensor([[0.1, 0.9], [0.5, 0.5]]).log()
    assert (scores + balanced_offsets(scores, torch.tensor([0, 0]))).argmax(1).tolist() == [0, 0]
