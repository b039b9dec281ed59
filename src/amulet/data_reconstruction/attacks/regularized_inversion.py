"""Inversion with a prior of images. Yosinski et al. 2015, https://arxiv.org/abs/1506.06579, section 3."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Generator, Tensor, nn

from amulet.core.data import Data, Modality
from amulet.core.spec import Count, NonNegativeInt, OpenProbability, Positive
from amulet.core.threat import Adversary
from amulet.data_reconstruction.inversion import NEEDS, denoised_if_due, inverted_classes, lacking_gradients
from amulet.data_reconstruction.reconstruction import ReconstructionAttack
from amulet.functional.inversion import inverted
from amulet.functional.pgd import Classifier


@dataclass(frozen=True)
class RegularizedInversion(ReconstructionAttack):
    """As ModelInversion, towards inputs that are small, smooth, and of the class wherever they are shifted to.

    Attributes:
        steps, step_size, denoise_every: as of ModelInversion.
        decay: the share of each input that is taken away after every step.
        jitter: before every step images are shifted by up to so many pixels in both directions, at random and round
            the edges. Tabular records are not.
    """

    needs = NEEDS
    steps: Count = 100
    step_size: Positive = 0.1
    denoise_every: Count | None = 10
    decay: OpenProbability = 0.01
    jitter: NonNegativeInt = 2

    def briefer(self, share: float) -> Self:
        """With fewer steps."""
        return replace(self, steps=max(1, round(share * self.steps)))

    def model_demands(self, role: str, model: nn.Module, some: Data) -> Iterator[str]:
        """Input gradients."""
        return lacking_gradients(self, role, model, some)

    def reconstruct(self, adversary: Adversary) -> Tensor:
        """All classes in one batch."""
        return inverted_classes(adversary, lambda model, data: self._invert(model, data, adversary.rng))

    def _invert(self, model: Classifier, data: Data, rng: Generator) -> Tensor:
        def process(x: Tensor, step: int) -> Tensor:
            return denoised_if_due(x + self.decay * (data.x - x), data, step, self.denoise_every)

        shifts = data.schema.modality is Modality.IMAGE and self.jitter > 0
        return inverted(
            self._jittered(model, rng) if shifts else model, data.y, data.x, steps=self.steps,
            step_size=self.step_size, bounds=(data.schema.low, data.schema.high), process=process,
        )  # fmt: skip

    def _jittered(self, model: Classifier, rng: Generator) -> Classifier:
        """The model behind a shift that is drawn anew every time."""

        def shifted(x: Tensor) -> Tensor:
            drawn = torch.randint(-self.jitter, self.jitter + 1, (2,), generator=rng, device=rng.device)
            return model(x.roll(tuple(drawn.tolist()), (2, 3)))

        return shifted
