"""Exact Shapley values of training records for a nearest-neighbour classifier.

Jia et al. 2019, https://arxiv.org/abs/1908.08619, Theorem 1.
"""

from typing import Final

import torch
from torch import Tensor

PAIRS: Final = 2**21
"""The largest number of distances between a training and a clean record held in memory at once: about 100 MB."""


def knn_shapley(features: Tensor, labels: Tensor, clean: Tensor, truth: Tensor, neighbors: int) -> Tensor:
    """The Shapley value of each training record for a K-nearest-neighbour classifier.

    The utility of a set of training records, for one clean record, is the share of the K nearest that have its label
    (eq. 5). Let the n training records be in order of their distance to the clean record, and let m_i be 1 if record i
    has its label and 0 otherwise. The values then follow by a recursion from the farthest record to the nearest:

        s_n = m_n min(K, n) / (K n)
        s_i = s_(i+1) + (m_i - m_(i+1)) min(K, i) / (K i)

    One sort and one cumulative sum give all values, in O(n log n) for each clean record. Distances are computed from
    centred features in float64, so that a large offset common to all features does not change their order by rounding.

    Args:
        features: (n, d) of the training records.
        labels: (n,) of the training records.
        clean: (m, d) features of the clean records, at least one.
        truth: (m,) labels of the clean records.
        neighbors: the number of neighbours, K.

    Returns:
        (n,) float64 values, averaged over the clean records.

    Example:
        >>> features, labels = torch.tensor([[0.0], [1.0], [5.0]]), torch.tensor([0, 0, 1])
        >>> knn_shapley(features, labels, torch.tensor([[0.2]]), torch.tensor([0]), neighbors=1)
        tensor([0.5000, 0.5000, 0.0000], dtype=torch.float64)
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
