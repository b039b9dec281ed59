"""The numbers of an assessment, and what they come from."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import pandas as pd

from amulet.core.curve import Curve
from amulet.core.errors import AmuletError
from amulet.core.metric import Metric
from amulet.core.probe import Attack, Probe
from amulet.core.spec import Plain
from amulet.core.tally import Tally
from amulet.experiments.experiment import BASELINE
from amulet.experiments.gates import Checked, gates
from amulet.experiments.notebook import as_html
from amulet.experiments.plays import curve_from
from amulet.statistics import ALPHA, Comparison, Summary, Verdict, Word, explore, judge, summarize

FORMAT = 4


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
class Results:
    """Everything an assessment found. `frame` has a line per value, `cell` the matrix, `gates` what it rests on.

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

    def cell(self, row: str, column: Column) -> MatrixCell:
        """A cell of the matrix."""
        values = self.of(row, column)
        reasons = dict.fromkeys(item.reason for item in values if item.reason)
        numbers = summarize([item.value for item in values if item.value is not None])
        verdict = self.verdicts.get((row, column))
        difference = summarize(self.differences(row, column)) if verdict else None
        return MatrixCell(row, column, numbers, difference, verdict, tuple(reasons))

    def differences(self, row: str, column: Column) -> tuple[float, ...]:
        """A row's values less those of its reference, paired by seed; a seed where either is undefined is left out."""
        return tuple(value for value in self._by_seed(row, column) if value is not None)

    def _by_seed(self, row: str, column: Column) -> tuple[float | None, ...]:
        reference = {item.seed: item.value for item in self.of(self.reference(row), column)}
        pairs = [(item.value, reference.get(item.seed)) for item in self.of(row, column)]
        return tuple(None if None in pair else pair[0] - pair[1] for pair in pairs)  # type: ignore[operator]

    def curves_of(self, row: str, column: Column) -> list[Traced]:
        """The curves behind a cell, by seed; none where its probe has no curve."""
        found = [item for item in self.curves if (item.row, item.risk, item.probe) == (row, column.risk, column.probe)]
        return sorted(found, key=lambda item: item.seed)

    @property
    def undecided(self) -> frozenset[tuple[str, str]]:
        """Rows and probes with a primary cell that more seeds could settle."""
        return frozenset(
            (row, column.probe)
            for (row, column), verdict in self.verdicts.items()
            if column.primary and verdict.word is Word.INCONCLUSIVE
        )

    @cached_property
    def verdicts(self) -> Mapping[tuple[str, Column], Verdict]:
        """Of every defended cell: the primary metrics as one family, the others each by itself."""
        cells = [(row, column) for row in self.rows if row != BASELINE for column in self.columns]
        family = [cell for cell in cells if cell[1].primary]
        others = [cell for cell in cells if not cell[1].primary]
        judged = judge([self._comparison(*cell) for cell in family], looks=self.looks)
        judged += explore([self._comparison(*cell) for cell in others], looks=self.looks)
        return dict(zip(family + others, judged, strict=True))

    @property
    def level(self) -> float:
        """Of each gate: as for verdicts, split evenly over the looks."""
        return ALPHA / max(1, len(self.looks))

    @cached_property
    def gates(self) -> tuple[Checked, ...]:
        """What the verdicts rest on."""
        return gates(self)

    def _comparison(self, row: str, column: Column) -> Comparison:
        mine, theirs = (
            {item.seed: item.task for item in self.of(label, column)} for label in (row, self.reference(row))
        )
        same = bool(mine) and all(theirs.get(seed) == task for seed, task in mine.items())
        return Comparison(self._by_seed(row, column), column.margin, same)

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return as_html(self)

    def cells(self) -> Iterator[MatrixCell]:
        """The whole matrix, row by row."""
        for row in self.rows:
            for column in self.columns:
                yield self.cell(row, column)

    def to_json(self) -> str:
        """The same text for the same numbers, whenever and however often they were computed."""
        body = {
            "format": FORMAT,
            "experiment": self.experiment,
            "dataset": {"name": self.dataset, "content": self.content, "classes": self.classes},
            "tested": asdict(self.tested),
            "own_risks": {row: list(risks) for row, risks in self.own_risks.items()},
            "against": dict(self.against),
            "looks": list(self.looks),
            "spec": self.spec,
            "columns": [asdict(column) for column in self.columns],
            "matrix": [_plain_cell(cell) for cell in self.cells()],
            "gates": [asdict(gate) for gate in self.gates],
            "values": [asdict(value) for value in self.values],
            "curves": [asdict(curve) for curve in self.curves],
            "facts": self.facts,
        }
        return json.dumps(body, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Back from `to_json`.

        Raises:
            AmuletError: the text is something else.
        """
        try:
            body = json.loads(text)
            if body["format"] != FORMAT:
                raise AmuletError("These results were written by another version of Amulet. Run `amulet assess` again.")
            dataset = body["dataset"]
            return cls(
                experiment=body["experiment"],
                dataset=dataset["name"],
                content=dataset["content"],
                spec=body["spec"],
                columns=tuple(Column(**column) for column in body["columns"]),
                values=tuple(Value(**value) for value in body["values"]),
                facts=body["facts"],
                classes=dataset["classes"],
                own_risks={row: tuple(risks) for row, risks in body["own_risks"].items()},
                against=body["against"],
                curves=tuple(Traced(**{**item, "curve": curve_from(item["curve"])}) for item in body["curves"]),
                looks=tuple(body["looks"]),
                tested=Tally(**body.get("tested", {})),
            )
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise AmuletError(f"This is not a results file of Amulet ({error!r}).") from None

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The results of a finished assessment, by its folder.

        Raises:
            AmuletError: there are none.
        """
        return cls.from_json(written_results(folder, "assess"))


def written_results(folder: Path, command: str) -> str:
    """The text of a folder's results.json.

    Raises:
        AmuletError: there is none; `command` is what makes it.
    """
    try:
        return (folder / "results.json").read_text(encoding="utf-8")
    except FileNotFoundError:
        raise AmuletError(f"There is no results.json in {folder}. Run `amulet {command}` first.") from None
    except UnicodeDecodeError:
        raise AmuletError(f"The results.json in {folder} is not text. Run `amulet {command}` again.") from None


def _plain_cell(cell: MatrixCell) -> dict[str, Any]:
    body = asdict(cell)
    if cell.verdict is not None:
        body["verdict"]["seeds_needed"] = cell.verdict.seeds_needed
        body["verdict"]["family"] = "primary" if cell.column.primary else "exploratory"
    return body
