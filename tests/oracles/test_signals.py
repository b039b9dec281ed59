"""Signals of membership against their definitions, and thresholds against a search over all."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import entropy
from torch import Generator

from amulet.functional.membership.signals import log_odds, negative_entropy, negative_loss, negative_modified_entropy
from amulet.functional.roc import best_threshold

LOGITS = 3 * torch.randn(50, 4, generator=Generator().manual_seed(0), dtype=torch.float64)
Y = torch.arange(50) % 4
P = LOGITS.softmax(1)


def test_the_loss_is_that_of_torch() -> None:
    assert torch.allclose(negative_loss(LOGITS, Y), -torch.nn.functional.cross_entropy(LOGITS, Y, reduction="none"))


def test_log_odds_are_those_of_the_probabilities() -> None:
    assert torch.allclose(log_odds(LOGITS), (P / (1 - P)).log())


def test_the_entropy_is_scipy_s() -> None:
    assert negative_entropy(LOGITS).numpy() == pytest.approx(-entropy(P.numpy(), axis=1))


def test_the_modified_entropy_is_the_published_sum() -> None:
    """-(1 - p_y) log p_y - sum over i != y of p_i log(1 - p_i), Song and Mittal 2021."""
    for row, label, found in zip(P, Y, negative_modified_entropy(LOGITS, Y), strict=True):
        terms = [row[i] * (1 - row[i]).log() for i in range(4) if i != label]
        assert found.item() == pytest.approx(((1 - row[label]) * row[label].log() + sum(terms)).item())


def test_a_sure_mistake_looks_like_a_member_to_the_entropy_and_not_to_the_modified_one() -> None:
    right, wrong = torch.tensor([0]), torch.tensor([1])
    sure = torch.tensor([[9.0, 0.0]])
    assert negative_entropy(sure).item() == pytest.approx(0, abs=0.01)
    assert negative_modified_entropy(sure, right).item() == pytest.approx(0, abs=0.01)
    assert negative_modified_entropy(sure, wrong).item() < -8


@given(st.lists(st.tuples(st.integers(0, 5), st.booleans()), min_size=2, max_size=30))
def test_no_threshold_separates_better(cases: list[tuple[int, bool]]) -> None:
    scores = torch.tensor([float(score) for score, _ in cases])
    positives = torch.tensor([positive for _, positive in cases])
    if positives.all() or not positives.any():
        return

    def gain(threshold: float) -> float:
        called = scores >= threshold
        return (called[positives].double().mean() - called[~positives].double().mean()).item()

    found = best_threshold(scores, positives)
    assert gain(found) == pytest.approx(max(gain(each) for each in (*range(6), float("inf"))))
