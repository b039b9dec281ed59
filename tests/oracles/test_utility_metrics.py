"""The metrics of utility equal scikit-learn's."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score
from torch import Generator

from amulet.utility import PredictionOutcome
from amulet.utility.metrics import accuracy, auc, balanced_accuracy


@st.composite
def predictions(draw: st.DrawFn, most_classes: int = 5) -> PredictionOutcome:
    """Random probabilities for up to 60 records, every class present among the true ones."""
    classes = draw(st.integers(2, most_classes))
    labels = draw(st.permutations([*range(classes), *draw(st.lists(st.integers(0, classes - 1), max_size=55))]))
    rng = Generator().manual_seed(draw(st.integers(0, 10_000)))
    logits = torch.randn(len(labels), classes, generator=rng, dtype=torch.float64)
    return PredictionOutcome(torch.tensor(labels), logits.softmax(1), torch.arange(len(labels)))


@given(predictions(most_classes=2))
def test_auc_of_two_classes(outcome: PredictionOutcome) -> None:
    assert auc(outcome) == pytest.approx(roc_auc_score(outcome.labels, outcome.probabilities[:, 1]))


@given(predictions().filter(lambda outcome: outcome.probabilities.shape[1] > 2))
def test_auc_of_more_classes_is_the_mean_over_pairs(outcome: PredictionOutcome) -> None:
    expected = roc_auc_score(outcome.labels, outcome.probabilities, multi_class="ovo", average="macro")
    assert auc(outcome) == pytest.approx(expected)


@given(predictions())
def test_accuracy_and_balanced_accuracy(outcome: PredictionOutcome) -> None:
    predicted = outcome.probabilities.argmax(1)
    assert accuracy(outcome) == pytest.approx(accuracy_score(outcome.labels, predicted))
    assert balanced_accuracy(outcome) == pytest.approx(balanced_accuracy_score(outcome.labels, predicted))
