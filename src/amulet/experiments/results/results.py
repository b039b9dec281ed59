"""The results of an assessment: its numbers, a verdict for each cell, and the gates that verdicts rest on."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any, Self, final

from amulet.core.files import StrPath
from amulet.core.tally import Tally
from amulet.experiments.graph.plays import curve_from
from amulet.experiments.planning.experiment import BASELINE
from amulet.experiments.results.gates import Checked, gains, gates
from amulet.experiments.results.notebook import as_html
from amulet.experiments.results.numbers import Column, MatrixCell, Numbers, Traced, Value
from amulet.experiments.results.result_folders import written_results
from amulet.experiments.results.results_file import FORMAT, parse_results
from amulet.statistics import Comparison, Paired, Summary, Verdict, Word, explore, judge, summarize


@final
@dataclass(frozen=True)
class Results(Numbers):
    """All results of an assessment.

    `frame` has a line for each value, `cell` gives a cell of the matrix, `gates` are what its verdicts rest on.
    """

    def cell(self, row: str, column: Column) -> MatrixCell:
        """One cell of the matrix, with its verdict."""
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
        """The verdict of every defended cell: the primary metrics are one family, the others are judged one by one."""
        cells = [(row, column) for row in self.rows if row != BASELINE for column in self.columns]
        family = [cell for cell in cells if cell[1].primary]
        others = [cell for cell in cells if not cell[1].primary]
        judged = judge([self._comparison(*cell) for cell in family], looks=self.looks)
        judged += explore([self._comparison(*cell) for cell in others], looks=self.looks)
        return dict(zip(family + others, judged, strict=True))

    @cached_property
    def gates(self) -> tuple[Checked, ...]:
        """The gates: whether models have learned, defenses reduce their own risk, and attacks work."""
        return gates(self, self.verdicts)

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
        return as_html(self.columns, self.rows, self.cell, self.gates)

    def cells(self) -> Iterator[MatrixCell]:
        """All cells of the matrix, row by row."""
        for row in self.rows:
            for column in self.columns:
                yield self.cell(row, column)

    def to_json(self) -> str:
        """The results as JSON. The text depends on nothing but the numbers."""
        body = {
            "format": FORMAT,
            "experiment": self.experiment,
            "dataset": {"name": self.dataset, "content": self.content, "classes": self.classes},
            "tested": asdict(self.tested),
            "own_risks": {row: list(risks) for row, risks in self.own_risks.items()},
            "own_claims": {row: list(audits) for row, audits in self.own_claims.items()},
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
            values=tuple(Value(**dict(value)) for value in file.values),
            facts=file.facts,
            classes=file.dataset.classes,
            own_risks={row: tuple(risks) for row, risks in file.own_risks.items()},
            own_claims={row: tuple(audits) for row, audits in file.own_claims.items()},
            against=file.against,
            curves=tuple(Traced(**{**dict(item), "curve": curve_from(dict(item.curve))}) for item in file.curves),
            looks=tuple(file.looks),
            tested=Tally(**dict(file.tested)),
        )

    @classmethod
    def read(cls, folder: StrPath) -> Self:
        """The results of a finished assessment, by its folder.

        Raises:
            AmuletError: there are none.
        """
        return cls.from_json(written_results(folder, "assess"))


def _plain_cell(cell: MatrixCell) -> dict[str, Any]:
    body = asdict(cell)
    if cell.verdict is not None:
        body["verdict"]["seeds_needed"] = cell.verdict.seeds_needed
        body["verdict"]["family"] = "primary" if cell.column.primary else "exploratory"
    return body
