"""The format of the results.json of a pair of models, as pydantic models. A file is checked once, when it is read."""

from typing import Annotated, Any, Final, Literal, Self

from annotated_types import Gt, Interval, Lt, MaxLen, MinLen
from pydantic import Field, Strict, model_validator

from amulet.experiments.results.files.file_parts import (
    Finite,
    Name,
    Number,
    Share,
    Size,
    WrittenByChance,
    WrittenColumn,
    WrittenTally,
    raise_first,
    repeated,
)
from amulet.experiments.results.files.json_files import LARGEST_NUMBER, Written, check_format, checked, parse_json
from amulet.experiments.results.files.older_files import upgrade_pair
from amulet.experiments.results.files.result_folders import PAIR
from amulet.experiments.results.files.written_rates import WrittenRates, uneven_rates
from amulet.statistics import Gate, Word

PAIR_FORMAT: Final = 1
PAIR_RESULTS: Final = "a file of Amulet's results of a pair"


class WrittenModel(Written):
    """One of the two models; see `ModelFacts`."""

    name: str
    structure: str
    parameters: Number
    weights: str


class WrittenTest(Written):
    """A paired test; see `Paired`."""

    mean: Finite
    std: Size
    n: Annotated[int, Interval(ge=2, lt=LARGEST_NUMBER)]
    p: Share
    effect: Finite | None
    least_std: Size = 0.0


class WrittenVerdict(Written):
    """A verdict on a difference; see `Verdict`. `word` and `family` follow from the column, so they are not read."""

    metric_word: Annotated[Word, Strict(strict=False)]
    paired: WrittenTest | None
    interval: Annotated[list[Finite], MinLen(2), MaxLen(2)] | None
    p: Share | None
    margin: Size
    level: Annotated[float, Gt(0), Lt(1)]
    reason: str | None
    word: Any = None
    family: Any = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.interval is not None and self.interval[0] > self.interval[1]:
            raise ValueError("the interval must begin before it ends")
        return self


class WrittenPairCell(Written):
    """A metric of both models; see `PairCell`. `difference` follows from the rest, so it is not read."""

    column: WrittenColumn
    records: Number
    before: Finite | None
    after: Finite | None
    reasons: list[str]
    resamples: Number
    lost: Number
    verdict: WrittenVerdict
    by_chance: Annotated[list[WrittenByChance], MinLen(2), MaxLen(2)] | None = None
    difference: Any = None

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if not (self.column.holds(self.before) and self.column.holds(self.after)):
            raise ValueError(f"the values of '{self.column.metric}' must lie in its range")
        if self.lost > self.resamples:
            raise ValueError("no more resamples can be lost than there are")
        return self


class WrittenGate(Written):
    """The validity check of one of the two models; see `Checked`."""

    name: Literal["model"]
    row: Literal["before", "after"]
    about: None
    state: Annotated[Gate, Strict(strict=False)]
    follows: str


class WrittenRecords(Written):
    """The numbers of members, of other training records and of test records."""

    members: Number
    others: Number
    test: Number


class PairFile(Written):
    """The results.json of a pair of models."""

    kind: Literal["pair"]
    format: Literal[1]
    name: str
    dataset: Name
    content: Name
    spec: Any
    models: Annotated[list[WrittenModel], MinLen(2), MaxLen(2)]
    records: WrittenRecords
    resamples: Number
    cells: Annotated[list[WrittenPairCell], MinLen(1)]
    tested: WrittenTally = WrittenTally()
    gates: Annotated[list[WrittenGate], MaxLen(2)] = Field(default_factory=list)
    rates: list[WrittenRates] = Field(default_factory=list)

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        raise_first(repeated("cell", (cell.column.key for cell in self.cells)))
        raise_first(repeated("table of rates", ((each.probe, each.row) for each in self.rates)))
        raise_first(uneven_rates(self.rates))
        raise_first(repeated("gate", (gate.row for gate in self.gates)))
        return self


def parse_pair(text: str) -> PairFile:
    """The results of a pair of models from the text of their file; raises as `parse_results`."""
    body = parse_json(text, PAIR_RESULTS)
    upgrade_pair(body)
    check_format(body, (PAIR, PAIR_FORMAT), "compare", PAIR_RESULTS)
    return checked(PairFile, body, PAIR_RESULTS)
