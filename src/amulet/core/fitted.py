"""What training gives."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from torch import Tensor, nn

Fact = bool | int | float | str


@dataclass(frozen=True, eq=False)
class Fitted:
    """A trained model in evaluation mode.

    Attributes:
        model: maps inputs to logits.
        facts: what is known of the run: `seconds`, `records`, `train_accuracy`, and under DP-SGD `epsilon`,
            `delta`, `noise_multiplier`, `sampling_rate`, `steps`.
        artifacts: tensors that the owner keeps, such as a watermark's key.
    """

    model: nn.Module
    facts: Mapping[str, Fact]
    artifacts: Mapping[str, Tensor] = field(default_factory=dict)
