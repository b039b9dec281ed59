"""The unit of work. A task is the value of everything that decides its result; its digest is where that lies.

Source ── Train (target) ──┐
   └───── Train (shadow) ──┴─ Play (attack or audit) ─┬─ Measure (metric)
                                                      └─ Trace (curve)
"""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Generic, Protocol, TypeVar

import torch
from torch import Tensor

from amulet.core.curve import Curve
from amulet.core.data import AmuletDataset, Data
from amulet.core.fitted import Fitted
from amulet.core.held import Held
from amulet.core.metric import Metric, Undefined
from amulet.core.outcome import Outcome
from amulet.core.probe import Game, Probe
from amulet.core.seeds import derive, isolated
from amulet.core.spec import NonNegativeInt, Plain, Spec
from amulet.core.split import Draw, Split
from amulet.core.threat import Shadow
from amulet.core.trainable import Trainable
from amulet.experiments.plain import from_plain
from amulet.training.removal import Scorer

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

    @property
    def inputs(self) -> "tuple[Task[Any], ...]":
        """The tasks among its fields: what must be computed before."""
        values = (getattr(self, item.name) for item in fields(self))
        flat = (item for value in values for item in (value if isinstance(value, tuple) else (value,)))
        return tuple(item for item in flat if isinstance(item, Task))

    @abstractmethod
    def compute(self, reader: Reader) -> V:
        """The value, from the values of the inputs."""

    @abstractmethod
    def encode(self, value: V) -> Entry:
        """The value as the store keeps it."""

    @abstractmethod
    def decode(self, entry: Entry, reader: Reader) -> V:
        """The value back."""


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
class Train(Task[Fitted]):
    """One model: a target, a shadow."""

    recipe: Trainable
    source: Source
    draw: Draw
    seed: NonNegativeInt
    backend: Backend
    scores: "Score | None" = None

    def __str__(self) -> str:
        """What is trained on which records."""
        return f"training {self.recipe} on {self.draw}"

    def compute(self, reader: Reader) -> Fitted:
        """Fit the recipe to the drawn records."""
        data = reader.load(self.source).train
        held = Held(self.draw.origin.validation_of(data), reader.load(self.scores) if self.scores else None)
        return self.recipe.fit(self.draw.take(data), seed=self.seed, device=self.backend.device, held=held)

    def encode(self, value: Fitted) -> Entry:
        """Weights and artifacts; facts as JSON."""
        weights = {f"model.{name}": tensor for name, tensor in value.model.state_dict().items()}
        kept = {f"artifact.{name}": tensor for name, tensor in value.artifacts.items()}
        return Entry(dict(value.facts), weights | kept)

    def decode(self, entry: Entry, reader: Reader) -> Fitted:
        """Rebuild the structure and fill in the weights."""
        assert isinstance(entry.value, dict)  # noqa: S101 - as encoded
        schema = reader.load(self.source).schema
        seed = derive(self.recipe.seed_from(self.seed), "initialisation")
        with isolated(seed):  # for what a model draws but does not save
            model = self.recipe.build(schema)
        model.load_state_dict(_under(entry.tensors, "model"))
        facts = {name: fact for name, fact in entry.value.items() if isinstance(fact, bool | int | float | str)}
        return Fitted(model.to(self.backend.device).eval(), facts, _under(entry.tensors, "artifact"))


@dataclass(frozen=True)
class Score(Task[Tensor]):
    """How much each training record of a model is worth keeping, for all who remove some."""

    scorer: Scorer
    model: Train

    def __str__(self) -> str:
        """What scores by which model."""
        return f"scores of {self.scorer} by {self.model.recipe} on {self.model.draw}"

    def compute(self, reader: Reader) -> Tensor:
        """Score the records that the model was trained on."""
        data, device = reader.load(self.model.source).train, self.model.backend.device
        clean = self.model.draw.origin.validation_of(data)
        return self.scorer(reader.load(self.model).model, self.model.draw.take(data).to(device), clean)

    def encode(self, value: Tensor) -> Entry:
        """One tensor."""
        return Entry(None, {"scores": value})

    def decode(self, entry: Entry, reader: Reader) -> Tensor:
        """The tensor back."""
        del reader
        return entry.tensors["scores"]


@dataclass(frozen=True)
class Play(Task[Outcome]):
    """One attack or audit of one target."""

    probe: Probe  # type: ignore[type-arg]
    target: Train
    shadows: tuple[Train, ...]
    split: Split
    seed: NonNegativeInt

    def __str__(self) -> str:
        """What is done to which model."""
        return f"{self.probe} on seed {self.seed} of {self.target.recipe}"

    def compute(self, reader: Reader) -> Outcome:
        """Set up the game and play it."""
        dataset, fitted = reader.load(self.target.source), reader.load(self.target)
        game = Game(
            target=fitted.model,
            dataset=dataset,
            division=self.split.divide(len(dataset.train)),
            seed=self.seed,
            device=self.target.backend.device,
            shadows=tuple(_shadow(task, dataset, reader) for task in self.shadows),
            artifacts=fitted.artifacts,
        )
        outcome: Outcome = self.probe.play(game)
        return outcome.cpu()

    def encode(self, value: Outcome) -> Entry:
        """All tensors."""
        return Entry(None, value.tensors())

    def decode(self, entry: Entry, reader: Reader) -> Outcome:
        """The risk's own outcome class."""
        del reader
        outcome: Outcome = self.probe.outcome_type.from_tensors(entry.tensors)
        return outcome


@dataclass(frozen=True)
class Measure(Task[float | Undefined]):
    """One number."""

    metric: Metric  # type: ignore[type-arg]
    outcome: Play

    def __str__(self) -> str:
        """What is read off what."""
        return f"{self.metric} of {self.outcome}"

    def compute(self, reader: Reader) -> float | Undefined:
        """Apply the metric."""
        value: float | Undefined = self.metric(reader.load(self.outcome))
        return value

    def encode(self, value: float | Undefined) -> Entry:
        """The number, or why there is none."""
        return Entry({"undefined": value.reason} if isinstance(value, Undefined) else {"value": value})

    def decode(self, entry: Entry, reader: Reader) -> float | Undefined:
        """The number back."""
        del reader
        match entry.value:
            case {"value": float() | int() as value}:
                return float(value)
            case {"undefined": str() as reason}:
                return Undefined(reason)
        raise ValueError(f"Not a measured value: {entry.value}")


@dataclass(frozen=True)
class Trace(Task[Curve]):
    """The curve behind a cell, through the plays that its probe asks for."""

    probe: Probe  # type: ignore[type-arg]
    plays: tuple[Play, ...]

    def __str__(self) -> str:
        """Whose curve."""
        return f"the curve of {self.plays[-1]}"

    def compute(self, reader: Reader) -> Curve:
        """Read the curve off the outcomes."""
        curve: Curve = self.probe.curve([reader.load(play) for play in self.plays])
        return curve

    def encode(self, value: Curve) -> Entry:
        """All of it as JSON."""
        return Entry(asdict(value) | {"x": list(value.x), "y": list(value.y)})

    def decode(self, entry: Entry, reader: Reader) -> Curve:
        """The curve back."""
        del reader
        assert isinstance(entry.value, dict)  # noqa: S101 - as encoded
        return curve_from(entry.value)


def curve_from(plain: Mapping[str, Any]) -> Curve:
    """A curve from its fields as JSON has them."""
    return Curve(**{**plain, "x": tuple(plain["x"]), "y": tuple(plain["y"])})


def _shadow(task: Train, dataset: AmuletDataset, reader: Reader) -> Shadow:
    records = task.draw.choose(len(dataset.train))
    return Shadow(reader.load(task).model, dataset.train.index[records])


def _under(tensors: Mapping[str, Tensor], part: str) -> dict[str, Tensor]:
    return {name.removeprefix(f"{part}."): tensor for name, tensor in tensors.items() if name.startswith(f"{part}.")}
