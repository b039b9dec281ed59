"""One attack, audit or factor of one row and seed, with the tasks that measure it, and the cells that these fill."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from amulet.experiments.graph.plays import Exhibit, Measure, MeasureByChance, MeasureByGroup, Play, Tabulate
from amulet.experiments.graph.tasks import ModelTask, Task
from amulet.factors.factor import Factor

Pair = tuple[str, str]
"""The label of a row and the text of a probe."""


@dataclass(frozen=True)
class Cell:
    """One number of the matrix for one seed, and the task that computes it.

    Attributes:
        group: "attribute=value" if the metric is measured on the records of one sensitive group only, else None.
        by_chance: the task that estimates what chance does to the metric, if it is net of chance.
    """

    row: str
    risk: str
    probe: str
    metric: str
    seed: int
    task: Measure | MeasureByGroup
    group: str | None = None
    by_chance: MeasureByChance | None = None


@dataclass(frozen=True)
class Trial:
    """One attack or audit of the model of one row and seed, with all metrics that are computed from it and its exhibit.

    Attributes:
        row: the label of the row.
        play: the task that runs the attack or audit.
        measures: the tasks that compute each metric.
        by_group: the tasks that compute each metric for each group of a sensitive attribute.
        exhibit: the task that makes its curve or images, if the probe has any.
        target: the task that trains the row's own model; None if the probe attacks a variant of it instead, such as
            a poisoned model.
        by_chance: the tasks that estimate what chance does to metrics that are net of chance.
        rates: the task that counts the rates of groups, if the metrics compare groups.
    """

    row: str
    play: Play
    measures: tuple[Measure, ...]
    by_group: tuple[MeasureByGroup, ...]
    exhibit: Exhibit | None
    target: ModelTask | None
    by_chance: tuple[MeasureByChance, ...] = ()
    rates: Tabulate | None = None

    @property
    def pair(self) -> Pair:
        """The row and the probe, to which seeds are added together."""
        return self.row, str(self.play.probe)

    @property
    def readings(self) -> tuple[Task[Any], ...]:
        """The tasks that compute metrics, rates of groups and the exhibit from the outcome."""
        others = (each for each in (self.rates, self.exhibit) if each is not None)
        return (*self.measures, *self.by_group, *self.by_chance, *others)

    def cells(self, groups: Mapping[str, tuple[str, ...]]) -> Iterator[Cell]:
        """One cell for each metric, and one for each metric and group; `groups` has the groups of each attribute."""
        about, seed = (self.row, self.play.probe.risk, str(self.play.probe)), self.play.seed
        chances = {task.metric: task for task in self.by_chance}
        for task in self.measures:
            yield Cell(*about, str(task.metric), seed, task, by_chance=chances.get(task.metric))
        for each in self.by_group:
            for value in groups[each.attribute]:
                yield Cell(*about, str(each.metric), seed, each, f"{each.attribute}={value}")


@dataclass(frozen=True)
class FactorTrial:
    """One factor of the model of one row and seed.

    Attributes:
        row: the label of the row.
        factor: what is measured.
        measure: the task that computes its number.
    """

    row: str
    factor: Factor
    measure: Measure

    @property
    def seed(self) -> int:
        """The seed of the repetition."""
        return self.measure.outcome.seed
