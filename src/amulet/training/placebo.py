"""A control that only trains again with other seeds, so that every effect found for it is due to chance."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Self

from torch import nn

from amulet.core.data import Data, Schema
from amulet.core.errors import Problem
from amulet.core.fitted import Fitted
from amulet.core.held import NOTHING, Held
from amulet.core.seeds import derive
from amulet.core.spec import Count
from amulet.core.trainable import Defense, Stage, Trainable


@dataclass(frozen=True)
class Reseeded(Trainable):
    """A recipe that trains on the same records, with other seeds.

    Attributes:
        recipe: the recipe.
        number: enters the seed, so that different numbers give different runs.
    """

    recipe: Trainable
    number: Count = 1

    def fit(
        self, data: Data, *, seed: int, device: str = "cpu", held: Held = NOTHING, with_accuracy: bool = False
    ) -> Fitted:
        """Train with the recipe, under the derived seed."""
        other = derive(seed, "placebo", self.number)
        return self.recipe.fit(data, seed=other, device=device, held=held, with_accuracy=with_accuracy)

    def seed_from(self, seed: int) -> int:
        """The seed that the recipe uses, given the derived one."""
        return self.recipe.seed_from(derive(seed, "placebo", self.number))

    def with_stage(self, stage: Stage) -> Self:
        """The recipe with one more stage, under the same derived seeds."""
        return replace(self, recipe=self.recipe.with_stage(stage))

    def with_preparations(self, count: int) -> Self:
        """The recipe with fewer preparations, under the same derived seeds."""
        return replace(self, recipe=self.recipe.with_preparations(count))

    def timed(self, seconds: float) -> Trainable | None:
        """The recipe, timed, under the same derived seeds."""
        recipe = self.recipe.timed(seconds)
        return replace(self, recipe=recipe) if recipe is not None else None

    @property
    def preparations(self) -> tuple[Stage, ...]:
        """The stages of the recipe that prepare the data."""
        return self.recipe.preparations

    @property
    def finishes(self) -> tuple[Stage, ...]:
        """The stages of the recipe that change the trained model."""
        return self.recipe.finishes

    def build(self, schema: Schema) -> nn.Module:
        """The untrained model of the recipe."""
        return self.recipe.build(schema)

    def record_problems(self, data: Data) -> Iterator[Problem]:
        """The problems of the recipe."""
        return self.recipe.record_problems(data)

    def data_problems(self, schema: Schema, records: int) -> Iterator[Problem]:
        """The problems of the recipe."""
        return self.recipe.data_problems(schema, records)

    def trial_problems(self, schema: Schema) -> Iterator[Problem]:
        """The recipe's."""
        return self.recipe.trial_problems(schema)

    def notices(self, schema: Schema) -> Iterator[str]:
        """The recipe's."""
        return self.recipe.notices(schema)


@dataclass(frozen=True)
class Placebo(Defense):
    """The same training on the same records with other seeds, for the target and for the shadow models of attackers.

    As a row beside real defenses it shows the size of differences that are due to chance. (With the *same* seed
    the undefended model itself would result, and all differences would be zero.) It must come after other defenses
    that are applied together with it.

    Attributes:
        number: rows with different numbers are further repetitions.
    """

    number: Count = 1

    def apply(self, recipe: Trainable) -> Trainable:
        """The recipe with derived seeds."""
        return Reseeded(recipe, self.number)
