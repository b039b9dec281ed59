"""What attacks that invert a model have in common: they descend to an input of every class, all classes together."""

from collections.abc import Callable, Iterator
from typing import Final

import torch
from torch import Tensor, nn

from amulet.core.classifier import gradient_problem
from amulet.core.data import Data, Modality
from amulet.core.roles import TARGET
from amulet.core.synthetic import as_records, one_of_each_class
from amulet.core.threat import Access, Adversary
from amulet.functional.inversion import denoised
from amulet.functional.pgd import Classifier

NEEDS: Final = Access.WEIGHTS
"""Gradients are computed with the weights."""

Inversion = Callable[[Classifier, Data], Tensor]
"""From a classifier and records of some classes, all zeros, to inputs (n, *shape) that it takes for these classes."""


def inverted_classes(adversary: Adversary, invert: Inversion) -> Tensor:
    """(classes, *shape) an input of every class, with one 1 in each one-hot group.

    The innermost model is inverted where a defense has put something around it. A model that needs sensitive attributes
    is given the first value of each.
    """
    records = one_of_each_class(adversary.schema, adversary.rng.device)
    made = torch.empty_like(records.x)
    for places, classifier in adversary.target.layers[-1].classifiers(records):
        made[places] = invert(classifier, records[places])
    return as_records(made, adversary.schema)


def denoised_if_due(x: Tensor, data: Data, step: int, every: int | None) -> Tensor:
    """Images denoised after every so many steps; other steps, and tabular records, leave x as it is."""
    due = every is not None and step % every == 0 and data.schema.modality is Modality.IMAGE
    return denoised(x) if due else x


def lacking_gradients(attack: object, role: str, model: nn.Module, some: Data) -> Iterator[str]:
    """Why a target cannot be inverted, as a sentence."""
    why = gradient_problem(model, some) if role == TARGET else None
    if why is not None:
        yield (
            f"{attack} needs the gradient of the model's outputs with respect to its inputs, and that of "
            f"{type(model).__name__} is of no use: {why}."
        )
