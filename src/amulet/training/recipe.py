"""How one model is trained, all but the data and the seed."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import reduce
from typing import Self, TypeVar

from torch import nn

from amulet.core.classifier import PROBED, materialized
from amulet.core.data import Data, Schema
from amulet.core.errors import Conflict, Problem
from amulet.core.fitted import Fitted
from amulet.core.held import NOTHING, Held
from amulet.core.model import ModelSpec, wrapped
from amulet.core.records.data_checks import require_data
from amulet.core.spec import Count
from amulet.core.trainable import DataUse, Slot, Stage, Trainable
from amulet.training.loop import train
from amulet.training.objectives import CrossEntropy, Objective
from amulet.training.optimizers import Adam, Constant, Optimizer, Schedule
from amulet.training.rehearsal import rehearsed, step_problems
from amulet.training.removal import score_by
from amulet.training.stages import Finish, Update
from amulet.training.timing import Stopwatch
from amulet.training.updates import Pace
from amulet.training.validation import conflicts, model_notices, model_problems, pair_notices, stage_problems, unlearned

S = TypeVar("S", bound=Stage)


@dataclass(frozen=True)
class Recipe(Trainable):
    """A model and how it is trained by Amulet's loop.

    `stages` are the defenses in it, kept in the order of their slots and within one slot in the order
    given, so that defenses of different slots commute.

    Raises:
        Conflict: two stages for the one update slot, or differential privacy beside something that would
            void its guarantee.
    """

    model: ModelSpec
    epochs: Count = 20
    batch_size: Count = 128
    optimizer: Optimizer = Adam()
    schedule: Schedule = Constant()
    objective: Objective = CrossEntropy()
    stages: tuple[Stage, ...] = ()

    def problems(self) -> Iterator[Problem]:
        """Conflicts between the stages, all at once."""
        object.__setattr__(self, "stages", tuple(sorted(self.stages, key=lambda stage: stage.slot)))
        found = tuple(conflicts(self.stages, self.objective))
        if found:
            raise Conflict(found)
        yield from ()

    def with_stage(self, stage: Stage) -> Self:
        """The recipe with one more stage behind those of its slot."""
        return replace(self, stages=(*self.stages, stage))

    @property
    def preparations(self) -> tuple[Stage, ...]:
        """The stages of the first slot."""
        return tuple(stage for stage in self.stages if stage.slot is Slot.PREPARE)

    def with_preparations(self, count: int) -> Self:
        """The recipe with the first `count` stages of the first slot, and all stages of the other slots."""
        preparations = self.preparations
        return replace(self, stages=(*preparations[:count], *self.stages[len(preparations) :]))

    @property
    def finishes(self) -> tuple[Stage, ...]:
        """The stages of the last slot."""
        return tuple(stage for stage in self.stages if stage.slot is Slot.FINISH)

    def timed(self, seconds: float) -> Self:
        """The recipe with its update rule under a stopwatch."""
        rule = next(iter(self.stages_of(Update)), None)
        others = tuple(stage for stage in self.stages if stage is not rule)
        return replace(self, stages=(*others, Stopwatch(rule, seconds)))

    def stages_of(self, kind: type[S]) -> tuple[S, ...]:
        """The stages of one slot, in their order."""
        return tuple(stage for stage in self.stages if isinstance(stage, kind))

    @property
    def private(self) -> bool:
        """Whether the update rule keeps differential privacy."""
        return any(stage.slot is Slot.UPDATE and stage.private for stage in self.stages)

    @property
    def data_use(self) -> DataUse:
        """The widest use of the data among stages and objective."""
        return max((self.objective.data_use, *(stage.data_use for stage in self.stages)))

    def build(self, schema: Schema) -> nn.Module:
        """A fresh model with the structure that its finishing stages give it."""
        model = materialized(self.model.build(schema), schema)
        for stage in self.stages_of(Finish):
            model = wrapped(model, stage.wrap)
        return model

    def data_problems(self, schema: Schema, records: int) -> Iterator[Problem]:
        """What the model, the objective and the stages say of the data, checked on the built model."""
        left = reduce(lambda count, stage: stage.records_left(count), self.stages, records)
        found = tuple(self._structural_problems(schema, records, left))
        yield from found
        if left > 0 and not found:  # an accountant takes seconds
            for rule in self.stages_of(Update):
                yield from rule.pace_problems(Pace(left, self.batch_size, self.epochs))

    def _structural_problems(self, schema: Schema, records: int, left: int) -> Iterator[Problem]:
        yield from self.objective.data_problems(schema)
        yield from stage_problems(self.stages, schema, records)
        alone = left == 1 or self.batch_size == 1
        yield from model_problems(self.build, self._model_name, schema, stages=self.stages, alone=alone)

    def trial_problems(self, schema: Schema) -> Iterator[Problem]:
        """Whatever goes wrong in one step with all stages in the loop."""
        yield from step_problems(self._trial, self.stages[len(self.preparations) :], self._model_name, schema)

    def notices(self, schema: Schema) -> Iterator[str]:
        """Stages that seldom go together, a softmax on top of the model, an update rule that must be slow with it."""
        yield from pair_notices(self.stages)
        yield from model_notices(self.build, self._model_name, schema)
        _, rule = rehearsed(self._trial, schema)
        yield from rule.notices(self._model_name)

    @property
    def _trial(self) -> Self:
        """The recipe for one step, with stages that take a moment."""
        return replace(self, epochs=1, batch_size=PROBED, stages=tuple(stage.for_rehearsal() for stage in self.stages))

    @property
    def _model_name(self) -> str:
        return type(self.model).__name__

    def record_problems(self, data: Data) -> Iterator[Problem]:
        """Targets need an objective that learns them."""
        if data.targets is not None and not self.objective.takes_targets:
            yield unlearned("The data set", f"the objective {self.objective} learns classes alone")

    def fit(
        self, data: Data, *, seed: int, device: str = "cpu", held: Held = NOTHING, with_accuracy: bool = False
    ) -> Fitted:
        """Train a fresh model; every random choice follows from the seed, none from outside.

        `with_accuracy` adds `train_accuracy` to the facts, which takes a pass over the records.

        Raises:
            InvalidParameter: the recipe cannot be fitted to these data.
            MissingInput: a stage needs something that the defender does not hold.
        """
        require_data(data, "data", type(self).__name__)
        return train(self, data, seed, device, held, score_by(self, held, seed, device), with_accuracy=with_accuracy)
