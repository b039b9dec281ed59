"""Reconstructed images in one picture, to be looked at."""

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import pad

from amulet.data_reconstruction.outcome import ReconstructionOutcome

GAP: Final = 2
"""White pixels between images."""


def side_by_side(outcomes: Sequence[ReconstructionOutcome]) -> Tensor:
    """Class means above reconstructions: a column for each class, a row of means, then one for each outcome.

    Args:
        outcomes: of attacks on models that were trained on the same images, such as undefended and with each defense.

    Returns:
        (height, width, 3) uint8 colours, which `PIL.Image.fromarray(picture.numpy())` takes.

    Raises:
        ValueError: there are no outcomes, they are not of the same classes, or not of images of one or three channels.

    Example:
        >>> from amulet.data_reconstruction.attacks import ModelInversion
        >>> from amulet.datasets import Digits
        >>> from amulet.models import LinearNet
        >>> data = Digits().load().train
        >>> found = ModelInversion(steps=2).attack(LinearNet().build(data.schema), data)
        >>> side_by_side([found]).shape  # two rows of ten images of 8 x 8 pixels
        torch.Size([22, 102, 3])
    """
    if not outcomes or any(not torch.equal(each.means, outcomes[0].means) for each in outcomes):
        raise ValueError("The 'outcomes' of side_by_side must be one or more of the same training records.")
    means = outcomes[0].means
    if means.dim() != 4 or means.shape[1] not in {1, 3}:
        shape = tuple(means.shape[1:])
        raise ValueError(f"The 'outcomes' of side_by_side must be of images of 1 or 3 channels. Got shape {shape}.")
    rows = [_row(_coloured(images, outcomes[0])) for images in (means, *(each.reconstructions for each in outcomes))]
    return pad(torch.cat(rows, 1), (GAP, 0, GAP, 0), value=255).permute(1, 2, 0).contiguous()


def _coloured(images: Tensor, outcome: ReconstructionOutcome) -> Tensor:
    """(k, 3, height, width) bytes, 0 at the lower and 255 at the upper bound of the data."""
    middle = outcome.guesses[1].flatten()[0]  # mid-grey
    shares = (images - middle) / outcome.data_range + 0.5
    return (shares.clamp(0, 1) * 255).round().to(torch.uint8).expand(-1, 3, -1, -1)


def _row(images: Tensor) -> Tensor:
    """(3, height + gap, k * (width + gap)) the images one beside the other."""
    return torch.cat(list(pad(images, (0, GAP, 0, GAP), value=255)), 2)
