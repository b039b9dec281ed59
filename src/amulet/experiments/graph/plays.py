"""Tasks that play a game with models, and read numbers and curves off its outcome."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, overload

import torch

from amulet.core.curve import Curve
from amulet.core.groups import FEWEST, measure_by_group
from amulet.core.metric import Metric, Undefined
from amulet.core.outcome import Outcome
from amulet.core.probe import Game, Probe
from amulet.core.roles import TARGET
from amulet.core.spec import Count, Plain, Spec
from amulet.core.split import Split
from amulet.core.threat import TrainedModel
from amulet.experiments.graph.tasks import Backend, Entry, ModelTask, Reader, Source, Task

Measured = float | Undefined


@dataclass(frozen=True)
class Role(Spec):
    """The models that play one part in a game, as the tasks that give them."""

    name: str
    models: tuple[ModelTask, ...]


class Cast(Sequence[TrainedModel]):
    """The models of one role. Each is loaded when it is looked up, so that not all are in memory at once.

    Args:
        tasks: that give the models.
        source: the data set of the game; models trained on another one know none of its records.
        reader: where values of tasks are found.
    """

    def __init__(self, tasks: Sequence[ModelTask], source: Source, reader: Reader) -> None:
        self._tasks, self._source, self._reader = tasks, source, reader

    def __len__(self) -> int:
        return len(self._tasks)

    @overload
    def __getitem__(self, place: int) -> TrainedModel: ...

    @overload
    def __getitem__(self, place: slice) -> "Cast": ...

    def __getitem__(self, place: int | slice) -> "TrainedModel | Cast":
        """One model, or the cast of some."""
        if isinstance(place, slice):
            return Cast(self._tasks[place], self._source, self._reader)
        task, data = self._tasks[place], self._reader.load(self._source).train
        own = task.source.digest == self._source.digest
        records = task.draw.choose(data) if own else torch.empty(0, dtype=torch.int64)
        return TrainedModel.of(self._reader.load(task), data.index[records])


@dataclass(frozen=True)
class Play(Task[Outcome | Undefined]):
    """One attack or audit, with the models that it asked for.

    Attributes:
        probe: what is done.
        cast: the models by role.
        source: the data set of the game.
        split: who holds which of its records; its seed is also that of the probe's random choices.
        backend: where it is computed.
    """

    probe: Probe  # type: ignore[type-arg]
    cast: tuple[Role, ...]
    source: Source
    split: Split
    backend: Backend

    def __str__(self) -> str:
        """What is done to which model."""
        about = f" of {self.target.recipe}" if self.target else ""
        return f"{self.probe} on seed {self.seed}{about}"

    @property
    def seed(self) -> int:
        """The repetition that it belongs to."""
        return self.split.seed

    @property
    def target(self) -> ModelTask | None:
        """The task that gives the model under assessment; None for a game about other models."""
        return next((role.models[0] for role in self.cast if role.name == TARGET), None)

    def compute(self, reader: Reader) -> Outcome | Undefined:
        """Set up the game and play it."""
        outcome: Outcome | Undefined = self.probe.play(self.game(reader))
        return outcome if isinstance(outcome, Undefined) else outcome.cpu()

    def game(self, reader: Reader) -> Game:
        """The game, whose models are loaded when they are looked up."""
        dataset = reader.load(self.source)
        return Game(
            models={role.name: Cast(role.models, self.source, reader) for role in self.cast},
            dataset=dataset,
            division=self.split.divide(len(dataset.train)),
            seed=self.seed,
            device=self.backend.device,
        )

    def encode(self, value: Outcome | Undefined) -> Entry:
        """All tensors, or why there are none."""
        return Entry(_plain(value)) if isinstance(value, Undefined) else Entry(None, value.tensors())

    def decode(self, entry: Entry, reader: Reader) -> Outcome | Undefined:
        """The risk's own outcome class, or why there is no outcome."""
        del reader
        if entry.value is not None:
            return _undefined(entry.value)
        outcome: Outcome = self.probe.outcome_type.from_tensors(entry.tensors)
        return outcome


@dataclass(frozen=True)
class Measure(Task[Measured]):
    """One number."""

    metric: Metric  # type: ignore[type-arg]
    outcome: Play

    def __str__(self) -> str:
        """What is read off what."""
        return f"{self.metric} of {self.outcome}"

    def compute(self, reader: Reader) -> Measured:
        """Apply the metric."""
        outcome = reader.load(self.outcome)
        value: Measured = outcome if isinstance(outcome, Undefined) else self.metric(outcome)
        return value

    def encode(self, value: Measured) -> Entry:
        """The number, or why there is none."""
        return Entry(_plain(value))

    def decode(self, entry: Entry, reader: Reader) -> Measured:
        """The number back."""
        del reader
        return _measured(entry.value)


@dataclass(frozen=True)
class MeasureByGroup(Task[Mapping[str, Measured]]):
    """One metric on the records of each group of a sensitive attribute.

    Attributes:
        metric: what is measured.
        outcome: whose cases are records.
        attribute: name of the sensitive attribute.
        fewest: the fewest records of a group on which the metric is measured.
    """

    metric: Metric  # type: ignore[type-arg]
    outcome: Play
    attribute: str
    fewest: Count = FEWEST

    def __str__(self) -> str:
        """What is read off what."""
        return f"{self.metric} by {self.attribute} of {self.outcome}"

    def compute(self, reader: Reader) -> Mapping[str, Measured]:
        """A value for each group."""
        outcome, dataset = reader.load(self.outcome), reader.load(self.outcome.source)
        if isinstance(outcome, Undefined):
            attributes = {attribute.name: attribute.values for attribute in dataset.schema.attributes}
            return dict.fromkeys(attributes[self.attribute], outcome)
        return measure_by_group(self.metric, outcome, dataset, self.attribute, self.fewest)

    def encode(self, value: Mapping[str, Measured]) -> Entry:
        """Each number, or why there is none."""
        return Entry({group: _plain(measured) for group, measured in value.items()})

    def decode(self, entry: Entry, reader: Reader) -> Mapping[str, Measured]:
        """The numbers back."""
        del reader
        assert isinstance(entry.value, dict)  # noqa: S101 - as encoded
        return {group: _measured(plain) for group, plain in entry.value.items()}


@dataclass(frozen=True)
class Trace(Task[Curve | Undefined]):
    """The curve behind a cell, through the plays that its probe asks for."""

    probe: Probe  # type: ignore[type-arg]
    plays: tuple[Play, ...]

    def __str__(self) -> str:
        """Whose curve."""
        return f"the curve of {self.plays[-1]}"

    def compute(self, reader: Reader) -> Curve | Undefined:
        """Read the curve off the outcomes."""
        outcomes = [reader.load(play) for play in self.plays]
        missing = next((outcome for outcome in outcomes if isinstance(outcome, Undefined)), None)
        if missing is not None:
            return missing
        curve: Curve = self.probe.curve(outcomes)
        return curve

    def encode(self, value: Curve | Undefined) -> Entry:
        """All of it as JSON."""
        if isinstance(value, Undefined):
            return Entry(_plain(value))
        return Entry(asdict(value) | {"x": list(value.x), "y": list(value.y)})

    def decode(self, entry: Entry, reader: Reader) -> Curve | Undefined:
        """The curve back."""
        del reader
        assert isinstance(entry.value, dict)  # noqa: S101 - as encoded
        return _undefined(entry.value) if "undefined" in entry.value else curve_from(entry.value)


def curve_from(plain: Mapping[str, Any]) -> Curve:
    """A curve from its fields as JSON has them."""
    return Curve(**{**plain, "x": tuple(plain["x"]), "y": tuple(plain["y"])})


def _plain(value: Measured) -> Plain:
    return {"undefined": value.reason} if isinstance(value, Undefined) else {"value": value}


def _undefined(plain: Plain) -> Undefined:
    match plain:
        case {"undefined": str() as reason}:
            return Undefined(reason)
    raise ValueError(f"Not a reason why there is no value: {plain}")


def _measured(plain: Plain) -> Measured:
    match plain:
        case {"value": float() | int() as value}:
            return float(value)
    return _undefined(plain)
