"""Train on another model's answers. Tramer et al. 2016, https://arxiv.org/abs/1609.02943, section 4 (retraining)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from torch import nn

from amulet.core.data import Data, Schema
from amulet.core.errors import Problem
from amulet.core.fitted import Fitted
from amulet.core.roles import Derivation
from amulet.core.threat import Access, Target
from amulet.core.trainable import Trainable


@dataclass(frozen=True)
class Distillation(Derivation):
    """A fresh model of the recipe's own architecture, trained on its maker's records as the parent labels them."""

    needs = Access.LABELS

    def build(self, schema: Schema, recipe: Trainable, parent: Callable[[Schema], nn.Module]) -> nn.Module:
        """The recipe's model."""
        del parent
        return recipe.build(schema)

    def derive(self, parent: Target, recipe: Trainable, data: Data, *, seed: int, device: str = "cpu") -> Fitted:
        """Label the records by the parent, then train."""
        labels = parent.predictions(data.to(device)).to(data.y.device)
        return recipe.fit(replace(data, y=labels, targets=None), seed=seed, device=device)

    def data_problems(self, schema: Schema, records: int) -> Iterator[Problem]:
        """There must be records to label."""
        del schema
        if records == 0:
            yield Problem("records", f"{self} needs at least one record to be labelled. Got none.")
