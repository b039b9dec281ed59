"""Logit-scaled confidences and Gaussians fitted to them, as in LiRA. Carlini et al. 2022, sections V and VI."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn.functional import one_hot


def scaled_logits(logits: Tensor, y: Tensor) -> Tensor:
    """The log odds log(p / (1 - p)) of the true class's softmax probability p; roughly Gaussian over models.

    Carlini et al. 2022, equation 3, in the numerically stable form of section VI-A: the logit of the true class minus
    the log-sum-exp of the others.

    Args:
        logits: (n, classes).
        y: (n,) true classes.

    Returns:
        (n,) float64.

    Example:
        >>> scaled_logits(torch.tensor([[2.0, 0.0]]), torch.tensor([0]))
        tensor([2.], dtype=torch.float64)
    """
    logits = logits.double()
    true = one_hot(y, logits.shape[1]).bool()
    others: Tensor = logits.masked_fill(true, -torch.inf).logsumexp(1)
    confidence: Tensor = logits[true] - others
    return confidence


@dataclass(frozen=True)
class Gaussians:
    """One spherical Gaussian per record, of one dimension or of as many as there are queries.

    Attributes:
        mean: (n,) means, or (n, queries).
        std: (n,) standard deviations, the same in all dimensions.
    """

    mean: Tensor
    std: Tensor

    def standardized(self, values: Tensor) -> Tensor:
        """Deviations from the mean in units of the standard deviation, of the shape of the values."""
        return (values - self.mean) / _beside(self.std, values)

    def log_density(self, values: Tensor) -> Tensor:
        """(n,) log density of the values of each record, up to the constant log(sqrt(2 pi)) for each dimension.

        Args:
            values: of the shape of the means.
        """
        terms = -0.5 * self.standardized(values) ** 2 - _beside(self.std.log(), values)
        return _by_record(terms)


def fit_gaussians(values: Tensor, use: Tensor, *, per_record: bool, least_std: float = 1e-6) -> Gaussians:
    """A Gaussian for each record, fitted to its values under some of the models.

    With several queries a record it is spherical: each query has a mean of its own, and all have one variance
    (Carlini et al. 2022, section V).

    Args:
        values: (models, n) value of each record under each model, or (models, n, queries).
        use: (models, n) bool, which values to use: at least two per record if `per_record`, otherwise at least one.
        per_record: whether each record has its own variance. If not, one variance is pooled over all records, as the
            sum of squared deviations from each record's mean divided by all degrees of freedom; that is the better
            estimate with few models (section VI-B).
        least_std: lower limit of the standard deviations.

    Example:
        >>> values = torch.tensor([[1.0, 2.0], [3.0, 4.0]])
        >>> fit_gaussians(values, values > 0, per_record=True).mean
        tensor([2., 3.], dtype=torch.float64)
    """
    counts, used = use.sum(0).double(), _beside(use, values)
    mean = (values * used).sum(0) / _beside(counts, values[0])
    squares = _by_record(((values - mean).square() * used).sum(0))
    freedom = (counts - 1) * values[0, 0].numel()
    pooled: Tensor = squares.sum() / freedom.sum()
    variance = squares / freedom if per_record else pooled.expand_as(squares)
    return Gaussians(mean, variance.sqrt().clamp_min(least_std))


def fit_gaussian_pair(values: Tensor, inside: Tensor, least_std: float = 1e-6) -> tuple[Gaussians, Gaussians]:
    """Gaussians with and without each record, from two models of which exactly one was trained with it.

    A single value gives no estimate of its variance, so both Gaussians of all records get one common variance: half the
    mean squared difference of the two values. It also contains half the squared effect of the record, and so is
    too large on average. With a common variance, its size does not change the order of the likelihood ratios.

    Args:
        values: (2, n) value of each record under each model, or (2, n, queries).
        inside: (2, n) bool, which model was trained with each record.
        least_std: lower limit of the standard deviation.

    Returns:
        The Gaussians of models trained with the records, and of models trained without them.

    Example:
        >>> values, inside = torch.tensor([[3.0, 1.0], [1.0, 3.0]]), torch.tensor([[True, False], [False, True]])
        >>> [gaussians.mean.tolist() for gaussians in fit_gaussian_pair(values, inside)]
        [[3.0, 3.0], [1.0, 1.0]]
    """
    used = _beside(inside, values)
    with_it, without = (values * used).sum(0), (values * ~used).sum(0)
    spread = ((with_it - without).square().mean() / 2).sqrt().clamp_min(least_std)
    std = spread.expand(len(with_it))
    return Gaussians(with_it, std), Gaussians(without, std)


def _beside(by_record: Tensor, values: Tensor) -> Tensor:
    """Something with fewer dimensions than the values, with as many: the same for all queries of a record."""
    return by_record.reshape(*by_record.shape, *[1] * (values.dim() - by_record.dim()))


def _by_record(values: Tensor) -> Tensor:
    """(n,) sums over the queries of each record."""
    return values.reshape(len(values), -1).sum(1)
