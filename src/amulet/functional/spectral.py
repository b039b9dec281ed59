"""How far records stand out along the direction in which their class spreads most.

Tran et al. 2018, https://arxiv.org/abs/1811.00636, Algorithm 1.
"""

import torch
from torch import Tensor


def spectral_scores(features: Tensor) -> Tensor:
    """(n,) float64 squared projection of the centred (n, d) features onto their top right singular vector."""
    centred = features.double() - features.double().mean(0)
    _, vectors = torch.linalg.eigh(centred.T @ centred)  # ascending
    projections: Tensor = centred @ vectors[:, -1]
    return projections.square()


def ranks_within(scores: Tensor, labels: Tensor) -> Tensor:
    """(n,) float64 rank of each record's score within its class, highest first, as shares in (0, 1) of the class.

    So a cut at p takes a share p of every class. Equal scores share one rank.
    """
    ranks = torch.empty_like(scores)
    for label in labels.unique():
        own = labels == label
        values, counts = scores[own].unique(return_inverse=True, return_counts=True)[1:]
        above = counts.sum() - counts.cumsum(0)
        ranks[own] = ((above + counts / 2) / counts.sum())[values].to(ranks)
    return ranks
