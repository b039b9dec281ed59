"""Outputs that were computed elsewhere, judged without a model."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest
import torch
from torch import Generator

from amulet.core.errors import InvalidData, InvalidParameter
from amulet.core.measurements.estimate import Estimate, estimate
from amulet.core.metric import Undefined
from amulet.membership_inference import MembershipOutcome, outcome_of_logits, outcome_of_scores
from amulet.membership_inference.metrics import TPRAtFPR, accuracy_at_threshold, auc, balanced_accuracy


def gaussians(count: int = 400, seed: int = 0) -> MembershipOutcome:
    """Members score one standard deviation higher than as many others."""
    rng = Generator().manual_seed(seed)
    members = torch.arange(2 * count) < count
    return outcome_of_scores(members + torch.randn(2 * count, generator=rng), members)


@pytest.mark.parametrize("kind", [list, np.array, torch.tensor])
def test_scores_of_any_array_are_judged(kind: Callable[[list[float]], object]) -> None:
    outcome = outcome_of_scores(kind([0.9, 0.8, 0.7, 0.1]), kind([1, 0, 1, 0]), accused=kind([1, 1, 0, 0]))  # type: ignore[arg-type]
    assert auc(outcome) == 0.75
    assert accuracy_at_threshold(outcome) == 0.5
    assert outcome.index.tolist() == [0, 1, 2, 3]


def test_changing_the_array_later_changes_no_outcome() -> None:
    scores = np.array([0.9, 0.1])
    outcome = outcome_of_scores(scores, [True, False])
    scores[:] = 0
    assert outcome.scores.tolist() == [0.9, 0.1]


@pytest.mark.parametrize("signal", ["loss", "correctness", "confidence", "entropy", "modified entropy"])
def test_logits_and_the_logarithms_of_their_probabilities_are_judged_alike(signal: str) -> None:
    rng = Generator().manual_seed(0)
    logits, y = torch.randn(50, 3, generator=rng), torch.arange(50) % 3
    members = torch.arange(50) < 25
    found = [outcome_of_logits(each, y, members, signal=signal) for each in (logits, logits.log_softmax(1))]  # type: ignore[arg-type]
    assert torch.allclose(found[0].scores, found[1].scores, atol=1e-5)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda: outcome_of_scores([0.1, float("nan")], [1, 0]), "'scores' of outcome_of_scores must be numbers"),
        (lambda: outcome_of_scores([0.1, 0.2], [1, 2]), "'members' of outcome_of_scores must be true or false"),
        (lambda: outcome_of_scores([0.1, 0.2], [1]), "'members' of outcome_of_scores must be of 2 records"),
        (lambda: outcome_of_scores([[0.1]], [1]), r"'scores' of outcome_of_scores must be of shape \(n,\)"),
        (lambda: outcome_of_scores(["a"], [1]), "'scores' of outcome_of_scores must be numbers"),
        (lambda: outcome_of_scores([], []), "with at least one record"),
        (lambda: outcome_of_logits([[0.0, 1.0], [0.0]], [0, 1], [1, 0]), "'logits' .* must be rows of one length"),
        (lambda: outcome_of_scores(np.ma.array([0.1, 0.2], mask=[False, True]), [1, 0]), "a masked entry is none"),
        (
            lambda: outcome_of_scores(pd.Series([0.1, 0.2], index=[7, 8]), pd.Series([1, 0], index=[8, 7])),
            "'members' of outcome_of_scores must be in the order of 'scores', whose index has the same names",
        ),
        (
            lambda: outcome_of_logits([[0.0, 1.0]], [2], [1]),
            r"'labels' of outcome_of_logits must be whole numbers 0\.\.1",
        ),
        (lambda: outcome_of_logits([[0.0, 1.0]], [0.5], [1]), "'labels' of outcome_of_logits must be whole numbers"),
        (lambda: outcome_of_logits([[0.0]], [0], [1]), "at least two classes"),
        (lambda: outcome_of_logits(np.log([[1.0, 0.0]]), [0], [1]), "'logits' of outcome_of_logits must be finite"),
        (
            lambda: outcome_of_logits([[0.0, 1.0]], [0], [1], signal="luck"),  # type: ignore[arg-type]
            "'signal' of outcome_of_logits must be one of loss, correctness",
        ),
    ],
)
@pytest.mark.filterwarnings("ignore:divide by zero")
def test_what_is_no_stored_output_is_told(make: Callable[[], object], sentence: str) -> None:
    with pytest.raises(InvalidData, match=sentence):
        make()


def test_the_interval_of_an_auc_is_as_wide_as_its_standard_error_says() -> None:
    """That of Hanley and McNeil 1982, https://doi.org/10.1148/radiology.143.1.7063747."""
    count = 400
    found = estimate(auc, gaussians(count))
    assert isinstance(found, Estimate)
    assert found.interval is not None
    a = found.value
    first, second = a / (2 - a), 2 * a * a / (1 + a)
    error = ((a * (1 - a) + (count - 1) * (first + second - 2 * a * a)) / count**2) ** 0.5
    low, high = found.interval
    assert high - low == pytest.approx(2 * 1.96 * error, rel=0.1)
    assert low < a < high


def test_an_interval_is_the_same_for_one_seed_and_of_one_group_for_its_records() -> None:
    outcome = gaussians()
    women = torch.arange(800) % 2 == 1
    assert estimate(auc, outcome) == estimate(auc, outcome)
    assert estimate(auc, outcome[women]) != estimate(auc, outcome)


@pytest.mark.parametrize("metric", [auc, balanced_accuracy, TPRAtFPR(0.05)], ids=str)
def test_every_metric_has_an_interval_that_holds_its_value(metric: object) -> None:
    found = estimate(metric, gaussians())  # type: ignore[arg-type]
    assert isinstance(found, Estimate)
    assert found.interval is not None
    assert found.interval[0] <= found.value <= found.interval[1]


def test_what_has_no_value_has_no_interval() -> None:
    found = estimate(TPRAtFPR(0.001), gaussians())
    assert found == Undefined("fewer than 10 of 400 non-members would be accused")


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"level": 1.5}, "'level' of estimate must be between 0 and 1"),
        ({"resamples": 100}, "'resamples' of estimate must be at least 800 for a level of 0.95"),
    ],
)
def test_intervals_that_would_mean_nothing_are_refused(settings: dict[str, float], sentence: str) -> None:
    with pytest.raises(InvalidParameter, match=sentence):
        estimate(auc, gaussians(), **settings)  # type: ignore[arg-type]
