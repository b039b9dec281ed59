"""Shapley values by their definition, over all subsets of ten training records. Jia et al. 2019, eq. (2)."""

from itertools import combinations
from math import comb

import pytest
import torch
from torch import Tensor

from amulet.functional import knn_shapley as module
from amulet.functional.knn_shapley import knn_shapley

RECORDS = 10


def records(seed: int, count: int) -> tuple[Tensor, Tensor]:
    rng = torch.Generator().manual_seed(seed)
    return torch.randn(count, 3, generator=rng), torch.randint(0, 3, (count,), generator=rng)


def worth(subset: tuple[int, ...], order: list[int], match: list[bool], neighbors: int) -> float:
    """Of a set of training records for one clean record: how many of its nearest agree, over K."""
    nearest = [record for record in order if record in subset][:neighbors]
    return sum(match[record] for record in nearest) / neighbors


def brute_force(features: Tensor, labels: Tensor, clean: Tensor, truth: Tensor, neighbors: int) -> Tensor:
    """The mean marginal contribution of each record over all subsets of the others and all clean records."""
    values = torch.zeros(len(features), dtype=torch.float64)
    for record, label in zip(clean, truth, strict=True):
        order = (features - record).norm(dim=1).argsort().tolist()
        match = (labels == label).tolist()
        for one in range(len(features)):
            others = [other for other in range(len(features)) if other != one]
            for size in range(len(features)):
                gains = [
                    worth((*subset, one), order, match, neighbors) - worth(subset, order, match, neighbors)
                    for subset in combinations(others, size)
                ]
                values[one] += sum(gains) / comb(len(others), size) / len(features)
    return values / len(clean)


@pytest.mark.parametrize("neighbors", [1, 3, 10, 12], ids="K={}".format)
def test_they_equal_brute_force_on_ten_records(neighbors: int) -> None:
    train, clean = records(0, RECORDS), records(1, 2)
    expected = brute_force(*train, *clean, neighbors)
    assert torch.allclose(knn_shapley(*train, *clean, neighbors), expected, atol=1e-12)


def test_they_share_out_the_accuracy_of_the_whole() -> None:
    """Efficiency: together they are worth what the whole training set is worth."""
    (features, labels), (clean, truth) = records(2, 50), records(3, 20)
    nearest = torch.cdist(clean, features).argsort(1)[:, :5]
    whole = (labels[nearest] == truth[:, None]).double().mean()
    assert knn_shapley(features, labels, clean, truth, 5).sum().item() == pytest.approx(whole.item())


def test_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    train, clean = records(4, 30), records(5, 7)
    at_once = knn_shapley(*train, *clean, 4)
    monkeypatch.setattr(module, "PAIRS", 60)
    assert torch.allclose(knn_shapley(*train, *clean, 4), at_once, atol=1e-12)


def test_what_all_features_share_changes_nothing() -> None:
    (features, labels), (clean, truth) = records(6, 200), records(7, 40)
    far = [torch.round(each * 1000) / 1000 + 1024 for each in (features, clean)]  # their differences are exact
    near = [each - 1024 for each in far]
    expected, found = (knn_shapley(moved[0], labels, moved[1], truth, 5) for moved in (near, far))
    assert torch.allclose(found, expected, atol=1e-12)
