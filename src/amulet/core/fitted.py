"""What training gives."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

Fact = bool | int | float | str

Artifacts = Mapping[str, Mapping[str, Tensor]]
"""Tensors that a model's owner keeps, by stage and name."""


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained model in evaluation mode.

    Attributes:
        model: maps inputs to logits.
        facts: what is known of the run: `seconds`, `records`, `train_accuracy` where it was asked for, and under DP-SGD
            `epsilon`, `delta`, `noise_multiplier`, `sampling_rate`, `steps`.
        artifacts: tensors that the owner keeps, such as a watermark's key, by the stage that made them:
            {"OutlierRemoval": {"removed": ...}}. A second stage of one class is called "OutlierRemoval 2".
    """

    model: nn.Module
    facts: Mapping[str, Fact]
    artifacts: Artifacts = field(default_factory=dict)


def by_stage(kept: Iterable[tuple[object, Mapping[str, Tensor]]]) -> Artifacts:
    """What stages keep, under the names of their classes; the second stage of a class is called "Name 2".

    Stages that keep nothing are left out.
    """
    artifacts: dict[str, Mapping[str, Tensor]] = {}
    for stage, tensors in kept:
        name = type(stage).__name__
        number = 1 + sum(known == name or known.startswith(f"{name} ") for known in artifacts)
        if tensors:
            artifacts[name if number == 1 else f"{name} {number}"] = tensors
    return artifacts
