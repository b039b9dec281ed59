"""Exact Shapley values of training records for a nearest-neighbour classifier.

Jia et al. 2019, https://arxiv.org/abs/1908.08619, Theorem 1.
"""

from typing import Final

import torch
from torch import Tensor

PAIRS: Final = 2**21
"""Pairs of a training and a clean record that are held at once: about 100 MB."""


def knn_shapley(features: Tensor, labels: Tensor, clean: Tensor, truth: Tensor, neighbors: int) -> Tensor:
    """(n,) float64 Shapley value of each training record, averaged over the clean records.

    A set of training records is worth 1/K for each of its K records nearest to a clean record that carries that
    record's label (eq. 5). With the n training records in order of their distance, m_i saying whether record i has
    the clean record's label, the values follow from the farthest to the nearest:

        s_n = m_n min(K, n) / (K n)
        s_i = s_(i+1) + (m_i - m_(i+1)) min(K, i) / (K i)

    so one sort and one cumulative sum give all of them, O(n log n) for each clean record. Distances are taken between
    centred features in float64: where all features share a large offset, float32 would leave their order to rounding.

    Args:
        features: (n, d) of the training records.
        labels: (n,) of the training records.
        clean: (m, d) features of the clean records, at least one.
        truth: (m,) labels of the clean records.
        neighbors: K.
    """
    features, clean = (each.double() - features.double().mean(0) for each in (features, clean))
    ranks = torch.arange(1, len(features) + 1, dtype=torch.float64, device=features.device)
    weights = ranks.clamp_max(neighbors) / (neighbors * ranks)
    total = torch.zeros_like(weights)
    size = max(1, PAIRS // len(features))
    for part, wanted in zip(clean.split(size), truth.split(size), strict=True):
        nearest = torch.cdist(part, features).argsort(dim=1, stable=True)
        match = (labels[nearest] == wanted[:, None]).double()
        gains = match * weights
        gains[:, :-1] -= match[:, 1:] * weights[:-1]
        values = gains.flip(1).cumsum(1).flip(1)
        total += torch.empty_like(values).scatter_(1, nearest, values).sum(0)
    return total / len(clean)
