"""How alike reconstructions and records are, averaged over the classes."""

from torch import Tensor

from amulet.core.metric import Undefined
from amulet.data_reconstruction.outcome import ReconstructionOutcome
from amulet.functional.ssim import WINDOW
from amulet.functional.ssim import ssim as structural_similarity


def squared_error(outcome: ReconstructionOutcome, made: Tensor, references: Tensor) -> float:
    """The mean squared difference of (k, *shape) records, as a share of the squared range of the data; in [0, 1]."""
    differences = (made.double() - references.double()) / outcome.data_range.double()
    return differences.square().flatten(1).mean(1).mean().item()


def similarity(outcome: ReconstructionOutcome, made: Tensor, references: Tensor) -> float | Undefined:
    """The mean structural similarity of (k, channels, height, width) images with the data's range; in [-1, 1]."""
    if made.dim() != 4:
        return Undefined("structural similarity is one of images")
    if min(made.shape[2:]) < WINDOW:
        return Undefined(f"structural similarity needs images of at least {WINDOW} x {WINDOW} pixels")
    return structural_similarity(made, references, outcome.data_range.item()).mean().item()
