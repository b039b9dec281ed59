"""Reconstructed images beside class means, to be looked at: in one picture, and as what a report shows."""

from collections.abc import Sequence
from typing import Final

import torch
from torch import Tensor
from torch.nn.functional import pad

from amulet.core.data import Modality, Schema
from amulet.core.measurements.image_grid import MOST_COLUMNS, ImageGrid, as_pixels, reduced
from amulet.core.metric import Undefined
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


def image_grid(outcome: ReconstructionOutcome, schema: Schema) -> ImageGrid | Undefined:
    """The mean image of each class, and below it what an attack made of the class; of the first ten classes at most.

    Training records as such, to which the nearest belong, are not shown, since reports are sent around.

    Args:
        outcome: of one attack.
        schema: of the data set.

    Returns:
        The images, or why there are none: tabular records, or other than one or three channels. Tabular records are not
        shown as a table either. A few of many columns would have to be chosen, and by any rule that looks at the
        differences the table would show what the metrics do not.
    """
    if schema.modality is not Modality.IMAGE:
        return Undefined("only images are shown")
    if schema.shape[0] not in {1, 3}:
        return Undefined("only images of 1 or 3 channels are shown")
    labels = outcome.labels[:MOST_COLUMNS].tolist()
    rows = [as_pixels(reduced(images[:MOST_COLUMNS]), schema.low, schema.high)
            for images in (outcome.means, outcome.reconstructions)]  # fmt: skip
    some = f" of the first {len(labels)} of {len(outcome.labels)} classes" if len(labels) < len(outcome.labels) else ""
    return ImageGrid(
        title=f"What an attack that has only the model makes of each class{some}, below the mean training image.",
        rows=("mean of the training images", "reconstruction"),
        columns=tuple(schema.classes[label] for label in labels),
        pixels=torch.stack(rows),
        references=1,
    )


def _coloured(images: Tensor, outcome: ReconstructionOutcome) -> Tensor:
    """(k, 3, height, width) bytes, 0 at the lower and 255 at the upper bound of the data."""
    middle, half = outcome.guesses[1].flatten()[0].item(), outcome.data_range.item() / 2  # mid-grey
    return as_pixels(images, middle - half, middle + half).expand(-1, 3, -1, -1)


def _row(images: Tensor) -> Tensor:
    """(3, height + gap, k * (width + gap)) the images one beside the other."""
    return torch.cat(list(pad(images, (0, GAP, 0, GAP), value=255)), 2)
