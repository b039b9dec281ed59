"""A defense that is a training loop. Szegedy et al. 2016, https://arxiv.org/abs/1512.00567, section 7."""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.functional import cross_entropy

from amulet.core.data import Data
from amulet.core.errors import Conflict, Problem
from amulet.core.spec import Count, Probability
from amulet.core.trainable import Defense, Trainable
from amulet.training import Prepare, Recipe, Removal, TrainingFunction


def train(model: nn.Module, data: Data, seed: int, smoothing: float, epochs: int) -> None:
    """Full batches; a share of each label is spread over the other classes. Torch's generator is seeded already."""
    del seed
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(epochs):
        optimizer.zero_grad()
        cross_entropy(model(data.x), data.y, label_smoothing=smoothing).backward()
        optimizer.step()


@dataclass(frozen=True)
class SmoothedLabels(Defense):
    """Trains by `train` instead of the recipe's loop."""

    risk = "membership_inference"
    smoothing: Probability = 0.1
    epochs: Count = 20

    def apply(self, recipe: Trainable) -> TrainingFunction:
        """The recipe's model and its preparations of the data, with this loop."""
        if not isinstance(recipe, Recipe):
            raise Conflict([Problem("recipe", f"{self} needs a Recipe. Got {recipe}.")])
        arguments = (("smoothing", self.smoothing), ("epochs", self.epochs))
        kept = tuple(stage for stage in recipe.preparations if isinstance(stage, Prepare | Removal))
        return TrainingFunction(f"{__name__}:train", recipe.model, arguments, stages=kept)
