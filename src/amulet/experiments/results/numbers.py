"""The numbers of an assessment: values, columns and curves, before anything is said of them."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Self

import pandas as pd

from amulet.core.curve import Curve
from amulet.core.metric import Metric
from amulet.core.probe import Attack, Probe
from amulet.core.spec import Plain
from amulet.core.tally import Tally
from amulet.experiments.planning.experiment import BASELINE
from amulet.statistics import ALPHA, Summary, Verdict


@dataclass(frozen=True)
class Value:
    """One metric of one model.

    Attributes:
        seed: pairs it with the same metric of other rows.
        value: the number, or None where it is undefined for the `reason` given.
        task: digest of the task in the store that gave it.
        group: "attribute=value" where it is of the records of one sensitive group only.
    """

    row: str
    risk: str
    probe: str
    metric: str
    seed: int
    value: float | None
    reason: str | None
    task: str
    group: str | None = None


@dataclass(frozen=True)
class Traced:
    """The curve of one probe of one model: what lies behind a cell, seed by seed.

    Attributes:
        task: digest of the task in the store that gave it.
    """

    row: str
    risk: str
    probe: str
    seed: int
    task: str
    curve: Curve


@dataclass(frozen=True)
class Column:
    """One column of the matrix.

    Attributes:
        budget, access: the perturbation set of the probe and how much of the target it sees (an `Access` as a
            number), None where that is not told.
        must_exceed: the metric of a control that an attack which works exceeds, if there is one.
        group: "attribute=value" where it is of the records of one sensitive group only.
        shows: what a gate reads off it, if anything; see `Metric`.
    """

    risk: str
    probe: str
    metric: str
    low: float
    high: float
    riskier: str | None
    primary: bool
    margin: float
    chance: float | str | None
    budget: str | None = None
    access: int | None = None
    must_exceed: str | None = None
    group: str | None = None
    shows: str | None = None

    @classmethod
    def of(cls, probe: Probe[Any], metric: Metric[Any], group: str | None = None) -> Self:
        """What a metric of a probe's outcome states of itself; by group it is exploratory."""
        return cls(
            risk=probe.risk,
            probe=str(probe),
            metric=str(metric),
            low=metric.low,
            high=metric.high,
            riskier=metric.riskier,
            primary=metric.primary and group is None,
            margin=metric.margin,
            chance=metric.chance,
            budget=probe.budget(),
            access=int(probe.needs) if isinstance(probe, Attack) else None,
            must_exceed=metric.must_exceed,
            group=group,
            shows=metric.shows if group is None else None,
        )


@dataclass(frozen=True)
class MatrixCell:
    """One cell of the matrix over all seeds.

    Attributes:
        summary: mean and spread, None where no seed has a value.
        difference: of the paired differences to the row that it is compared with; None for the baseline itself.
        verdict: what is said of the difference; None for the baseline itself.
        undefined: the reasons of the seeds without a value, each once.
    """

    row: str
    column: Column
    summary: Summary | None
    difference: Summary | None
    verdict: Verdict | None
    undefined: tuple[str, ...]


@dataclass(frozen=True)
class Numbers:
    """Everything that an assessment measured, without any judgement.

    Attributes:
        classes: number of classes of the data set.
        own_risks: by row, the risks that its defenses are made for.
        against: by row, the row that it is compared with; the undefended baseline for rows that are not named.
        facts: what training said of each row's target models, by row and seed.
        tested: how many test records there are of each class and group; empty in results of older versions.
    """

    experiment: str
    dataset: str
    content: str
    spec: Plain
    columns: tuple[Column, ...]
    values: tuple[Value, ...]
    facts: Mapping[str, Mapping[str, Mapping[str, Any]]]
    classes: int = 2
    own_risks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    curves: tuple[Traced, ...] = ()
    looks: tuple[int, ...] = ()
    tested: Tally = field(default_factory=Tally)
    against: Mapping[str, str] = field(default_factory=dict)

    @property
    def rows(self) -> tuple[str, ...]:
        """Labels, the baseline first."""
        return tuple(dict.fromkeys(value.row for value in self.values))

    @property
    def seeds(self) -> tuple[int, ...]:
        """In ascending order."""
        return tuple(sorted({value.seed for value in self.values}))

    @property
    def frame(self) -> pd.DataFrame:
        """One line per row, metric and seed; undefined values are NaN with their reason beside them."""
        return pd.DataFrame([asdict(value) for value in self.values]).astype({"value": float})

    @cached_property
    def _by_cell(self) -> Mapping[tuple[str, str, str, str, str | None], list[Value]]:
        cells: dict[tuple[str, str, str, str, str | None], list[Value]] = {}
        for value in sorted(self.values, key=lambda value: value.seed):
            cells.setdefault((value.row, value.risk, value.probe, value.metric, value.group), []).append(value)
        return cells

    def of(self, row: str, column: Column) -> list[Value]:
        """A cell's values, by seed."""
        return self._by_cell.get((row, column.risk, column.probe, column.metric, column.group), [])

    def reference(self, row: str) -> str:
        """The row that a row is compared with."""
        return self.against.get(row, BASELINE)

    def differences(self, row: str, column: Column) -> tuple[float, ...]:
        """A row's values less those of its reference, paired by seed; a seed where either is undefined is left out."""
        return tuple(value for value in self.paired(row, column) if value is not None)

    def paired(self, row: str, column: Column) -> tuple[float | None, ...]:
        """A row's values less those of its reference, by seed; None where either is undefined."""
        reference = {item.seed: item.value for item in self.of(self.reference(row), column)}
        pairs = [(item.value, reference.get(item.seed)) for item in self.of(row, column)]
        return tuple(None if None in pair else pair[0] - pair[1] for pair in pairs)  # type: ignore[operator]

    def curves_of(self, row: str, column: Column) -> list[Traced]:
        """The curves behind a cell, by seed; none where its probe has no curve."""
        found = [item for item in self.curves if (item.row, item.risk, item.probe) == (row, column.risk, column.probe)]
        return sorted(found, key=lambda item: item.seed)

    @property
    def level(self) -> float:
        """Of each gate: as for verdicts, split evenly over the looks."""
        return ALPHA / max(1, len(self.looks))
