"""The unit of work. A task is the value of everything that decides its result; its digest is where that lies.

Source ── Train (target) ──┬── Derive (a model made from it) ─┐
   └───── Train (shadow) ──┴──────────────────────────────────┴─ Play (attack or audit) ─┬─ Measure (metric)
                                                                                         └─ Trace (curve)
This file has the tasks that give data and models; `plays` has those that give outcomes and numbers.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property, partial
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from amulet.core.classifier import few, not_rebuildable, rebuilding_problem
from amulet.core.data import AmuletDataset, Data, Schema
from amulet.core.errors import AmuletError
from amulet.core.fitted import Artifacts, Fitted
from amulet.core.held import Held
from amulet.core.roles import Derivation
from amulet.core.seeds import derive, isolated
from amulet.core.spec import NonNegativeInt, Plain, Spec
from amulet.core.split import AuxiliaryDraw, Draw, RatioDraw, ShadowDraw
from amulet.core.threat import opened
from amulet.core.trainable import Trainable
from amulet.experiments.registry.building import from_plain
from amulet.training.loop import prepare
from amulet.training.removal import Scorer, score_by

V = TypeVar("V")


@dataclass(frozen=True, eq=False)
class Entry:
    """A task's result as the store keeps it: JSON and tensors."""

    value: Plain
    tensors: Mapping[str, Tensor] = field(default_factory=dict)


class Reader(Protocol):
    """Where a task finds what other tasks gave."""

    def load(self, task: "Task[V]") -> V:
        """The value of a task that has been computed."""


@dataclass(frozen=True)
class Task(Spec, Generic[V]):
    """Something to compute once."""

    @cached_property
    def inputs(self) -> "tuple[Task[Any], ...]":
        """The tasks within its fields, however deep, each once: what must be computed before."""
        found = {task.digest: task for item in fields(self) for task in tasks_within(getattr(self, item.name))}
        return tuple(found.values())

    @abstractmethod
    def compute(self, reader: Reader) -> V:
        """The value, from the values of the inputs."""

    @abstractmethod
    def encode(self, value: V) -> Entry:
        """The value as the store keeps it."""

    @abstractmethod
    def decode(self, entry: Entry, reader: Reader) -> V:
        """The value back."""


def tasks_within(value: Any) -> "Iterator[Task[Any]]":
    """The tasks in a field's value: itself, or those in the items and fields of what is no task."""
    match value:
        case Task():
            yield value
        case tuple():
            for item in value:
                yield from tasks_within(item)
        case Spec():
            for part in fields(value):
                yield from tasks_within(getattr(value, part.name))


@dataclass(frozen=True)
class Backend(Spec):
    """What computes. A pair of models never mixes two of them."""

    device: str = "cpu"
    torch: str = torch.__version__


@dataclass(frozen=True)
class Source(Task[AmuletDataset]):
    """A data set by its content; the plan puts it into the store, tasks only read it."""

    name: str
    content: str

    def compute(self, reader: Reader) -> AmuletDataset:
        """Never called: the plan has stored the data set."""
        raise NotImplementedError(f"The data set {self.name} is not in the store; plan the experiment again.")

    def encode(self, value: AmuletDataset) -> Entry:
        """Tensors of both parts."""
        parts = {"train": value.train, "test": value.test}
        tensors = {f"{part}.{name}": tensor for part, data in parts.items() for name, tensor in data.tensors().items()}
        return Entry({"name": value.name, "schema": value.schema.plain()}, tensors)

    def decode(self, entry: Entry, reader: Reader) -> AmuletDataset:
        """Memory-mapped, as the store gives tensors."""
        del reader
        assert isinstance(entry.value, dict)  # noqa: S101 - as encoded
        schema = from_plain(entry.value["schema"])
        parts = [Data(schema=schema, **_under(entry.tensors, part)) for part in ("train", "test")]
        return AmuletDataset(self.name, *parts)


@dataclass(frozen=True)
class ModelTask(Task[Fitted]):
    """A task that gives a model.

    Attributes:
        recipe: how it is trained.
        source: the data set that its records come from.
        draw: which records of it.
        seed: of all random choices.
        backend: where it is computed.
    """

    recipe: Trainable
    source: Source
    draw: Draw
    seed: NonNegativeInt
    backend: Backend

    @abstractmethod
    def build(self, schema: Schema) -> nn.Module:
        """An untrained model of the same structure."""

    def rebuilt(self, schema: Schema, weights: Mapping[str, Tensor]) -> nn.Module:
        """A new model of the same structure, filled with weights, in evaluation mode on its device."""
        model = self.build(schema)
        model.load_state_dict(weights)
        return model.to(self.backend.device).eval()

    def require_rebuildable(self, fitted: Fitted, data: Data) -> Fitted:
        """The same, unless the model gives other outputs once it is rebuilt from what the store keeps of it.

        Raises:
            AmuletError: it does; what it holds beside weights and buffers would be lost without a word.
        """
        why = rebuilding_problem(fitted.model, partial(self.rebuilt, data.schema), few(data))
        if why is not None:
            raise AmuletError(not_rebuildable(f"The model of {self}", why))
        return fitted

    def encode(self, value: Fitted) -> Entry:
        """Weights and artifacts; facts as JSON."""
        weights = {f"model.{name}": tensor for name, tensor in value.model.state_dict().items()}
        kept = {
            f"artifact.{stage}.{name}": tensor
            for stage, tensors in value.artifacts.items()
            for name, tensor in tensors.items()
        }
        return Entry(dict(value.facts), weights | kept)

    def decode(self, entry: Entry, reader: Reader) -> Fitted:
        """Rebuild the structure and fill in the weights."""
        assert isinstance(entry.value, dict)  # noqa: S101 - as encoded
        model = self.rebuilt(reader.load(self.source).schema, _under(entry.tensors, "model"))
        facts = {name: fact for name, fact in entry.value.items() if isinstance(fact, bool | int | float | str)}
        return Fitted(model, facts, _artifacts(_under(entry.tensors, "artifact")))


@dataclass(frozen=True)
class Train(ModelTask):
    """A model trained from scratch: a target, a shadow, a control.

    Attributes:
        scores: for the stages of the recipe that remove records, in their order.
    """

    scores: "tuple[Score, ...]" = ()

    def __str__(self) -> str:
        """What is trained on which records."""
        return f"training {self.recipe} on {self.draw}"

    def compute(self, reader: Reader) -> Fitted:
        """Fit the recipe to the drawn records."""
        data = reader.load(self.source).train
        records = self.draw.take(data)
        fitted = self.recipe.fit(
            records,
            seed=self.seed,
            device=self.backend.device,
            held=self.held(data, reader),
            with_accuracy=not isinstance(self.draw, ShadowDraw | AuxiliaryDraw | RatioDraw),  # of these nobody reads it
        )
        return self.require_rebuildable(fitted, records)

    def held(self, data: Data, reader: Reader) -> Held:
        """What whoever trains the model holds besides its records: clean ones, and scores."""
        return Held(self.draw.origin.validation_of(data), tuple(reader.load(score) for score in self.scores))

    def build(self, schema: Schema) -> nn.Module:
        """As training does, under its seed, for what a model draws but does not save."""
        with isolated(derive(self.recipe.seed_from(self.seed), "initialisation")):
            return self.recipe.build(schema)


@dataclass(frozen=True)
class Score(Task[Tensor]):
    """How much each training record of a model is worth keeping, for all who remove some.

    Attributes:
        scorer: what gives the scores.
        model: the reference model: the recipe with only those preparations of its data that come before the removal.
    """

    scorer: Scorer
    model: Train

    def __str__(self) -> str:
        """What scores by which model."""
        return f"scores of {self.scorer} by {self.model.recipe} on {self.model.draw}"

    def compute(self, reader: Reader) -> Tensor:
        """Score the records that the reference model was trained on."""
        reference, device = self.model, self.model.backend.device
        data = reader.load(reference.source).train
        held = reference.held(data, reader)
        seed = reference.recipe.seed_from(reference.seed)
        given = reference.draw.take(data).to(device)
        scores = score_by(reference.recipe, held, reference.seed, device)
        prepared, _ = prepare(reference.recipe.preparations, given, seed, scores)
        return self.scorer(reader.load(reference).model, prepared, held.validation)

    def encode(self, value: Tensor) -> Entry:
        """One tensor."""
        return Entry(None, {"scores": value})

    def decode(self, entry: Entry, reader: Reader) -> Tensor:
        """The tensor back."""
        del reader
        return entry.tensors["scores"]


@dataclass(frozen=True)
class Derive(ModelTask):
    """A model made from another one, which its maker sees only through the gate of the method's access.

    Attributes:
        method: how it is made.
        parent: the task that gives the other model.
    """

    method: Derivation
    parent: ModelTask

    def __str__(self) -> str:
        """What is made of which model."""
        return f"{self.method} of {self.parent}"

    def compute(self, reader: Reader) -> Fitted:
        """Derive the model with its maker's records."""
        data, device = self.draw.take(reader.load(self.source).train), self.backend.device
        with opened(reader.load(self.parent).model, self.method.needs) as parent:
            fitted = self.method.derive(parent, self.recipe, data, seed=self.seed, device=device)
        return self.require_rebuildable(fitted, data)

    def build(self, schema: Schema) -> nn.Module:
        """Of the structure that the method gives."""
        with isolated(derive(self.seed, "initialisation")):
            return self.method.build(schema, self.recipe, self.parent.build)


def _under(tensors: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{part}."): tensor for name, tensor in tensors.items() if name.startswith(f"{part}.")}


def _artifacts(tensors: Mapping[str, Tensor]) -> Artifacts:
    found: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        stage, _, own = name.partition(".")
        found.setdefault(stage, {})[own] = tensor
    return found
