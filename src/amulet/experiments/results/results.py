"""The results of an assessment: its numbers, a verdict for each cell, and the gates that verdicts rest on."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Self, final

import pandas as pd

from amulet.core.measurements.tally import Tally
from amulet.core.metric import ByChance
from amulet.core.storage.files import StrPath
from amulet.core.text import visible
from amulet.experiments.graph.failures import Failure
from amulet.experiments.graph.plays import curve_from
from amulet.experiments.planning.experiment import BASELINE
from amulet.experiments.planning.left_out import LeftOut
from amulet.experiments.results.checks.few_seeds import few_seeds
from amulet.experiments.results.checks.gates import Checked, gains, gates
from amulet.experiments.results.checks.possible import possible
from amulet.experiments.results.factor_changes import (
    FactorCorrelation,
    factor_correlations,
    factor_frame,
    plain_factors,
)
from amulet.experiments.results.files.result_folders import written_results
from amulet.experiments.results.files.results_file import FORMAT, WrittenValue, parse_results
from amulet.experiments.results.files.written_factors import factors_from
from amulet.experiments.results.files.written_rates import plain_rates, rated_from
from amulet.experiments.results.names_of_cells import column_named, require_row
from amulet.experiments.results.notebook import as_html
from amulet.experiments.results.numbers import Column, MatrixCell, Numbers, Traced, Value
from amulet.experiments.results.published import Published, plain_literature, published
from amulet.experiments.results.risk_changes import plain_verdict
from amulet.experiments.results.summary_frame import summary_frame
from amulet.statistics import Comparison, Paired, Summary, Verdict, Word, explore, judge, screen, summarize


@final
@dataclass(frozen=True)
class Results(Numbers):
    """All results of an assessment.

    `frame` has a line for each value, `summary` one for each verdict; `cell` gives a cell of the matrix, `gates` are
    what its verdicts rest on.
    """

    def __repr__(self) -> str:
        """What was assessed, and how much of it."""
        counts = f"{len(self.rows)} rows, {len(self.columns)} metrics, {len(self.seeds)} seeds"
        return visible(f"Results({self.experiment} on {self.dataset}: {counts}; .summary() has the verdicts)")

    def cell(self, row: str, column: Column | str, probe: str | None = None, group: str | None = None) -> MatrixCell:
        """One cell of the matrix, with its verdict: `results.cell("DP-SGD", "robust_accuracy")`.

        Args:
            row: the label of the row.
            column: a column, or the name of a metric, such as "auc", "membership_inference.auc" or
                "TPRAtFPR(fpr=0.05)".
            probe: the name of the attack or audit, if several have the metric.
            group: "attribute=value", for the metric of one sensitive group.

        Raises:
            InvalidParameter: there is no such row or column, or several columns go by these names.
        """
        if isinstance(column, str):
            require_row(row, self.rows)
            column = column_named(self.columns, column, probe, group)
        values = self.of(row, column)
        reasons = dict.fromkeys(item.reason for item in values if item.reason)
        numbers = summarize([item.value for item in values if item.value is not None])
        verdict = self.verdicts.get((row, column))
        difference = self._judged(verdict.paired) if verdict and verdict.paired else None
        if verdict and difference is None:
            difference = summarize(self.differences(row, column))
        return MatrixCell(row, column, numbers, difference, verdict, tuple(reasons))

    @staticmethod
    def _judged(paired: Paired) -> Summary:
        """The difference over the seeds that the verdict rests on, fewer than all if others needed more."""
        return Summary(paired.mean, paired.std, paired.n)

    @property
    def undecided(self) -> frozenset[tuple[str, str]]:
        """The pairs of a row and a probe with an inconclusive primary metric, which more seeds could decide."""
        return frozenset(
            (row, column.probe)
            for (row, column), verdict in self.verdicts.items()
            if column.primary and verdict.word is Word.INCONCLUSIVE
        )

    @cached_property
    def verdicts(self) -> Mapping[tuple[str, Column], Verdict]:
        """The verdict of every defended cell.

        The primary metrics of all rows are one family, but for those of rows that are screened; each of these is a
        family of its own. The other metrics are judged one by one.
        """
        defended = [(row, column) for row in self.rows if row != BASELINE for column in self.columns]
        unjudged = {cell: reason for cell in defended if (reason := self.unjudged(*cell))}
        cells = [cell for cell in defended if cell not in unjudged]
        others = [cell for cell in cells if not cell[1].primary]
        family = [cell for cell in cells if cell[1].primary and cell[0] not in self.screened]
        looked_through = [cell for cell in cells if cell[1].primary and cell[0] in self.screened]
        named, many, single = ([self._comparison(*cell) for cell in each] for each in (family, looked_through, others))
        judged = judge(named, looks=self.looks)
        judged += screen(many, [row for row, _ in looked_through], looks=self.looks, beside=named)
        judged += explore(single, looks=self.looks)
        judged_cells = [*family, *looked_through, *others]
        verdicts = possible(judged, [column for _, column in judged_cells])
        found = dict(zip(judged_cells, verdicts, strict=True))
        return found | {cell: Verdict.undefined(cell[1].margin, reason) for cell, reason in unjudged.items()}

    @cached_property
    def gates(self) -> tuple[Checked, ...]:
        """The gates: whether models have learned, defenses reduce their own risk, and attacks work."""
        return gates(self, self.verdicts)

    @cached_property
    def _gates_by_row(self) -> Mapping[str, Mapping[int, Checked]]:
        """The gates of each row, by their places among all."""
        found: dict[str, dict[int, Checked]] = {}
        for place, gate in enumerate(self.gates):
            found.setdefault(gate.row, {})[place] = gate
        return found

    def gates_of_rows(self, *rows: str) -> Iterator[Checked]:
        """The gates of some rows, in the order of all gates. Those of attacks are of the undefended baseline."""
        near = {place: gate for row in rows for place, gate in self._gates_by_row.get(row, {}).items()}
        return (near[place] for place in sorted(near))

    def gates_of(self, cell: MatrixCell) -> tuple[Checked, ...]:
        """The gates of the cell's row, and those of the attack or audit that the cell belongs to."""
        near = self.gates_of_rows(cell.row, BASELINE)
        return tuple(gate for gate in near if gate.concerns(cell.row, cell.column.probe))

    def summary(self) -> pd.DataFrame:
        """One line for each verdict, by row and metric.

        The column `word` says what happens to the risk, such as "risk decreases"; `difference` has the sign of the
        metric, and `interval` both ends of its interval. `gates` names the validity checks that have not passed, and
        `seeds_needed` the number of seeds that would settle an inconclusive verdict of at least five.
        """
        return summary_frame(self.cells(), self.gates_of)

    @cached_property
    def published(self) -> tuple[Published, ...]:
        """The verdicts beside what is published of the same defenses and risks, where that is known."""
        found = (published(cell, self.families.get(cell.row, ())) for cell in self.cells())
        return tuple(each for each in found if each is not None)

    @cached_property
    def factor_correlations(self) -> tuple[FactorCorrelation, ...]:
        """How the change of each factor goes with that of each primary metric, over the rows; exploratory."""
        return factor_correlations(self)

    def factor_frame(self) -> pd.DataFrame:
        """One line for each row and factor: mean, difference, both ends of its 95% interval, and the survey's sign."""
        return factor_frame(self)

    def _comparison(self, row: str, column: Column) -> Comparison:
        mine, theirs = (
            {item.seed: item.task for item in self.of(label, column)} for label in (row, self.reference(row))
        )
        same = bool(mine) and all(theirs.get(seed) == task for seed, task in mine.items())
        about = f"{column.risk}/{column.probe}/{column.metric}/{column.group}"
        return Comparison(
            self.paired(row, column),
            column.margin,
            same,
            self._lacking(row, column),
            self.both(row, column),
            about,
            gains(self, row, column),
            column.centre,
        )

    def _lacking(self, row: str, column: Column) -> str:
        """Why the row, or the one that it is compared with, lacks values: "undefended: the model has no watermark"."""
        reasons = {
            label: dict.fromkeys(item.reason for item in self.of(label, column) if item.reason)
            for label in (self.reference(row), row)
        }
        return "; ".join(f"{label}: {', '.join(found)}" for label, found in reasons.items() if found)

    def _repr_html_(self) -> str:
        """The results as a table in HTML, which notebooks show."""
        return as_html(self.columns, self.rows, self.cell, self.gates, few_seeds(self), self.rates_frame)

    def cells(self) -> Iterator[MatrixCell]:
        """All cells of the matrix, row by row."""
        for row in self.rows:
            for column in self.columns:
                yield self.cell(row, column)

    def recorded(self) -> dict[str, Any]:
        """The results in the types of JSON, without what follows from them: verdicts, gates and their like are None."""
        return {
            "format": FORMAT,
            "experiment": self.experiment,
            "dataset": {"name": self.dataset, "content": self.content, "classes": self.classes},
            "tested": asdict(self.tested),
            "own_risks": {row: list(risks) for row, risks in self.own_risks.items()},
            "own_claims": {row: list(audits) for row, audits in self.own_claims.items()},
            "against": dict(self.against),
            "families": {row: list(families) for row, families in self.families.items()},
            "looks": list(self.looks),
            "screened": list(self.screened),
            "not_judged": {row: dict(attacks) for row, attacks in self.not_judged.items()},
            "left_out": [asdict(each) for each in self.left_out],
            "failures": [{"task": each.task, "error": each.error} for each in self.failures],
            "spec": self.spec,
            "columns": [asdict(column) for column in self.columns],
            "matrix": None,
            "gates": None,
            "literature": None,
            "values": [asdict(value) for value in self.values],
            "curves": [asdict(curve) for curve in self.curves],
            "pictures": [asdict(pictured) for pictured in self.pictures],
            "rates": [plain_rates(rated) for rated in self.rates],
            "facts": self.facts,
            "factors": asdict(self.factors),
        }

    def to_json(self) -> str:
        """The results as JSON. The text depends on nothing but the numbers."""
        derived = {
            "matrix": [_plain_cell(cell) for cell in self.cells()],
            "gates": [asdict(gate) for gate in self.gates],
            "literature": plain_literature(self.published, self.families),
            "factors": plain_factors(self),
        }
        return json.dumps(self.recorded() | derived, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The results from the text that `to_json` gives.

        Raises:
            AmuletError: the text is something else, of another format, or does not hold together.
        """
        file = parse_results(text)
        return cls(
            experiment=file.experiment,
            dataset=file.dataset.name,
            content=file.dataset.content,
            spec=file.spec,
            columns=tuple(Column(**dict(column)) for column in file.columns),
            values=tuple(_value(value) for value in file.values),  # noqa: PD011 - of no frame
            facts=file.facts,
            classes=file.dataset.classes,
            own_risks={row: tuple(risks) for row, risks in file.own_risks.items()},
            own_claims={row: tuple(audits) for row, audits in file.own_claims.items()},
            against=file.against,
            left_out=tuple(LeftOut(**dict(each)) for each in file.left_out),
            failures=tuple(Failure(**dict(each)) for each in file.failures),
            families={row: tuple(families) for row, families in file.families.items()},
            curves=tuple(Traced(**{**dict(item), "curve": curve_from(dict(item.curve))}) for item in file.curves),
            looks=tuple(file.looks),
            screened=tuple(file.screened),
            not_judged=file.not_judged,
            tested=Tally(**dict(file.tested)),
            pictures=tuple(item.pictured for item in file.pictures),
            rates=tuple(rated_from(written) for written in file.rates),
            factors=factors_from(file.factors),
        )

    @classmethod
    def read(cls, folder: StrPath) -> Self:
        """The results of a finished assessment, by its folder, or by the results.json in it.

        Raises:
            AmuletError: there are none.
        """
        return cls.from_json(written_results(folder, "assess"))


def _plain_cell(cell: MatrixCell) -> dict[str, Any]:
    body = asdict(cell)
    if cell.verdict is not None:
        body["verdict"] = plain_verdict(cell.verdict, cell.column)
        body["verdict"]["seeds_needed"] = cell.verdict.seeds_needed
    return body


def _value(written: WrittenValue) -> Value:
    chance = written.by_chance and ByChance(**dict(written.by_chance))
    return Value(**{**dict(written), "by_chance": chance})
