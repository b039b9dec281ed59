"""Tasks that run an attack or audit on models, and tasks that compute metrics, curves and images from its outcome."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, overload

import torch
from torch import Tensor

from amulet.core.measurements.curve import Curve
from amulet.core.measurements.group_rates import GroupRate, GroupRates
from amulet.core.measurements.groups import FEWEST, measure_by_group
from amulet.core.measurements.image_grid import ImageGrid
from amulet.core.metric import ByChance, Metric, Undefined
from amulet.core.outcome import Outcome
from amulet.core.probe import Game, Probe
from amulet.core.roles import TARGET
from amulet.core.spec import Count, Plain, Spec
from amulet.core.split import Split
from amulet.core.threat import TrainedModel
from amulet.experiments.graph.tasks import (
    Backend,
    Entry,
    ModelTask,
    Reader,
    Seen,
    Source,
    Task,
    model_of,
    releases_of,
)

Measured = float | Undefined
Shown = Curve | ImageGrid | Undefined


@dataclass(frozen=True)
class Role(Spec):
    """The models that play one role in an attack or audit, such as "shadow"."""

    name: str
    models: tuple[Seen, ...]

    @property
    def tasks(self) -> tuple[ModelTask, ...]:
        """The tasks whose results the models are."""
        return tuple(map(model_of, self.models))


class Cast(Sequence[TrainedModel]):
    """The models of one role. Each is loaded when it is looked up, so that not all are in memory at once.

    Args:
        models: the models, by the tasks whose results they are.
        source: the data set under assessment. A model trained on another data set has none of its records as members.
        reader: gives the results of tasks.
    """

    def __init__(self, models: Sequence[Seen], source: Source, reader: Reader) -> None:
        self._models, self._source, self._reader = models, source, reader

    def __len__(self) -> int:
        return len(self._models)

    @overload
    def __getitem__(self, place: int) -> TrainedModel: ...

    @overload
    def __getitem__(self, place: slice) -> "Cast": ...

    def __getitem__(self, place: int | slice) -> "TrainedModel | Cast":
        """One model by its position, or the models of a slice."""
        if isinstance(place, slice):
            return Cast(self._models[place], self._source, self._reader)
        seen, data = self._models[place], self._reader.load(self._source).train
        task = model_of(seen)
        own = task.source.digest == self._source.digest
        records = task.draw.choose(data) if own else torch.empty(0, dtype=torch.int64)
        return TrainedModel.of(self._reader.load(task), data.index[records], releases_of(seen))


@dataclass(frozen=True)
class Play(Task[Outcome | Undefined]):
    """Run one attack or audit with the models that it asked for. The result is its outcome.

    Attributes:
        probe: the attack or audit.
        cast: the models by role.
        source: the data set under assessment.
        split: who holds which of its records. Its seed also decides the probe's random choices.
        backend: the device and torch version that compute it.
    """

    probe: Probe  # type: ignore[type-arg]
    cast: tuple[Role, ...]
    source: Source
    split: Split
    backend: Backend

    def __str__(self) -> str:
        """The attack or audit, the seed and the recipe of the target, for messages."""
        about = f" of {self.target.recipe}" if self.target else ""
        return f"{self.probe} on seed {self.seed}{about}"

    @property
    def seed(self) -> int:
        """The seed of the repetition that this task belongs to."""
        return self.split.seed

    @property
    def target(self) -> ModelTask | None:
        """The task that trains the model under assessment; None if the probe asks for no such model."""
        return model_of(self.seen) if self.seen else None

    @property
    def seen(self) -> Seen | None:
        """The same model, with what is released beside its predictions if the probe reads it."""
        return next((role.models[0] for role in self.cast if role.name == TARGET), None)

    def compute(self, reader: Reader) -> Outcome | Undefined:
        """The outcome of the attack or audit, in main memory."""
        outcome: Outcome | Undefined = self.probe.play(self.game(reader))
        return outcome if isinstance(outcome, Undefined) else outcome.cpu()

    def game(self, reader: Reader) -> Game:
        """What the probe is given: models, records and a seed. Each model is loaded only when it is looked up."""
        dataset = reader.load(self.source)
        return Game(
            models={role.name: Cast(role.models, self.source, reader) for role in self.cast},
            dataset=dataset,
            division=self.split.divide(len(dataset.train)),
            seed=self.seed,
            device=self.backend.device,
        )

    def encode(self, value: Outcome | Undefined) -> Entry:
        """All tensors of the outcome, or the reason why there is no outcome."""
        return Entry(_plain(value)) if isinstance(value, Undefined) else Entry(None, value.tensors())

    def decode(self, entry: Entry, reader: Reader) -> Outcome | Undefined:
        """The outcome, as an object of the risk's outcome class, or the reason why there is none."""
        del reader
        if entry.value is not None:
            return _undefined(entry.value)
        outcome: Outcome = self.probe.outcome_type.from_tensors(entry.tensors)
        return outcome


@dataclass(frozen=True)
class Measure(Task[Measured]):
    """Compute one metric from the outcome of an attack or audit."""

    metric: Metric  # type: ignore[type-arg]
    outcome: Play

    def __str__(self) -> str:
        """The metric and the task whose outcome it is computed from, for messages."""
        return f"{self.metric} of {self.outcome}"

    def compute(self, reader: Reader) -> Measured:
        """The metric's value; if there is no outcome, the reason for that."""
        outcome = reader.load(self.outcome)
        value: Measured = outcome if isinstance(outcome, Undefined) else self.metric(outcome)
        return value

    def encode(self, value: Measured) -> Entry:
        """The number, or the reason why it is undefined."""
        return Entry(_plain(value))

    def decode(self, entry: Entry, reader: Reader) -> Measured:
        """The number, or the reason why it is undefined, from a stored entry."""
        del reader
        return _measured(entry.value)


@dataclass(frozen=True)
class MeasureByGroup(Task[Mapping[str, Measured]]):
    """Compute one metric separately for the records of each group of a sensitive attribute.

    Attributes:
        metric: the metric.
        outcome: the task whose outcome is used; each case of the outcome must be a record.
        attribute: the name of the sensitive attribute.
        fewest: the metric is undefined for groups with fewer records than this.
    """

    metric: Metric  # type: ignore[type-arg]
    outcome: Play
    attribute: str
    fewest: Count = FEWEST

    def __str__(self) -> str:
        """The metric, the attribute and the task whose outcome is used, for messages."""
        return f"{self.metric} by {self.attribute} of {self.outcome}"

    def compute(self, reader: Reader) -> Mapping[str, Measured]:
        """The metric's value by name of the group."""
        outcome, dataset = reader.load(self.outcome), reader.load(self.outcome.source)
        if isinstance(outcome, Undefined):
            attributes = {attribute.name: attribute.values for attribute in dataset.schema.attributes}
            return dict.fromkeys(attributes[self.attribute], outcome)
        return measure_by_group(self.metric, outcome, dataset, self.attribute, self.fewest)

    def encode(self, value: Mapping[str, Measured]) -> Entry:
        """For each group the number, or the reason why it is undefined."""
        return Entry({group: _plain(measured) for group, measured in value.items()})

    def decode(self, entry: Entry, reader: Reader) -> Mapping[str, Measured]:
        """For each group the number, or the reason why it is undefined, from a stored entry."""
        del reader
        assert isinstance(entry.value, dict)  # noqa: S101 - as encoded
        return {group: _measured(plain) for group, plain in entry.value.items()}


@dataclass(frozen=True)
class MeasureByChance(Task[ByChance | None]):
    """Estimate what chance alone does to one metric on the outcome of an attack or audit.

    Attributes:
        metric: one that is `net_of_chance`.
        outcome: the task whose outcome is used.
    """

    metric: Metric  # type: ignore[type-arg]
    outcome: Play

    def __str__(self) -> str:
        """The metric and the task whose outcome is used, for messages."""
        return f"{self.metric} by chance of {self.outcome}"

    def compute(self, reader: Reader) -> ByChance | None:
        """The estimate; None if there is no outcome, or the metric is undefined."""
        outcome = reader.load(self.outcome)
        return None if isinstance(outcome, Undefined) else self.metric.by_chance(outcome)

    def encode(self, value: ByChance | None) -> Entry:
        """The estimate as JSON."""
        return Entry({} if value is None else asdict(value))

    def decode(self, entry: Entry, reader: Reader) -> ByChance | None:
        """The estimate from a stored entry."""
        del reader
        assert isinstance(entry.value, dict)  # noqa: S101 - as encoded
        return ByChance(**entry.value) if entry.value else None  # type: ignore[arg-type]


@dataclass(frozen=True)
class Tabulate(Task[GroupRates | None]):
    """Count the rates that the metrics of an outcome compare between groups.

    Attributes:
        outcome: the task whose outcome is used.
    """

    outcome: Play

    def __str__(self) -> str:
        """The task whose outcome is used, for messages."""
        return f"the rates by group of {self.outcome}"

    def compute(self, reader: Reader) -> GroupRates | None:
        """The rates; None if there is no outcome, or it has none."""
        outcome = reader.load(self.outcome)
        return None if isinstance(outcome, Undefined) else outcome.group_rates()

    def encode(self, value: GroupRates | None) -> Entry:
        """The rates as JSON."""
        return Entry(None if value is None else {"fewest": value.fewest, "rates": [asdict(it) for it in value.rates]})

    def decode(self, entry: Entry, reader: Reader) -> GroupRates | None:
        """The rates from a stored entry."""
        del reader
        return None if entry.value is None else rates_from(entry.value)  # type: ignore[arg-type]


@dataclass(frozen=True)
class Exhibit(Task[Shown]):
    """Make what a report shows behind numbers, such as a ROC curve, from the outcomes of one or more runs."""

    probe: Probe  # type: ignore[type-arg]
    plays: tuple[Play, ...]

    def __str__(self) -> str:
        """The probe whose exhibit it is, for messages."""
        return f"the exhibit of {self.plays[-1]}"

    def compute(self, reader: Reader) -> Shown:
        """The curve or the images; if one of the outcomes is missing, the reason for that."""
        outcomes = [reader.load(play) for play in self.plays]
        missing = next((outcome for outcome in outcomes if isinstance(outcome, Undefined)), None)
        if missing is not None:
            return missing
        shown: Shown = self.probe.exhibit(outcomes, reader.load(self.plays[-1].source).schema)
        return shown

    def encode(self, value: Shown) -> Entry:
        """The curve as JSON, the images as one tensor, or the reason why there is neither."""
        match value:
            case Undefined():
                return Entry(_plain(value))
            case Curve():
                return Entry(asdict(value) | {"x": list(value.x), "y": list(value.y)})
        described: dict[str, Plain] = {
            "title": value.title,
            "rows": list(value.rows),
            "columns": list(value.columns),
            "references": value.references,
        }
        return Entry(described, {"pixels": value.pixels})

    def decode(self, entry: Entry, reader: Reader) -> Shown:
        """The curve or the images, or the reason why there is neither, from a stored entry."""
        del reader
        assert isinstance(entry.value, dict)  # noqa: S101 - as encoded
        if "undefined" in entry.value:
            return _undefined(entry.value)
        return _grid_from(entry.value, entry.tensors["pixels"]) if entry.tensors else curve_from(entry.value)


def rates_from(plain: Mapping[str, Any]) -> GroupRates:
    """Rates of groups from their fields in the types of JSON."""
    return GroupRates(tuple(GroupRate(**each) for each in plain["rates"]), plain["fewest"])


def curve_from(plain: Mapping[str, Any]) -> Curve:
    """A curve from its fields in the types of JSON, in which x and y are lists."""
    return Curve(**{**plain, "x": tuple(plain["x"]), "y": tuple(plain["y"])})


def _grid_from(plain: Mapping[str, Any], pixels: Tensor) -> ImageGrid:
    return ImageGrid(**{**plain, "rows": tuple(plain["rows"]), "columns": tuple(plain["columns"]), "pixels": pixels})


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
