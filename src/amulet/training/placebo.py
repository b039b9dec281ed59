"""A defense that does nothing but train again, so that whatever an assessment finds of it is chance."""

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
    """A recipe whose every training draws its random numbers from other seeds: same records, another run."""

    recipe: Trainable
    number: Count = 1

    def fit(
        self, data: Data, *, seed: int, device: str = "cpu", held: Held = NOTHING, with_accuracy: bool = False
    ) -> Fitted:
        """As the recipe does under a seed of its own."""
        other = derive(seed, "placebo", self.number)
        return self.recipe.fit(data, seed=other, device=device, held=held, with_accuracy=with_accuracy)

    def seed_from(self, seed: int) -> int:
        """The recipe's, from the other seed."""
        return self.recipe.seed_from(derive(seed, "placebo", self.number))

    def with_stage(self, stage: Stage) -> Self:
        """The stage goes into the recipe."""
        return replace(self, recipe=self.recipe.with_stage(stage))

    def with_preparations(self, count: int) -> Self:
        """The recipe with fewer preparations under the same other seeds."""
        return replace(self, recipe=self.recipe.with_preparations(count))

    def one_epoch(self) -> tuple[Trainable, int] | None:
        """The recipe's, under the same other seeds."""
        counted = self.recipe.one_epoch()
        return (replace(self, recipe=counted[0]), counted[1]) if counted else None

    @property
    def preparations(self) -> tuple[Stage, ...]:
        """The recipe's."""
        return self.recipe.preparations

    @property
    def finishes(self) -> tuple[Stage, ...]:
        """The recipe's."""
        return self.recipe.finishes

    def build(self, schema: Schema) -> nn.Module:
        """The recipe's model."""
        return self.recipe.build(schema)

    def record_problems(self, data: Data) -> Iterator[Problem]:
        """The recipe's."""
        return self.recipe.record_problems(data)

    def data_problems(self, schema: Schema, records: int) -> Iterator[Problem]:
        """The recipe's."""
        return self.recipe.data_problems(schema, records)


@dataclass(frozen=True)
class Placebo(Defense):
    """The same training on the same records under other seeds, and so are the shadows of whoever attacks it.

    As a row beside real defenses it shows what chance alone looks like; rows with other `number` are further
    repetitions. (Training again with the *same* seed would give the undefended model itself, and differences of
    exactly zero.) It goes behind other defenses that are applied with it.
    """

    number: Count = 1

    def apply(self, recipe: Trainable) -> Trainable:
        """The recipe under other seeds."""
        return Reseeded(recipe, self.number)
