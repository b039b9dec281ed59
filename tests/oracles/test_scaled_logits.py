"""The scaled logit is log(p / (1 - p)), also where p cannot be told from 0 or 1 in float64."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from amulet.functional.membership.likelihood import scaled_logits

logit = st.floats(-12, 12, width=32)


@given(st.lists(st.lists(logit, min_size=3, max_size=3), min_size=1, max_size=8), st.integers(0, 2))
def test_it_is_the_log_odds_of_the_true_class(rows: list[list[float]], label: int) -> None:
    logits = torch.tensor(rows)
    y = torch.full((len(rows),), label)
    p = logits.double().softmax(1)[:, label]
    expected = (p / (1 - p)).log()
    assert scaled_logits(logits, y).numpy() == pytest.approx(expected.numpy(), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("size", [50.0, 1e4, 1e30])
def test_it_stays_finite_for_extreme_logits(size: float) -> None:
    logits = torch.tensor([[size, 0.0, -size], [-size, 0.0, size]])
    found = scaled_logits(logits, torch.tensor([0, 0]))
    assert found.isfinite().all()
    assert found[0] == pytest.approx(size, rel=1e-6)
    assert found[1] == pytest.approx(-2 * size, rel=1e-6)


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32])
def test_it_is_formed_in_float64(dtype: torch.dtype) -> None:
    logits: Tensor = torch.tensor([[8.0, -8.0]], dtype=dtype)
    found = scaled_logits(logits, torch.tensor([0]))
    assert found.dtype == torch.float64
    assert found.item() == 16
