"""Inputs that a model takes for a class. Fredrikson et al. 2015, https://doi.org/10.1145/2810103.2813677, section 5."""

from dataclasses import dataclass
from typing import Self

from amulet.core.dataset import AmuletDataset
from amulet.core.split import Split
from amulet.data_reconstruction.inversion import InversionAttack


@dataclass(frozen=True)
class ModelInversion(InversionAttack):
    """Gradient descent from zeros to an input of every class, of all classes together.

    It descends along the logits and not the probabilities, whose gradient vanishes where the softmax saturates.

    Attributes:
        steps, step_size, denoise_every: as of its base class.
    """

    @classmethod
    def for_data(cls, dataset: AmuletDataset, split: Split) -> tuple[Self, ...]:
        """With its defaults."""
        del dataset, split
        return (cls(),)
