"""Inputs that a model takes for a class. Fredrikson et al. 2015, https://doi.org/10.1145/2810103.2813677, section 5."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

import torch
from torch import Tensor, nn

from amulet.core.classifier import gradient_problem
from amulet.core.data import Data, Modality
from amulet.core.roles import TARGET
from amulet.core.spec import Count, Positive
from amulet.core.synthetic import as_records, one_of_each_class
from amulet.core.threat import Access, Adversary
from amulet.data_reconstruction.reconstruction import ReconstructionAttack
from amulet.functional.inversion import denoised, inverted


@dataclass(frozen=True)
class ModelInversion(ReconstructionAttack):
    """Gradient descent from zeros to an input of every class, of all classes together.

    It descends along the logits and not the probabilities, whose gradient vanishes where the softmax saturates. It
    attacks the innermost model where a defense has put something around it.

    Attributes:
        steps: the number of steps.
        step_size: the root mean square of the first step, as a share of the data's range; later steps are smaller.
        denoise_every: after how many steps images are denoised, and after the last; None for never. Tabular records
            are never denoised; their one-hot groups end with one 1 each.
    """

    needs = Access.WEIGHTS
    steps: Count = 100
    step_size: Positive = 0.1
    denoise_every: Count | None = 10

    def briefer(self, share: float) -> Self:
        """With fewer steps."""
        return replace(self, steps=max(1, round(share * self.steps)))

    def model_demands(self, role: str, model: nn.Module, some: Data) -> Iterator[str]:
        """Input gradients."""
        why = gradient_problem(model, some) if role == TARGET else None
        if why is not None:
            yield (
                f"{self} needs the gradient of the model's outputs with respect to its inputs, and that of "
                f"{type(model).__name__} is of no use: {why}."
            )

    def reconstruct(self, adversary: Adversary) -> Tensor:
        """All classes in one batch."""
        schema, target = adversary.schema, adversary.target.layers[-1]
        records = one_of_each_class(schema, adversary.rng.device)
        process = self._process if schema.modality is Modality.IMAGE and self.denoise_every else None
        made = torch.empty_like(records.x)
        for places, classifier in target.classifiers(records):
            own = records[places]
            made[places] = inverted(
                classifier, own.y, own.x, steps=self.steps, step_size=self.step_size,
                bounds=(schema.low, schema.high), process=process,
            )  # fmt: skip
        return as_records(made, schema)

    def _process(self, images: Tensor, step: int) -> Tensor:
        due = self.denoise_every is not None and (step % self.denoise_every == 0 or step == self.steps)
        return denoised(images) if due else images
