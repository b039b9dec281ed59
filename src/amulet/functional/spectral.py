"""Outlier scores along the direction of the largest variance of a class (spectral signatures).

Tran et al. 2018, https://arxiv.org/abs/1811.00636, Algorithm 1.
"""

import torch
from torch import Tensor


def spectral_scores(features: Tensor) -> Tensor:
    """The squared projection of each centred feature vector onto the top right singular vector of all of them.

    Args:
        features: (n, d) of the records of one class.

    Returns:
        (n,) float64 scores; high for outliers.

    Example:
        >>> spectral_scores(torch.tensor([[0.0, 0.0], [0.0, 0.0], [3.0, 0.0]]))
        tensor([1., 1., 4.], dtype=torch.float64)
    """
    centred = features.double() - features.double().mean(0)
    _, vectors = torch.linalg.eigh(centred.T @ centred)  # in ascending order of the eigenvalues
    projections: Tensor = centred @ vectors[:, -1]
    return projections.square()


def ranks_within(scores: Tensor, labels: Tensor) -> Tensor:
    """The rank of each record's score within its class, from the highest score down, as a share of the class.

    The records with ranks below p are thus a share p of every class.

    Args:
        scores: (n,).
        labels: (n,) class of each record.

    Returns:
        (n,) ranks in (0, 1), of the type of `scores`; equal scores of one class have the same rank.

    Example:
        >>> ranks_within(torch.tensor([0.1, 0.9, 0.5, 0.2]), torch.tensor([0, 0, 1, 1]))
        tensor([0.7500, 0.2500, 0.2500, 0.7500])
    """
    ranks = torch.empty_like(scores)
    for label in labels.unique():
        own = labels == label
        values, counts = scores[own].unique(return_inverse=True, return_counts=True)[1:]
        above = counts.sum() - counts.cumsum(0)
        ranks[own] = ((above + counts / 2) / counts.sum())[values].to(ranks)
    return ranks
