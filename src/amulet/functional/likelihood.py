"""Confidence on a scale where it is nearly Gaussian, and what Gaussians say of it. Carlini et al. 2022, section V-C."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot


def scaled_logits(logits: Tensor, y: Tensor) -> Tensor:
    """(n,) log(p_y / (1 - p_y)) of softmax probabilities, in float64 and without ever forming p.

    Carlini et al. 2022, equation 3 in the stable form of section VI-A: the true class's logit minus the
    log-sum-exp of the others.
    """
    logits = logits.double()
    true = one_hot(y, logits.shape[1]).bool()
    others: Tensor = logits.masked_fill(true, -torch.inf).logsumexp(1)
    confidence: Tensor = logits[true] - others
    return confidence


@dataclass(frozen=True)
class Gaussians:
    """One Gaussian per record: means and standard deviations, each (n,)."""

    mean: Tensor
    std: Tensor

    def log_density(self, values: Tensor) -> Tensor:
        """(n,) log density of one value per record."""
        return -0.5 * ((values - self.mean) / self.std) ** 2 - self.std.log()


def fit_gaussians(values: Tensor, use: Tensor, *, per_record: bool, least_std: float = 1e-6) -> Gaussians:
    """Mean of each record's values where `use` holds; spread of its own, or pooled over all records.

    Args:
        values: (models, n).
        use: (models, n) bool, at least two models per record if `per_record`, else at least one.
        per_record: whether each record has a variance of its own. Pooled, it is the mean squared distance
            from each record's mean over all degrees of freedom, better with few models (section VI-B).
        least_std: floor of the standard deviations.
    """
    counts = use.sum(0).double()
    mean = (values * use).sum(0) / counts
    squares = ((values - mean).square() * use).sum(0)
    freedom = counts - 1
    pooled: Tensor = squares.sum() / freedom.sum()
    variance = squares / freedom if per_record else pooled.expand_as(mean)
    return Gaussians(mean, variance.sqrt().clamp_min(least_std))


def fit_gaussian_pair(values: Tensor, inside: Tensor, least_std: float = 1e-6) -> tuple[Gaussians, Gaussians]:
    """Gaussians with and without each record from two models, of which one was trained with it and one without.

    One value says nothing of its spread, so both get one spread for all records: half the mean squared difference
    of the two values, which also holds half the squared effect of the record and so is an upper bound. A common
    spread scales likelihood ratios and changes no ranking.

    Args:
        values: (2, n).
        inside: (2, n) bool, complementary.
        least_std: floor of the standard deviations.
    """
    with_it, without = (values * inside).sum(0), (values * ~inside).sum(0)
    std = ((with_it - without).square().mean() / 2).sqrt().clamp_min(least_std).expand_as(with_it)
    return Gaussians(with_it, std), Gaussians(without, std)
