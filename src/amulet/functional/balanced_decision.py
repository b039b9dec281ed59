"""Decisions from scores with the highest balanced accuracy, for any number of values."""

from typing import Final

import torch
from torch import Tensor

SWEEPS: Final = 10
"""The largest number of times that every offset is moved; a sweep that improves nothing is the last."""


def balanced_offsets(scores: Tensor, values: Tensor) -> Tensor:
    """Offsets b such that argmax(scores + b) has a high balanced accuracy on some records.

    They begin as minus the logarithm of each value's share, which is Bayes' rule for balanced accuracy if the scores
    are log-probabilities. Then one offset at a time is moved to where the balanced accuracy is highest, exactly, until
    none improves it. For two values that is the threshold with the largest difference of true and false positive rate
    (Youden 1950, https://doi.org/10.1002/1097-0142(1950)3:1%3C32::AID-CNCR2820030106%3E3.0.CO;2-3).

    Args:
        scores: (n, k) log-probabilities, or other scores, of each value.
        values: (n,) true values, 0..k-1, of at least one record.

    Returns:
        (k,) float64 offsets; minus infinity for values that no record has.

    Example:
        >>> scores = torch.tensor([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3]]).log()
        >>> offsets = balanced_offsets(scores, torch.tensor([0, 0, 1]))
        >>> (scores + offsets).argmax(1)
        tensor([0, 0, 1])
    """
    scores = scores.double()
    counts = values.bincount(minlength=scores.shape[1]).double()
    offsets, best = -(counts / len(values)).log(), -1.0
    offsets[counts == 0] = -torch.inf
    for _ in range(SWEEPS):
        reached = best
        for value in counts.nonzero().flatten().tolist():
            offsets[value], reached = _best_offset(scores, values, offsets, value)
        if reached <= best + 1e-12:
            break
        best = reached
    return offsets


def _best_offset(scores: Tensor, values: Tensor, offsets: Tensor, value: int) -> tuple[float, float]:
    """The best offset of one value while the others stay, and the balanced accuracy that it reaches.

    A record is taken to have the value where the offset exceeds what the record needs. So the balanced accuracy is a
    step function of the offset, with a step at every record.
    """
    others = scores + offsets
    others[:, value] = -torch.inf
    rival, runner_up = others.max(1)
    counts = values.bincount(minlength=len(offsets)).double()
    worth = 1 / counts[values] / int((counts > 0).sum())
    needed, order = (rival - scores[:, value]).sort()
    lost = torch.where(values == runner_up, worth, 0.0)
    gains = torch.where(values == value, worth, -lost)[order]
    levels = torch.cat([needed[:1] - 2, needed, needed[-1:] + 2])
    reached = lost.sum() + torch.cat([gains.new_zeros(1), gains.cumsum(0)])
    reached[levels[1:] == levels[:-1]] = -torch.inf  # records that need the same offset cannot be parted
    place = int(reached.argmax())
    offset = (levels[place] + levels[place + 1]) / 2
    return (offset.item() if offset.isfinite() else 0.0), reached[place].item()
