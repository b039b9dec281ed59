"""A training function of the user's own as a recipe."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from time import perf_counter
from typing import Self

from torch import nn

from amulet.core.classifier import materialized
from amulet.core.data import Data, Schema
from amulet.core.errors import Conflict, InvalidParameter, Problem
from amulet.core.fitted import Fitted
from amulet.core.held import NOTHING, Held
from amulet.core.model import ModelSpec
from amulet.core.records.data_checks import require_data
from amulet.core.seeds import derive, isolated
from amulet.core.spec import Arguments
from amulet.core.trainable import Stage, Trainable
from amulet.core.user_code.imports import ImportPath, UserCode
from amulet.training.loop import accuracy, prepare
from amulet.training.removal import Removal, score_by
from amulet.training.stages import Prepare
from amulet.training.validation import model_notices, model_problems, stage_problems, unlearned

_CLASSES_ALONE = "a training function learns classes alone"


@dataclass(frozen=True)
class TrainingFunction(Trainable):
    """`function(model, data, seed, **arguments)` trains the freshly built model in place.

    Its loop is its own, so only defenses that change the training data before it apply; others raise Conflict.

    Attributes:
        function: "package.module:name"; its source file enters the digest.
        model: what is built and handed to it.
        arguments: passed to it by name.
        stages: defenses that prepare the training data.
        weighted: whether it multiplies each record's loss by `data.weight` where there is one; without this, stages
            that give records weights are refused.
    """

    function: ImportPath
    model: ModelSpec
    arguments: Arguments = ()
    stages: tuple[Prepare | Removal, ...] = ()
    weighted: bool = False

    def problems(self) -> Iterator[Problem]:
        """Say when the function cannot be imported; weights and targets that it would ignore are a Conflict."""
        prepares = [stage for stage in self.stages if isinstance(stage, Prepare)]
        weighing = [stage for stage in prepares if stage.weighs and not self.weighted]
        ignored = [Problem("weighted", self._ignores(str(stage))) for stage in weighing]
        ignored += [unlearned(str(stage), _CLASSES_ALONE) for stage in prepares if stage.sets_targets]
        if ignored:
            raise Conflict(ignored)
        yield from UserCode(self.function).problems("function", type(self).__name__)

    def outside_sources(self) -> Iterator[str]:
        """The function's own source."""
        yield UserCode(self.function).digest

    def with_stage(self, stage: Stage) -> Self:
        """The same with one more preparation of the data."""
        if not isinstance(stage, Prepare | Removal):
            slot = stage.slot.name.lower()
            raise Conflict([Problem(
                "stages",
                f"{type(stage).__name__} acts in the slot '{slot}' of Amulet's training loop, which the training "
                f"function '{self.function}' does not go through. Write the training as a Recipe to apply it.",
            )])  # fmt: skip
        return replace(self, stages=(*self.stages, stage))

    def _ignores(self, giver: str) -> str:
        return (
            f"{giver} gives records weights, and the training function '{self.function}' does not say that it uses "
            "them. Multiply each record's loss by data.weight, and set 'weighted' to true."
        )

    @property
    def preparations(self) -> tuple[Stage, ...]:
        """All stages."""
        return self.stages

    def with_preparations(self, count: int) -> Self:
        """With the first `count` stages."""
        return replace(self, stages=self.stages[:count])

    def build(self, schema: Schema) -> nn.Module:
        """The untrained model."""
        return materialized(self.model.build(schema), schema)

    def data_problems(self, schema: Schema, records: int) -> Iterator[Problem]:
        """What the stages say of the data."""
        yield from stage_problems(self.stages, schema, records)
        yield from model_problems(self.build, type(self.model).__name__, schema, stages=self.stages)

    def notices(self, schema: Schema) -> Iterator[str]:
        """A softmax on top of the model."""
        yield from model_notices(self.build, type(self.model).__name__, schema)

    def record_problems(self, data: Data) -> Iterator[Problem]:
        """Weights must be used, and classes are what it learns."""
        if data.weight is not None and not self.weighted:
            yield Problem("weighted", self._ignores("The data set"))
        if data.targets is not None:
            yield unlearned("The data set", _CLASSES_ALONE)

    def fit(
        self, data: Data, *, seed: int, device: str = "cpu", held: Held = NOTHING, with_accuracy: bool = False
    ) -> Fitted:
        """Build a model by seed and let the function train it, torch's global generator seeded inside only."""
        started = perf_counter()
        require_data(data, "data", type(self).__name__)
        problems = tuple(self.data_problems(data.schema, len(data)))
        if problems:
            raise InvalidParameter(problems)
        data, artifacts = prepare(self.stages, data.to(device), seed, score_by(self, held, seed, device))
        ignored = tuple(self.record_problems(data))
        if ignored:
            raise InvalidParameter(ignored)
        with isolated(derive(seed, "initialisation"), device):
            model = self.build(data.schema).to(device)
        with isolated(derive(seed, "forward"), device):
            given = (model, data.as_inputs(), seed)
            returned = UserCode(self.function).call(*given, arguments=dict(self.arguments))
        if returned is not None and returned is not model:
            raise TypeError(f"'{self.function}' must train the given model in place. It returned something else.")
        facts = {"records": len(data), "seconds": perf_counter() - started}
        if with_accuracy:
            facts["train_accuracy"] = accuracy(model, data)
        return Fitted(model.eval(), facts, artifacts)
