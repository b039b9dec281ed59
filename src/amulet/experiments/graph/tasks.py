"""Tasks: the units of work of an assessment.

A task is a frozen value that holds everything its result depends on. Its result is stored under its digest.

Source ── Train (target) ──┬── Derive (a model made from it) ─┐
   └───── Train (shadow) ──┴──────────────────────────────────┴─ Play (attack or audit) ─┬─ Measure (metric)
                                                                                         └─ Exhibit (curve, images)

This module holds the tasks whose results are data and models; `plays` holds those that give outcomes and numbers.
"""

from abc import abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property, partial
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor, nn

from amulet.core.classifier import few, not_rebuildable, rebuilding_problem
from amulet.core.data import Data, Schema
from amulet.core.dataset import AmuletDataset
from amulet.core.errors import AmuletError
from amulet.core.fitted import Artifacts, Fitted
from amulet.core.held import Held
from amulet.core.records.synthetic import unlabelled
from amulet.core.roles import Derivation
from amulet.core.seeds import derive, isolated
from amulet.core.spec import NonNegativeInt, Plain, Spec
from amulet.core.split import AuxiliaryDraw, Draw, RatioDraw, ShadowDraw
from amulet.core.threat import Release, opened
from amulet.core.trainable import Trainable
from amulet.experiments.registry.building import from_plain
from amulet.training.loop import prepare
from amulet.training.removal import Scorer, score_by

V = TypeVar("V")


@dataclass(frozen=True, eq=False)
class Entry:
    """A task's result in the form in which the store keeps it: a JSON value and tensors by name."""

    value: Plain
    tensors: Mapping[str, Tensor] = field(default_factory=dict)

    @property
    def nbytes(self) -> int:
        """Of the tensors."""
        return sum(tensor.nbytes for tensor in self.tensors.values())


class Reader(Protocol):
    """Gives a task the results of other tasks, such as the store does."""

    def load(self, task: "Task[V]") -> V:
        """The result of a task."""


@dataclass(frozen=True)
class Task(Spec, Generic[V]):
    """Base class of tasks. A subclass says how its result is computed, and how it is stored and read again."""

    @cached_property
    def inputs(self) -> "tuple[Task[Any], ...]":
        """The tasks that this task needs the results of: all that occur in its fields, at any depth, each once."""
        found = {task.digest: task for item in fields(self) for task in tasks_within(getattr(self, item.name))}
        return tuple(found.values())

    @abstractmethod
    def compute(self, reader: Reader) -> V:
        """The task's result, computed from the results of its inputs."""

    @abstractmethod
    def encode(self, value: V) -> Entry:
        """The result in the form in which the store keeps it."""

    @abstractmethod
    def decode(self, entry: Entry, reader: Reader) -> V:
        """The result from its stored form; the inverse of `encode`."""


def tasks_within(value: Any) -> "Iterator[Task[Any]]":
    """The tasks in a field's value: the value itself, or the tasks in its items or fields if it is no task."""
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
    """The device and torch version that compute a task. Models that are compared with each other always share one."""

    device: str = "cpu"
    torch: str = torch.__version__


@dataclass(frozen=True)
class Source(Task[AmuletDataset]):
    """A data set, identified by its content. It is stored before any task runs; tasks only read it."""

    name: str
    content: str

    def compute(self, reader: Reader) -> AmuletDataset:
        """Not supported, since the data set is stored before any task runs."""
        raise NotImplementedError(f"The data set {self.name} is not in the store; plan the experiment again.")

    def encode(self, value: AmuletDataset) -> Entry:
        """The tensors of training and test records, with the data set's name and schema as JSON."""
        parts = {"train": value.train, "test": value.test}
        tensors = {f"{part}.{name}": tensor for part, data in parts.items() for name, tensor in data.tensors().items()}
        return Entry({"name": value.name, "schema": value.schema.plain()}, tensors)

    def decode(self, entry: Entry, reader: Reader) -> AmuletDataset:
        """The data set. Its tensors stay memory-mapped, as the store returns them."""
        del reader
        assert isinstance(entry.value, dict)  # noqa: S101 - as encoded
        schema = from_plain(entry.value["schema"])
        parts = [Data(schema=schema, **_under(entry.tensors, part)) for part in ("train", "test")]
        return AmuletDataset(self.name, *parts)


@dataclass(frozen=True)
class ModelTask(Task[Fitted]):
    """Base class of tasks whose result is a trained model.

    Attributes:
        recipe: how the model is trained.
        source: the data set that its training records come from.
        draw: which of the data set's records it is trained on.
        seed: decides all random choices.
        backend: the device and torch version that compute it.
    """

    recipe: Trainable
    source: Source
    draw: Draw
    seed: NonNegativeInt
    backend: Backend

    @property
    def home(self) -> Source:
        """The data set whose classes the model predicts."""
        return self.source

    @abstractmethod
    def build(self, schema: Schema) -> nn.Module:
        """An untrained model of the architecture that this task trains."""

    def rebuilt(self, schema: Schema, weights: Mapping[str, Tensor]) -> nn.Module:
        """A new model of this task's architecture with these weights, in evaluation mode on the backend's device."""
        model = self.build(schema)
        model.load_state_dict(weights)
        return model.to(self.backend.device).eval()

    def require_rebuildable(self, fitted: Fitted, data: Data) -> Fitted:
        """Check that the model gives the same outputs when it is rebuilt from its stored weights, and return it.

        Raises:
            AmuletError: it gives other outputs. The store keeps only weights and buffers, so whatever else the model
                holds would be lost.
        """
        why = rebuilding_problem(fitted.model, partial(self.rebuilt, data.schema), few(data))
        if why is not None:
            raise AmuletError(not_rebuildable(f"The model of {self}", why))
        return fitted

    def encode(self, value: Fitted) -> Entry:
        """The model's weights and the artifacts of its training as tensors, the facts as JSON."""
        weights = {f"model.{name}": tensor for name, tensor in value.model.state_dict().items()}
        kept = {
            f"artifact.{stage}.{name}": tensor
            for stage, tensors in value.artifacts.items()
            for name, tensor in tensors.items()
        }
        return Entry(dict(value.facts), weights | kept)

    def decode(self, entry: Entry, reader: Reader) -> Fitted:
        """The trained model, rebuilt from its architecture and its stored weights."""
        assert isinstance(entry.value, dict)  # noqa: S101 - as encoded
        model = self.rebuilt(reader.load(self.home).schema, _under(entry.tensors, "model"))
        facts = {name: fact for name, fact in entry.value.items() if isinstance(fact, bool | int | float | str)}
        return Fitted(model, facts, _artifacts(_under(entry.tensors, "artifact")))


@dataclass(frozen=True)
class Train(ModelTask):
    """Train a model from scratch, such as a target, a shadow model or a control.

    Attributes:
        scores: the tasks that compute scores for the removal of records, one for each stage of the recipe that removes
            records, in the order of these stages.
    """

    scores: "tuple[Score, ...]" = ()

    def __str__(self) -> str:
        """The recipe and the records, for messages."""
        return f"training {self.recipe} on {self.draw}"

    def compute(self, reader: Reader) -> Fitted:
        """The model trained with the recipe on the drawn records."""
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
        """What the defender holds besides the training records: clean validation records, and scores of records."""
        return Held(self.draw.origin.validation_of(data), tuple(reader.load(score) for score in self.scores))

    def build(self, schema: Schema) -> nn.Module:
        """An untrained model, built under the training's seed, since a model may draw values that it does not save."""
        with isolated(derive(self.recipe.seed_from(self.seed), "initialisation")):
            return self.recipe.build(schema)


@dataclass(frozen=True)
class Score(Task[Tensor]):
    """Score the training records of a model. Defenses that remove records remove those with the lowest scores.

    Attributes:
        scorer: computes the scores.
        model: the task that trains the reference model, with the recipe's preparations that precede the removal.
    """

    scorer: Scorer
    model: Train

    def __str__(self) -> str:
        """The scorer and its reference model, for messages."""
        return f"scores of {self.scorer} by {self.model.recipe} on {self.model.draw}"

    def compute(self, reader: Reader) -> Tensor:
        """(n,) scores of the records that the reference model was trained on."""
        reference, device = self.model, self.model.backend.device
        data = reader.load(reference.source).train
        held = reference.held(data, reader)
        seed = reference.recipe.seed_from(reference.seed)
        given = reference.draw.take(data).to(device)
        scores = score_by(reference.recipe, held, reference.seed, device)
        prepared, _ = prepare(reference.recipe.preparations, given, seed, scores)
        return self.scorer(reader.load(reference).model, prepared, held.validation)

    def encode(self, value: Tensor) -> Entry:
        """The scores as one tensor."""
        return Entry(None, {"scores": value})

    def decode(self, entry: Entry, reader: Reader) -> Tensor:
        """(n,) scores from a stored entry."""
        del reader
        return entry.tensors["scores"]


@dataclass(frozen=True)
class Released(Spec):
    """A model together with what its defenses release beside its predictions. It is no task: nothing is stored for it.

    Attributes:
        model: the task whose result is the model.
        releases: the further outputs.
    """

    model: ModelTask
    releases: tuple[Release, ...]


Seen = ModelTask | Released
"""A model as others see it."""


def model_of(seen: Seen) -> ModelTask:
    """The task whose result is the model."""
    return seen.model if isinstance(seen, Released) else seen


def releases_of(seen: Seen) -> tuple[Release, ...]:
    """What is released beside the model's predictions."""
    return seen.releases if isinstance(seen, Released) else ()


@dataclass(frozen=True)
class Derive(ModelTask):
    """Make a model from another one, its parent. The method sees the parent only as far as its access allows.

    Attributes:
        method: how the model is made, such as distillation.
        parent: the other model.
    """

    method: Derivation
    parent: Seen

    def __str__(self) -> str:
        """The method and the parent, for messages."""
        return f"{self.method} of {self.parent}"

    @property
    def home(self) -> Source:
        """That of the parent, wherever the maker's records come from."""
        return model_of(self.parent).home

    def compute(self, reader: Reader) -> Fitted:
        """The model that the method makes from the parent and the drawn records."""
        data, device = self.draw.take(reader.load(self.source).train), self.backend.device
        schema = reader.load(self.home).schema
        if data.schema != schema:
            data = unlabelled(data.x, schema)
        given = reader.load(model_of(self.parent)).model
        with opened(given, self.method.needs, releases=releases_of(self.parent)) as parent:
            fitted = self.method.derive(parent, self.recipe, data, seed=self.seed, device=device)
        return self.require_rebuildable(fitted, data)

    def build(self, schema: Schema) -> nn.Module:
        """An untrained model of the architecture that the method gives, which may be that of the parent."""
        with isolated(derive(self.seed, "initialisation")):
            return self.method.build(schema, self.recipe, model_of(self.parent).build)


def _under(tensors: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{part}."): tensor for name, tensor in tensors.items() if name.startswith(f"{part}.")}


def _artifacts(tensors: Mapping[str, Tensor]) -> Artifacts:
    found: dict[str, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        stage, _, own = name.partition(".")
        found.setdefault(stage, {})[own] = tensor
    return found
