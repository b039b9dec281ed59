"""Spectral scores against a singular value decomposition, and what they find. Tran et al. 2018, Algorithm 1."""

import pytest
import torch
from torch import Tensor

from amulet.functional.spectral import ranks_within, spectral_scores


def normal(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("shape", [(40, 5), (5, 40)], ids=["many records", "many features"])
def test_they_are_squared_projections_on_the_top_right_singular_vector(shape: tuple[int, int]) -> None:
    features = normal(*shape) + 3
    centred = features - features.mean(0)
    top = torch.linalg.svd(centred, full_matrices=False).Vh[0]
    assert torch.allclose(spectral_scores(features), (centred @ top) ** 2)


def test_a_shifted_minority_stands_out() -> None:
    features = normal(200, 8)
    features[:20] += 6.0
    assert set(spectral_scores(features).topk(20).indices.tolist()) == set(range(20))


def test_one_record_does_not_stand_out_from_itself() -> None:
    assert spectral_scores(normal(1, 4)).tolist() == [0.0]


def test_ranks_are_shares_of_the_class_highest_score_first() -> None:
    scores, labels = torch.tensor([9.0, 1.0, 5.0, 5.0, 3.0]), torch.tensor([0, 0, 1, 1, 0])
    assert torch.allclose(ranks_within(scores, labels), torch.tensor([1 / 6, 5 / 6, 0.5, 0.5, 0.5]))
