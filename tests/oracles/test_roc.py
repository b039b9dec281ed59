"""ROC curves and what is read off them, against scikit-learn and a brute-force loop, ties included."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score, roc_curve
from torch import Tensor

from amulet.functional.roc import area_under, roc
from amulet.membership_inference import MembershipOutcome
from amulet.membership_inference.metrics import TPRAtFPR, auc, balanced_accuracy


@st.composite
def scored(draw: st.DrawFn, least: int = 1) -> tuple[Tensor, Tensor]:
    """Scores with many ties, and which of them are positives; at least one record of each kind."""
    levels = draw(st.integers(1, 12))
    positives = draw(st.lists(st.integers(0, levels), min_size=least, max_size=40))
    others = draw(st.lists(st.integers(0, levels), min_size=least, max_size=40))
    scores = torch.tensor([*positives, *others], dtype=torch.float64) / 3
    return scores, torch.arange(len(scores)) < len(positives)


def outcome_of(scores: Tensor, members: Tensor) -> MembershipOutcome:
    return MembershipOutcome(scores, members, torch.arange(len(scores)))


@given(scored())
def test_the_curve_is_scikit_learn_s(case: tuple[Tensor, Tensor]) -> None:
    scores, positives = case
    fpr, tpr = roc(scores, positives)
    expected_fpr, expected_tpr, _ = roc_curve(positives, scores, drop_intermediate=False)
    assert fpr.numpy() == pytest.approx(expected_fpr)
    assert tpr.numpy() == pytest.approx(expected_tpr)


@given(scored())
def test_the_area_is_scikit_learn_s(case: tuple[Tensor, Tensor]) -> None:
    scores, positives = case
    assert area_under(*roc(scores, positives)) == pytest.approx(roc_auc_score(positives, scores))
    assert auc(outcome_of(scores, positives)) == pytest.approx(roc_auc_score(positives, scores))


@given(scored())
def test_the_area_is_the_chance_that_a_positive_outscores_another(case: tuple[Tensor, Tensor]) -> None:
    scores, positives = case
    difference = scores[positives][:, None] - scores[~positives]
    wins = (difference > 0).double() + (difference == 0).double() / 2
    assert area_under(*roc(scores, positives)) == pytest.approx(wins.mean().item())


@given(scored(), st.sampled_from([0.5, 1.0, 3.0]))
def test_infinite_scores_are_ranked_like_others(case: tuple[Tensor, Tensor], cut: float) -> None:
    scores, positives = case
    infinite = torch.where(scores >= cut, torch.inf, scores)
    assert area_under(*roc(infinite, positives)) == area_under(*roc(scores.clamp_max(cut), positives))


@given(scored(least=20), st.sampled_from([0.5, 0.6, 0.75, 0.9]))
def test_tpr_at_fpr_is_the_best_of_all_thresholds(case: tuple[Tensor, Tensor], allowed: float) -> None:
    scores, members = case
    best = 0.0
    for threshold in {*scores.tolist(), float("inf")}:
        accused = scores >= threshold
        if accused[~members].double().mean() <= allowed:
            best = max(best, accused[members].double().mean().item())
    assert TPRAtFPR(allowed)(outcome_of(scores, members)) == pytest.approx(best)


@given(scored())
def test_balanced_accuracy_is_the_best_of_all_thresholds(case: tuple[Tensor, Tensor]) -> None:
    scores, members = case
    best = 0.0
    for threshold in {*scores.tolist(), float("inf")}:
        accused = scores >= threshold
        rates = accused[members].double().mean() + (~accused)[~members].double().mean()
        best = max(best, rates.item() / 2)
    assert balanced_accuracy(outcome_of(scores, members)) == pytest.approx(best)
