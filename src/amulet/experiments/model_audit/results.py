"""The results of an audit of one trained model."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from html import escape
from typing import Self

import pandas as pd

from amulet.core.measurements.tally import Tally
from amulet.core.spec import Plain
from amulet.core.storage.files import StrPath
from amulet.core.text import visible
from amulet.experiments.model_audit.audit_file import AUDIT_FORMAT, WrittenAuditCell, parse_audit
from amulet.experiments.pairs.results import ModelFacts
from amulet.experiments.planning.left_out import LeftOut
from amulet.experiments.results.checks.gates import Checked
from amulet.experiments.results.files.result_folders import AUDIT, written_results
from amulet.experiments.results.files.written_rates import plain_rates, rated_from
from amulet.experiments.results.numbers import Column, Rated


@dataclass(frozen=True)
class AuditCell:
    """One metric of the model.

    Attributes:
        column: the metric.
        records: the number of cases that the metric is computed from.
        value: the value; None where the metric is undefined.
        interval: 95% interval, how the value would vary with other records; None where it cannot be computed.
        baseline: what a trivial model or attack gets; None where there is none.
        reason: why the metric is undefined; None if it is not.
        resamples: the number of resamples of the records that the interval is computed from.
        lost: the number of resamples on which the metric is undefined.
    """

    column: Column
    records: int
    value: float | None
    interval: tuple[float, float] | None
    baseline: float | None
    reason: str | None
    resamples: int
    lost: int


@dataclass(frozen=True)
class AuditResults:
    """All results of an audit of one trained model. `frame` has a line for each metric.

    Attributes:
        name: the name of the audit.
        dataset, content: the data set's name and the digest of its content.
        spec: what was asked, as plain values.
        model: the model.
        records: the numbers of members, of others (non-members) and of test records; members and others are 0 if it is
            not known which records the model was trained on.
        cells: one for each metric.
        gates: the validity checks: whether the model has learned anything, and whether each attack reaches more than a
            guess or noise.
        left_out: the attacks and audits that were not done, with the reasons.
        tested: how many test records there are of each class and group.
        rates: the rates of groups of audits that compare groups.
    """

    name: str
    dataset: str
    content: str
    spec: Plain
    model: ModelFacts
    records: Mapping[str, int]
    cells: tuple[AuditCell, ...]
    gates: tuple[Checked, ...]
    left_out: tuple[LeftOut, ...]
    tested: Tally
    rates: tuple[Rated, ...] = ()

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of all metrics that were measured."""
        return tuple(cell.column for cell in self.cells)

    @property
    def frame(self) -> pd.DataFrame:
        """One line for each metric, with its interval and its baseline; what is undefined is NaN."""
        lines = [
            {
                "risk": cell.column.risk,
                "probe": cell.column.probe,
                "metric": cell.column.metric,
                "value": cell.value,
                "low": cell.interval[0] if cell.interval else None,
                "high": cell.interval[1] if cell.interval else None,
                "baseline": cell.baseline,
                "riskier": cell.column.riskier,
                "primary": cell.column.primary,
            }
            for cell in self.cells
        ]
        return pd.DataFrame(lines).astype(dict.fromkeys(("value", "low", "high", "baseline"), float))

    def __repr__(self) -> str:
        """The primary metrics as a table, the checks that have not passed, and the number of what was left out."""
        shown = self._shown().to_string(index=False, na_rep="", float_format="{:.3f}".format)
        return visible("\n".join([f"{self.model.name} on {self.dataset}", shown, *self._notes()]))

    def _repr_html_(self) -> str:
        """The same in HTML, which notebooks show."""
        table = self._shown().to_html(index=False, na_rep="", float_format="{:.3f}".format, border=0)
        notes = "".join(f"<p>{escape(note)}</p>" for note in self._notes())
        return f"<p><b>{escape(self.model.name)}</b> on {escape(self.dataset)}</p>{table}{notes}"

    def _shown(self) -> pd.DataFrame:
        frame = self.frame
        return frame[frame["primary"]].drop(columns="primary")

    def _notes(self) -> list[str]:
        checks = [f"{gate.about or 'model'}: {gate.follows}" for gate in self.gates if gate.follows]
        missing = [f"{len(self.left_out)} attacks and audits were not done; left_out has the reasons."]
        return checks + (missing if self.left_out else [])

    def to_json(self) -> str:
        """The results as JSON. The text is the same for the same model, records and settings."""
        rates = [plain_rates(rated) for rated in self.rates]
        return json.dumps({"kind": AUDIT, "format": AUDIT_FORMAT, **asdict(self), "rates": rates}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The results from the text that `to_json` gives.

        Raises:
            AmuletError: the text is something else, of another format, or does not hold together.
        """
        file = parse_audit(text)
        return cls(
            name=file.name,
            dataset=file.dataset,
            content=file.content,
            spec=file.spec,
            model=ModelFacts(**dict(file.model)),
            records=dict(file.records),
            cells=tuple(_cell(cell) for cell in file.cells),
            gates=tuple(Checked(**dict(gate)) for gate in file.gates),
            left_out=tuple(LeftOut(**dict(each)) for each in file.left_out),
            tested=Tally(**dict(file.tested)),
            rates=tuple(rated_from(written) for written in file.rates),
        )

    @classmethod
    def read(cls, folder: StrPath) -> Self:
        """The results of an audit from its folder.

        Raises:
            AmuletError: the folder has no results, or they cannot be read.
        """
        return cls.from_json(written_results(folder, "audit"))


def _cell(written: WrittenAuditCell) -> AuditCell:
    """The cell that a checked file states."""
    fields = dict(written)
    interval = (written.interval[0], written.interval[1]) if written.interval else None
    return AuditCell(**(fields | {"column": Column(**dict(written.column)), "interval": interval}))
