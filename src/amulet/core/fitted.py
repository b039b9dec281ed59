"""The result of training."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

from amulet.core.short_repr import short_repr

Fact = bool | int | float | str
"""A plain value that describes a training run, such as its number of steps."""

Artifacts = Mapping[str, Mapping[str, Tensor]]
"""Tensors that the owner of a model keeps from its training, by the name of the stage and of the tensor."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained model, in evaluation mode, with what is known of its training.

    Attributes:
        model: maps inputs to logits.
        facts: plain values that describe the run: `seconds`, `records`, `train_accuracy` if it was asked for, and with
            DP-SGD `epsilon`, `delta`, `noise_multiplier`, `sampling_rate`, `steps`.
        artifacts: tensors that the owner keeps, such as a watermark's key, by the stage that produced them:
            {"OutlierRemoval": {"removed": ...}}. A second stage of one class is called "OutlierRemoval 2".
    """

    model: nn.Module
    facts: Mapping[str, Fact]
    artifacts: Artifacts = field(default_factory=dict)

    __repr__ = short_repr


def by_stage(kept: Iterable[tuple[object, Mapping[str, Tensor]]]) -> Artifacts:
    """The artifacts of a run, by the names of the stages' classes; a second stage of a class is called "Name 2".

    Args:
        kept: each stage with its tensors by name, in order; stages without tensors are left out.

    Example:
        >>> by_stage([])
        {}
    """
    artifacts: dict[str, Mapping[str, Tensor]] = {}
    for stage, tensors in kept:
        name = type(stage).__name__
        number = 1 + sum(known == name or known.startswith(f"{name} ") for known in artifacts)
        if tensors:
            artifacts[name if number == 1 else f"{name} {number}"] = tensors
    return artifacts
