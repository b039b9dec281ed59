"""Gaussians of several statistics of each record together. Carlini et al. 2022, https://arxiv.org/abs/2112.03570.

There the dimensions of a Gaussian are several queries of one record; here they are different statistics of its answer.
"""

from dataclasses import dataclass
from math import log, pi
from typing import Final

import torch
from torch import Tensor

RIDGE: Final = 1e-6
"""Added to the diagonal of covariances in units of the statistics' mean variances, so that they can be inverted."""


@dataclass(frozen=True)
class JointGaussians:
    """One Gaussian for each record, of k statistics.

    Attributes:
        mean: (n, k) float64.
        covariance: (n, k, k) float64, positive definite.
    """

    mean: Tensor
    covariance: Tensor

    def log_density(self, values: Tensor) -> Tensor:
        """(n,) log density of each record's (n, k) values, in nats."""
        factor = torch.linalg.cholesky(self.covariance)
        residuals = (values.double() - self.mean)[..., None]
        standardized = torch.linalg.solve_triangular(factor, residuals, upper=False).squeeze(-1)
        log_root = factor.diagonal(dim1=-2, dim2=-1).log().sum(-1)
        found: Tensor = -0.5 * standardized.square().sum(-1) - log_root - 0.5 * values.shape[1] * log(2 * pi)
        return found


def fit_joint_gaussians(values: Tensor, use: Tensor, *, per_record: bool) -> JointGaussians:
    """A Gaussian for each record, fitted to its statistics under some of the models.

    Args:
        values: (models, n, k) statistics of each record under each model.
        use: (models, n) bool, which models to use: at least k + 1 per record if `per_record`, else at least one, and
            more than one of some record.
        per_record: whether each record has a covariance of its own. If not, one is pooled over all records: the sum of
            products of deviations from each record's mean, divided by all degrees of freedom.

    Example:
        >>> values = torch.tensor([[[0.0, 0.0]], [[2.0, 0.0]], [[0.0, 2.0]], [[2.0, 2.0]]])
        >>> fit_joint_gaussians(values, torch.ones(4, 1).bool(), per_record=True).mean
        tensor([[1., 1.]], dtype=torch.float64)
    """
    counts = use.sum(0).double()
    used = values.double() * use[..., None]
    mean = used.sum(0) / counts[:, None]
    deviations = (values.double() - mean) * use[..., None]
    products = torch.einsum("mni,mnj->nij", deviations, deviations)
    pooled = products.sum(0) / (counts - 1).sum()
    covariance = products / (counts - 1)[:, None, None] if per_record else pooled.expand_as(products)
    ridge = RIDGE * pooled.diagonal().clamp_min(RIDGE)
    return JointGaussians(mean, covariance + torch.diag(ridge))
