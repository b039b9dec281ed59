"""Train a copy of a model further. Adi et al. 2018, https://arxiv.org/abs/1802.04633, section 6 (all layers)."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from torch import nn

from amulet.core.data import Data, Schema
from amulet.core.errors import InvalidParameter, Problem
from amulet.core.fitted import Fitted
from amulet.core.roles import Derivation
from amulet.core.threat import Access, Target
from amulet.core.trainable import Slot, Trainable
from amulet.models.given import GivenModel
from amulet.training.recipe import Recipe


@dataclass(frozen=True)
class FineTuning(Derivation):
    """The parent's weights, trained on its maker's records with the recipe's optimizer, objective and epochs.

    The recipe must be a `Recipe`, whose model is replaced by the parent.
    """

    needs = Access.WEIGHTS

    def build(self, schema: Schema, recipe: Trainable, parent: Callable[[Schema], nn.Module]) -> nn.Module:
        """Of the parent's structure."""
        del recipe
        return parent(schema)

    def derive(self, parent: Target, recipe: Trainable, data: Data, *, seed: int, device: str = "cpu") -> Fitted:
        """Train a copy of the parent.

        Raises:
            InvalidParameter: the recipe's training loop is not Amulet's.
        """
        if not isinstance(recipe, Recipe):
            raise InvalidParameter(self.recipe_problems(recipe))
        stages = tuple(stage for stage in recipe.stages if stage.slot is not Slot.FINISH)  # the parent has them already
        given = replace(recipe, model=GivenModel.of(parent.model), stages=stages)
        return given.fit(data, seed=seed, device=device)

    def data_problems(self, schema: Schema, records: int) -> Iterator[Problem]:
        """There must be records to train on."""
        del schema
        if records == 0:
            yield Problem("records", f"{self} needs at least one record to train on. Got none.")

    def recipe_problems(self, recipe: Trainable) -> Iterator[Problem]:
        """Only Amulet's own loop can start from given weights."""
        if not isinstance(recipe, Recipe):
            yield Problem.of("recipe", str(self), "a Recipe, to start from given weights", recipe)
