"""Likelihoods relative to those of other models, as in RMIA. Zarifzadeh et al. 2024, https://arxiv.org/abs/2312.03262.

All are logarithms, so that records whose probability is near 0 or 1 are not rounded to the same number.
"""

import torch
from torch import Tensor


def log_mean_likelihood(log_p: Tensor) -> Tensor:
    """The log of the mean probability over models of which half were trained with each record: Pr(x), online.

    Args:
        log_p: (models, n) log probability of each record's true class under each model.

    Returns:
        (n,) log of the mean.

    Example:
        >>> log_mean_likelihood(torch.tensor([[0.9], [0.3]]).log()).exp()
        tensor([0.6000])
    """
    mean: Tensor = log_p.logsumexp(0) - torch.tensor(float(len(log_p))).log()
    return mean


def log_likelihood_offline(log_p: Tensor, inside: Tensor, a: float) -> Tensor:
    """The log of Pr(x) where no model was trained with the record on purpose.

    The mean probability under models trained without it, p_out, stands for p_in as well: p_in = a p_out + 1 - a, and
    Pr(x) = (p_in + p_out) / 2. For records that all models were trained with, p_out is found from
    p_in by the same line, and is at least 0.

    Args:
        log_p: (models, n) log probability of each record's true class under each model.
        inside: (models, n) bool, whether each model was trained with each record.
        a: the slope of the line, in (0, 1].

    Returns:
        (n,) log of Pr(x).

    Example:
        >>> log_p, inside = torch.tensor([[0.5, 0.5]]).log(), torch.tensor([[False, True]])
        >>> log_likelihood_offline(log_p, inside, a=0.8).exp()
        tensor([0.5500, 0.4375])
    """
    p, outside = log_p.exp(), ~inside
    mean_out = (p * outside).sum(0) / outside.sum(0)
    mean_in = p.mean(0)
    p_out = torch.where(outside.any(0), mean_out, ((mean_in - (1 - a)) / a).clamp_min(0))
    smallest = torch.finfo(p.dtype).tiny
    return (((1 + a) * p_out + (1 - a)) / 2).clamp_min(smallest).log()


def share_dominated(log_ratios: Tensor, population: Tensor, gamma: float) -> Tensor:
    """For each record x the share of records z of a population whose ratio is at least `gamma` times smaller.

    That is P_z(LR(x, z) >= gamma), the score of RMIA, where LR(x, z) is the quotient of the ratios of x and z.

    Args:
        log_ratios: (n,) log of Pr(x | model) / Pr(x).
        population: (m,) the same of the records z.
        gamma: at least 1.

    Returns:
        (n,) float64 in [0, 1].

    Example:
        >>> share_dominated(torch.tensor([4.0, 1.0]).log(), torch.tensor([1.0, 2.0, 3.0, 4.0]).log(), gamma=2.0)
        tensor([0.5000, 0.0000], dtype=torch.float64)
    """
    limit = torch.tensor(gamma, dtype=torch.float64).log()
    ranked = population.double().sort().values
    below = torch.searchsorted(ranked, log_ratios.double() - limit + 1e-12, right=True)
    return below.double() / len(population)
