"""The receiver operating characteristic (ROC) of scores that separate positives, such as members, from negatives."""

import torch
from torch import Tensor


def roc(scores: Tensor, positives: Tensor) -> tuple[Tensor, Tensor]:
    """False and true positive rates at every distinct threshold.

    Args:
        scores: (n,) higher for records that are more likely positive; equal scores share one threshold.
        positives: (n,) bool, with at least one positive and one negative.

    Returns:
        False and true positive rates, float64 of one length, ascending from (0, 0) to (1, 1).

    Example:
        >>> fpr, tpr = roc(torch.tensor([0.9, 0.8, 0.7, 0.1]), torch.tensor([True, False, True, False]))
        >>> fpr.tolist(), tpr.tolist()
        ([0.0, 0.0, 0.5, 0.5, 1.0], [0.0, 0.5, 0.5, 1.0, 1.0])
    """
    order = scores.argsort(descending=True)
    ranked, hits = scores[order], positives[order].double()
    last_of_ties = torch.cat([ranked[1:] != ranked[:-1], torch.ones(1, dtype=torch.bool, device=scores.device)])
    true, false = hits.cumsum(0)[last_of_ties], (1 - hits).cumsum(0)[last_of_ties]
    start = torch.zeros(1, dtype=torch.float64, device=scores.device)
    return torch.cat([start, false / false[-1]]), torch.cat([start, true / true[-1]])


def area_under(fpr: Tensor, tpr: Tensor) -> float:
    """The area under a ROC curve: the probability that a positive has a higher score than a negative.

    Ties count one half.

    Args:
        fpr: false positive rates, as `roc` gives them.
        tpr: true positive rates, likewise.

    Example:
        >>> area_under(*roc(torch.tensor([0.9, 0.8, 0.7, 0.1]), torch.tensor([True, False, True, False])))
        0.75
    """
    return torch.trapezoid(tpr, fpr).item()


def tpr_at(rates: Tensor, fpr: Tensor, tpr: Tensor) -> Tensor:
    """The largest true positive rate of a ROC curve at false positive rates up to given limits.

    Args:
        rates: (k,) limits of the false positive rate, in [0, 1].
        fpr: false positive rates, as `roc` gives them.
        tpr: true positive rates, likewise.

    Returns:
        (k,) true positive rates.

    Example:
        >>> fpr, tpr = roc(torch.tensor([0.9, 0.8, 0.7, 0.1]), torch.tensor([True, False, True, False]))
        >>> tpr_at(torch.tensor([0.0, 0.5]), fpr, tpr)
        tensor([0.5000, 1.0000], dtype=torch.float64)
    """
    places = torch.searchsorted(fpr, rates + 1e-12, right=True) - 1
    return tpr[places]


def best_threshold(scores: Tensor, positives: Tensor) -> float:
    """The threshold with the largest mean of true positive and true negative rate.

    Args:
        scores: (n,) higher for records that are more likely positive.
        positives: (n,) bool, with at least one positive and one negative.

    Returns:
        One of the scores: a record is called positive if its score is at least that large. Infinity, by which none is,
        if no score separates positives from negatives better than chance.

    Example:
        >>> best_threshold(torch.tensor([0.75, 0.5, 0.25, 0.0]), torch.tensor([True, True, False, False]))
        0.5
    """
    fpr, tpr = roc(scores, positives)
    thresholds = torch.cat([scores.new_full((1,), torch.inf), scores.unique().flip(0)])
    return float(thresholds[(tpr - fpr).argmax()])
