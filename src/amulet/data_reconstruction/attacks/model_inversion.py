"""Inputs that a model takes for a class. Fredrikson et al. 2015, https://doi.org/10.1145/2810103.2813677, section 5."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

from torch import Tensor, nn

from amulet.core.data import Data
from amulet.core.spec import Count, Positive
from amulet.core.threat import Adversary
from amulet.data_reconstruction.inversion import NEEDS, denoised_if_due, inverted_classes, lacking_gradients
from amulet.data_reconstruction.reconstruction import ReconstructionAttack
from amulet.functional.inversion import inverted
from amulet.functional.pgd import Classifier


@dataclass(frozen=True)
class ModelInversion(ReconstructionAttack):
    """Gradient descent from zeros to an input of every class, of all classes together.

    It descends along the logits and not the probabilities, whose gradient vanishes where the softmax saturates. It
    attacks the innermost model where a defense has put something around it.

    Attributes:
        steps: the number of steps.
        step_size: the root mean square of the first step, as a share of the data's range; later steps are smaller.
        denoise_every: after how many steps images are denoised; None for never. Tabular records are never denoised;
            their one-hot groups end with one 1 each.
    """

    needs = NEEDS
    steps: Count = 100
    step_size: Positive = 0.1
    denoise_every: Count | None = 10

    def briefer(self, share: float) -> Self:
        """With fewer steps."""
        return replace(self, steps=max(1, round(share * self.steps)))

    def model_demands(self, role: str, model: nn.Module, some: Data) -> Iterator[str]:
        """Input gradients."""
        return lacking_gradients(self, role, model, some)

    def reconstruct(self, adversary: Adversary) -> Tensor:
        """All classes in one batch."""
        return inverted_classes(adversary, self._invert)

    def _invert(self, model: Classifier, data: Data) -> Tensor:
        return inverted(
            model, data.y, data.x, steps=self.steps, step_size=self.step_size,
            bounds=(data.schema.low, data.schema.high),
            process=lambda x, step: denoised_if_due(x, data, step, self.denoise_every),
        )  # fmt: skip
