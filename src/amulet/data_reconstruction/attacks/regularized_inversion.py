"""Inversion with a prior of images. Yosinski et al. 2015, https://arxiv.org/abs/1506.06579, section 3."""

from dataclasses import dataclass

import torch
from torch import Generator, Tensor

from amulet.core.data import Data, Modality
from amulet.core.spec import NonNegativeInt, OpenProbability
from amulet.data_reconstruction.inversion import InversionAttack
from amulet.functional.perturbations.pgd import Classifier


@dataclass(frozen=True)
class RegularizedInversion(InversionAttack):
    """As ModelInversion, towards inputs that are small, smooth, and of the class wherever they are shifted to.

    Attributes:
        steps, step_size, denoise_every: as of its base class.
        decay: the share of each input that is taken away after every step.
        jitter: before every step images are shifted by up to so many pixels in both directions, at random and round
            the edges. Tabular records are not.
    """

    decay: OpenProbability = 0.01
    jitter: NonNegativeInt = 2

    def descended(self, model: Classifier, data: Data, rng: Generator) -> Classifier:
        """The model of images behind a shift that is drawn anew every time."""
        if self.jitter == 0 or data.schema.modality is not Modality.IMAGE:
            return model

        def shifted(x: Tensor) -> Tensor:
            drawn = torch.randint(-self.jitter, self.jitter + 1, (2,), generator=rng, device=rng.device)
            return model(x.roll(tuple(drawn.tolist()), (2, 3)))

        return shifted

    def regularized(self, x: Tensor, start: Tensor) -> Tensor:
        """Inputs closer to the start by the decay."""
        return x + self.decay * (start - x)
