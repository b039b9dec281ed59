"""The metrics of utility equal scikit-learn's."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import accuracy_score, balanced_accuracy_score, roc_auc_score
from torch import Generator, Tensor, nn
from torch.nn.functional import one_hot

from amulet.core.data import Data, Modality, Schema
from amulet.utility import PredictionOutcome, Utility
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


class Scaled(nn.Module):
    """Gives its inputs times a factor as logits."""

    def __init__(self, factor: float) -> None:
        super().__init__()
        self.factor = factor

    def forward(self, x: Tensor) -> Tensor:
        return x * self.factor


def audited(classes: int, factor: float) -> PredictionOutcome:
    """The predictions for 400 records by a model whose confidence grows with the factor."""
    labels = torch.arange(400) % classes
    logits = torch.randn(400, classes, generator=Generator().manual_seed(0)) + one_hot(labels, classes)
    schema = Schema(Modality.TABULAR, (classes,), tuple(map(str, range(classes))))
    records = Data(logits, labels, torch.empty(400, 0, dtype=torch.int64), torch.arange(400), schema)
    return Utility().audit(Scaled(factor), records)


def by_probabilities(outcome: PredictionOutcome) -> PredictionOutcome:
    return PredictionOutcome(outcome.labels, outcome.probabilities, outcome.index)


def test_auc_is_the_same_however_confident_the_model_is() -> None:
    """Logits 128 times as large rank the records alike, although most probabilities are then 0 or 1."""
    plain, confident = audited(2, factor=1.0), audited(2, factor=128.0)
    assert auc(confident) == auc(plain) == auc(by_probabilities(plain))
    assert auc(by_probabilities(confident)) != auc(plain)  # ties count half


def test_log_odds_rank_several_classes_as_their_probabilities_do() -> None:
    outcome = audited(4, factor=1.0)
    assert auc(outcome) == auc(by_probabilities(outcome))
