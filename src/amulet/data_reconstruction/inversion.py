"""Inversion of a model: the base class of attacks that descend to an input of every class, all classes together."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self, final

import torch
from torch import Generator, Tensor, nn

from amulet.core.classifier import gradient_problem
from amulet.core.data import Data, Modality
from amulet.core.records.synthetic import as_records, one_of_each_class
from amulet.core.roles import TARGET
from amulet.core.spec import Count, Positive
from amulet.core.threat import Access, Adversary
from amulet.data_reconstruction.reconstruction import ReconstructionAttack
from amulet.functional.inversion import denoised, inverted
from amulet.functional.perturbations.pgd import Classifier


@dataclass(frozen=True)
class InversionAttack(ReconstructionAttack):
    """Base class of attacks that invert a model. A subclass may state what is known of inputs beforehand, by two hooks.

    The innermost model is inverted where a defense has put something around it.

    Attributes:
        steps: the number of steps.
        step_size: the root mean square of the first step, as a share of the data's range; later steps are smaller.
        denoise_every: after how many steps images are denoised; None for never. Tabular records are never denoised;
            their one-hot groups end with one 1 each.
    """

    needs = Access.WEIGHTS
    steps: Count = 100
    step_size: Positive = 0.1
    denoise_every: Count | None = 10

    def descended(self, model: Classifier, data: Data, rng: Generator) -> Classifier:
        """The function of inputs along which it descends; a hook."""
        del data, rng
        return model

    def regularized(self, x: Tensor, start: Tensor) -> Tensor:
        """(n, *shape) what is made of inputs after every step, before they are denoised; a hook."""
        del start
        return x

    @final
    def briefer(self, share: float) -> Self:
        """With fewer steps."""
        return replace(self, steps=max(1, round(share * self.steps)))

    @final
    def model_demands(self, role: str, model: nn.Module, some: Data) -> Iterator[str]:
        """The target has input gradients."""
        why = gradient_problem(model, some) if role == TARGET else None
        if why is not None:
            yield (
                f"{self} needs the gradient of the model's outputs with respect to its inputs, and that of "
                f"{type(model).__name__} is of no use: {why}."
            )

    @final
    def reconstruct(self, adversary: Adversary) -> Tensor:
        """(classes, *shape) an input of every class, with one 1 in each one-hot group.

        A model that needs sensitive attributes is given the first value of each.
        """
        records = one_of_each_class(adversary.schema, adversary.rng.device)
        made = torch.empty_like(records.x)
        for places, classifier in adversary.target.layers[-1].classifiers(records):
            made[places] = self._inverted(classifier, records[places], adversary.rng)
        return as_records(made, adversary.schema)

    def _inverted(self, model: Classifier, data: Data, rng: Generator) -> Tensor:
        def process(x: Tensor, step: int) -> Tensor:
            return self._denoised(self.regularized(x, data.x), data, step)

        return inverted(
            self.descended(model, data, rng), data.y, data.x, steps=self.steps, step_size=self.step_size,
            bounds=(data.schema.low, data.schema.high), process=process,
        )  # fmt: skip

    def _denoised(self, x: Tensor, data: Data, step: int) -> Tensor:
        every = self.denoise_every
        due = every is not None and step % every == 0 and data.schema.modality is Modality.IMAGE
        return denoised(x) if due else x
