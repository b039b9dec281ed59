"""The signals of membership that need no training, by name. Song and Mittal 2021, https://arxiv.org/abs/2003.10595."""

from typing import Literal

from torch import Tensor

from amulet.functional.membership.likelihood import scaled_logits
from amulet.functional.membership.signals import negative_entropy, negative_loss, negative_modified_entropy

Signal = Literal["loss", "correctness", "confidence", "entropy", "modified entropy"]
"""What is read off a model's answer for a record.

"loss" is minus the cross-entropy, "correctness" whether the predicted class is right, "confidence" the probability of
the true class as log odds, "entropy" and "modified entropy" are minus these entropies of all probabilities.
"""


def signal_of(signal: Signal, logits: Tensor, y: Tensor) -> Tensor:
    """A signal, higher for records that are more likely members.

    Args:
        signal: its name.
        logits: (n, classes).
        y: (n,) true classes.

    Returns:
        (n,) float64.
    """
    match signal:
        case "loss":
            return negative_loss(logits, y)
        case "correctness":
            return (logits.argmax(1) == y).double()
        case "confidence":
            return scaled_logits(logits, y)
        case "entropy":
            return negative_entropy(logits)
        case "modified entropy":
            return negative_modified_entropy(logits, y)
