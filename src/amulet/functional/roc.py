"""Receiver operating characteristic of scores that tell members (or positives) from others."""

import torch
from torch import Tensor


def roc(scores: Tensor, positives: Tensor) -> tuple[Tensor, Tensor]:
    """False and true positive rates, one pair per distinct threshold, from (0, 0) to (1, 1).

    Args:
        scores: (n,) higher means positive; equal scores share one threshold.
        positives: (n,) bool, with at least one record of each kind.
    """
    order = scores.argsort(descending=True)
    ranked, hits = scores[order], positives[order].double()
    last_of_ties = torch.cat([ranked[1:] != ranked[:-1], torch.ones(1, dtype=torch.bool, device=scores.device)])
    true, false = hits.cumsum(0)[last_of_ties], (1 - hits).cumsum(0)[last_of_ties]
    start = torch.zeros(1, dtype=torch.float64, device=scores.device)
    return torch.cat([start, false / false[-1]]), torch.cat([start, true / true[-1]])


def area_under(fpr: Tensor, tpr: Tensor) -> float:
    """Area under a curve of `roc`: the chance that a positive outscores another, ties counting half."""
    return torch.trapezoid(tpr, fpr).item()


def tpr_at(rates: Tensor, fpr: Tensor, tpr: Tensor) -> Tensor:
    """The largest true positive rate of a curve of `roc` at false positive rates of at most each of `rates`."""
    places = torch.searchsorted(fpr, rates + 1e-12, right=True) - 1
    return tpr[places]
