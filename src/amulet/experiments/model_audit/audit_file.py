"""The format of the results.json of an audit of one model, as pydantic models. A file is checked once, when read."""

from typing import Annotated, Any, Final, Literal, Self

from annotated_types import MaxLen, MinLen
from pydantic import Field, Strict, model_validator

from amulet.experiments.pairs.pair_file import WrittenModel, WrittenRecords
from amulet.experiments.results.files.file_parts import (
    Finite,
    Name,
    Number,
    WrittenColumn,
    WrittenLeftOut,
    WrittenTally,
    raise_first,
    repeated,
)
from amulet.experiments.results.files.json_files import Written, check_format, checked, parse_json
from amulet.experiments.results.files.result_folders import AUDIT
from amulet.experiments.results.files.written_rates import WrittenRates, uneven_rates
from amulet.statistics import Gate

AUDIT_FORMAT: Final = 1
AUDIT_RESULTS: Final = "a file of Amulet's results of one model"


class WrittenAuditCell(Written):
    """A metric of the model; see `AuditCell`."""

    column: WrittenColumn
    records: Number
    value: Finite | None
    interval: Annotated[list[Finite], MinLen(2), MaxLen(2)] | None
    baseline: Finite | None
    reason: str | None
    resamples: Number
    lost: Number

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if not self.column.holds(self.value):
            raise ValueError(f"the value of '{self.column.metric}' must lie in its range")
        if (self.value is None) != (self.reason is not None):
            raise ValueError("a value must be given if and only if there is no reason why it is undefined")
        if self.interval is not None and self.interval[0] > self.interval[1]:
            raise ValueError("the interval must begin before it ends")
        if self.lost > self.resamples:
            raise ValueError("no more resamples can be lost than there are")
        return self


class WrittenAuditGate(Written):
    """A validity check; see `Checked`."""

    name: Literal["model", "attack", "strength"]
    row: Literal["audited"]
    about: str | None
    state: Annotated[Gate, Strict(strict=False)]
    follows: str


class AuditFile(Written):
    """The results.json of an audit of one model."""

    kind: Literal["audit"]
    format: Literal[1]
    name: str
    dataset: Name
    content: Name
    spec: Any
    model: WrittenModel
    records: WrittenRecords
    cells: Annotated[list[WrittenAuditCell], MinLen(1)]
    gates: list[WrittenAuditGate]
    left_out: list[WrittenLeftOut]
    tested: WrittenTally
    rates: list[WrittenRates] = Field(default_factory=list)

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        raise_first(repeated("cell", (cell.column.key for cell in self.cells)))
        raise_first(repeated("table of rates", (each.probe for each in self.rates)))
        raise_first(uneven_rates(self.rates))
        raise_first(repeated("gate", ((gate.name, gate.about) for gate in self.gates)))
        return self


def parse_audit(text: str) -> AuditFile:
    """The results of one model from the text of their file; raises as `parse_results`."""
    body = parse_json(text, AUDIT_RESULTS)
    check_format(body, (AUDIT, AUDIT_FORMAT), "audit", AUDIT_RESULTS)
    return checked(AuditFile, body, AUDIT_RESULTS)
