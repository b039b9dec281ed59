"""Outcomes from stored outputs: scores or logits, labels and membership that were computed elsewhere, without a model.

The metrics of membership inference judge them as they judge the outcome of an attack.
"""

from collections.abc import Callable
from typing import TypeAlias, get_args

import numpy as np
import torch
from numpy.typing import ArrayLike
from torch import Tensor

from amulet.core.errors import InvalidData, Problem
from amulet.core.outcome import LEFT_OUT
from amulet.datasets.users_data.alignment import require_one_order
from amulet.membership_inference.outcome import MembershipOutcome
from amulet.membership_inference.signals import Signal, signal_of

Array: TypeAlias = ArrayLike | Tensor


def outcome_of_scores(scores: Array, members: Array, *, accused: Array | None = None) -> MembershipOutcome:
    """The outcome of an attack that was run elsewhere, from its scores.

    Args:
        scores: (n,) numbers, higher for records that are more likely members. A loss has to be negated.
        members: (n,) true or false, or 1 and 0: whether each record was trained on.
        accused: (n,) likewise: whether the attack calls the record a member, if it decides. Only decisions that were
            made without the truth mean anything.

    Returns:
        The outcome; its `index` is the place of each record in the arrays.

    Raises:
        InvalidData: an array has another shape, or values that are not allowed.

    Example:
        >>> from amulet.membership_inference.metrics import auc
        >>> auc(outcome_of_scores([0.9, 0.8, 0.7, 0.1], [1, 0, 1, 0]))
        0.75
    """
    owner = "outcome_of_scores"
    require_one_order((("scores", scores), ("members", members), ("accused", accused)), owner)
    found = _numbers(scores, "scores", owner, dimensions=1)
    truth = _flags(members, "members", owner, len(found))
    decided = LEFT_OUT if accused is None else _flags(accused, "accused", owner, len(found)).long()
    return MembershipOutcome(found, truth, torch.arange(len(found)), decided)


def outcome_of_logits(logits: Array, labels: Array, members: Array, *, signal: Signal = "loss") -> MembershipOutcome:
    """The outcome of a threshold on one signal, from stored answers of a model.

    Args:
        logits: (n, classes) outputs before the softmax. The logarithms of probabilities serve as well, if none is 0.
        labels: (n,) true classes, 0..classes-1.
        members: (n,) true or false, or 1 and 0: whether each record was trained on.
        signal: the score of a record; see `Signal`.

    Returns:
        The outcome; its `index` is the place of each record in the arrays.

    Raises:
        InvalidData: an array has another shape, or values that are not allowed.

    Example:
        >>> from amulet.membership_inference.metrics import auc
        >>> auc(outcome_of_logits([[3.0, 0.0], [0.0, 1.0], [0.0, 2.0], [1.0, 0.0]], [0, 1, 1, 1], [1, 0, 1, 0]))
        1.0
    """
    owner = "outcome_of_logits"
    require_one_order((("logits", logits), ("labels", labels), ("members", members)), owner)
    if signal not in get_args(Signal):
        raise _invalid("signal", owner, f"one of {', '.join(get_args(Signal))}", signal)
    answers = _numbers(logits, "logits", owner, dimensions=2)
    classes = answers.shape[1]
    if classes < 2:
        raise _invalid("logits", owner, "of shape (n, classes) with at least two classes", tuple(answers.shape))
    if not torch.isfinite(answers).all():
        raise _invalid("logits", owner, "finite; the logarithm of a probability of 0 is not", "infinity")
    y = _numbers(labels, "labels", owner, dimensions=1, count=len(answers))
    _require(
        "labels", owner, f"whole numbers 0..{classes - 1}", y, lambda y: (y == y.floor()) & (y >= 0) & (y < classes)
    )
    return MembershipOutcome(
        signal_of(signal, answers, y.long()),
        _flags(members, "members", owner, len(answers)),
        torch.arange(len(answers)),
    )


def _flags(values: Array, name: str, owner: str, count: int) -> Tensor:
    """(n,) bool."""
    found = _numbers(values, name, owner, dimensions=1, count=count)
    _require(name, owner, "true or false, or 1 and 0", found, lambda found: (found == 0) | (found == 1))
    return found.bool()


def _numbers(values: Array, name: str, owner: str, *, dimensions: int, count: int | None = None) -> Tensor:
    """A copy as float64 of so many dimensions, with a row for each of `count` records, if that is given."""
    if np.ma.is_masked(values):
        raise _invalid(name, owner, "numbers; a masked entry is none", "masked entries")
    try:
        array = np.array(values.detach().cpu().double().numpy() if isinstance(values, Tensor) else values)
    except ValueError:
        raise _invalid(name, owner, "rows of one length", "rows of several lengths") from None
    if array.dtype.kind not in "fiub":
        raise _invalid(name, owner, "numbers", array.dtype)
    if array.ndim != dimensions or len(array) == 0:
        shape = "(n,)" if dimensions == 1 else "(n, classes)"
        raise _invalid(name, owner, f"of shape {shape} with at least one record", array.shape)
    if count is not None and len(array) != count:
        raise _invalid(name, owner, f"of {count} records, as the others", len(array))
    numbers = torch.from_numpy(array.astype(np.float64))
    _require(name, owner, "numbers; NaN is none", numbers, lambda numbers: ~torch.isnan(numbers))
    return numbers


def _require(name: str, owner: str, allowed: str, values: Tensor, valid: Callable[[Tensor], Tensor]) -> None:
    wrong = values[~valid(values)]
    if len(wrong):
        raise _invalid(name, owner, allowed, wrong[0].item())


def _invalid(name: str, owner: str, allowed: str, given: object) -> InvalidData:
    return InvalidData([Problem.of(name, owner, allowed, given)])
