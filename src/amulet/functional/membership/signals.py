"""Signals of membership in the outputs of one model. Song and Mittal 2021, https://arxiv.org/abs/2003.10595.

Each is higher for records that are more likely members. All are computed from log odds, so that none is rounded to the
same number for records that the model is very sure of.
"""

import torch
from torch import Tensor
from torch.nn.functional import logsigmoid

from amulet.functional.membership.likelihood import scaled_logits


def log_odds(logits: Tensor) -> Tensor:
    """The log odds log(p / (1 - p)) of the softmax probability p of every class.

    Args:
        logits: (n, classes).

    Returns:
        (n, classes) float64.

    Example:
        >>> log_odds(torch.tensor([[2.0, 0.0]]))
        tensor([[ 2., -2.]], dtype=torch.float64)
    """
    codes = torch.arange(logits.shape[1], device=logits.device)
    return torch.stack([scaled_logits(logits, code.expand(len(logits))) for code in codes], dim=1)


def negative_loss(logits: Tensor, y: Tensor) -> Tensor:
    """Minus the cross-entropy of the true class, log p_y. Yeom et al. 2018, https://arxiv.org/abs/1709.01604.

    Args:
        logits: (n, classes).
        y: (n,) true classes.

    Returns:
        (n,) float64, at most 0.

    Example:
        >>> negative_loss(torch.tensor([[0.0, 0.0]]), torch.tensor([0]))
        tensor([-0.6931], dtype=torch.float64)
    """
    return logsigmoid(scaled_logits(logits, y))


def negative_entropy(logits: Tensor) -> Tensor:
    """Minus the entropy of the predicted probabilities, sum_i p_i log p_i; the label is not used.

    Args:
        logits: (n, classes).

    Returns:
        (n,) float64 in -log(classes)..0.

    Example:
        >>> negative_entropy(torch.tensor([[0.0, 0.0]]))
        tensor([-0.6931], dtype=torch.float64)
    """
    odds = log_odds(logits)
    return (odds.sigmoid() * logsigmoid(odds)).sum(1)


def negative_modified_entropy(logits: Tensor, y: Tensor) -> Tensor:
    """Minus the modified entropy: (1 - p_y) log p_y + sum over the other classes i of p_i log(1 - p_i).

    It is 0 for a correct prediction without doubt and goes to minus infinity for a wrong one, where the entropy
    is 0 for both.

    Args:
        logits: (n, classes).
        y: (n,) true classes.

    Returns:
        (n,) float64, at most 0.

    Example:
        >>> negative_modified_entropy(torch.tensor([[0.0, 0.0]]), torch.tensor([0]))
        tensor([-0.6931], dtype=torch.float64)
    """
    odds = log_odds(logits)
    terms = odds.sigmoid() * logsigmoid(-odds)
    true = y[:, None]
    own = odds.gather(1, true)
    return terms.scatter(1, true, (-own).sigmoid() * logsigmoid(own)).sum(1)
