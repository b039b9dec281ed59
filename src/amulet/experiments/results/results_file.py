"""The format of results.json, of an assessment and of a pair of models, as pydantic models.

The one door for these files: what passes here holds together, so that nothing behind has to check it again.
"""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self

from annotated_types import Ge, Gt, Interval, Lt, MaxLen, MinLen
from pydantic import AfterValidator, AllowInfNan, Field, Strict, model_validator

from amulet.core.curve import Scale
from amulet.core.errors import AmuletError
from amulet.core.files import StrPath
from amulet.core.metric import Shown
from amulet.experiments.planning.experiment import BASELINE
from amulet.experiments.results.json_files import LARGEST_NUMBER, Written, checked, parse_json, read_text
from amulet.experiments.results.older_files import upgrade, upgrade_pair
from amulet.statistics import Word

FORMAT: Final = 4
PAIR: Final = "pair"
PAIR_FORMAT: Final = 1
RESULTS: Final = "a results file of Amulet"
PAIR_RESULTS: Final = "a file of Amulet's results of a pair"


def _no_nan(value: float) -> float:
    if math.isnan(value):
        raise ValueError("this must be a number")
    return value


Finite = Annotated[float, AllowInfNan(allow_inf_nan=False), Interval(ge=-1e300, le=1e300)]
Bound = Annotated[float, AfterValidator(_no_nan)]
Share = Annotated[float, Interval(ge=0, le=1)]
Size = Annotated[float, Ge(0), AllowInfNan(allow_inf_nan=False)]
Number = Annotated[int, Interval(ge=0, lt=LARGEST_NUMBER)]
Name = Annotated[str, MinLen(1), MaxLen(10_000)]
Riskier = Literal["low", "high"] | None
Fact = bool | int | float | str | None
Counts = dict[str, Number]


class WrittenDataset(Written):
    """Which records."""

    name: Name
    content: Name
    classes: Annotated[int, Interval(ge=1, lt=LARGEST_NUMBER)]


class WrittenTally(Written):
    """How many test records; see `Tally`."""

    classes: Counts = Field(default_factory=dict)
    groups: dict[str, dict[str, Counts]] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _agree(self) -> Self:
        for attribute, groups in self.groups.items():
            for group, counts in groups.items():
                if counts.keys() != self.classes.keys():
                    raise ValueError(f"the group '{group}' of '{attribute}' must have a count for each class")
            for name, total in self.classes.items():
                if sum(counts[name] for counts in groups.values()) > total:
                    raise ValueError(f"the groups of '{attribute}' must not have more records of '{name}' than all")
        return self


class WrittenColumn(Written):
    """A metric of a probe; see `Column`."""

    risk: Name
    probe: Name
    metric: Name
    low: Bound
    high: Bound
    riskier: Riskier
    primary: bool
    margin: Size
    chance: Finite | str | None
    budget: str | None = None
    access: Annotated[int, Interval(ge=0, lt=2**16)] | None = None
    must_exceed: str | None = None
    group: str | None = None
    shows: Shown | None = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"'low' must be less than 'high', not {self.low} and {self.high}")
        return self

    @property
    def key(self) -> tuple[str, str, str, str | None]:
        """What tells it from others."""
        return self.risk, self.probe, self.metric, self.group

    def holds(self, value: float | None) -> bool:
        """Whether it is one of the metric's values."""
        return value is None or self.low <= value <= self.high


class WrittenValue(Written):
    """A metric of one model; see `Value`."""

    row: Name
    risk: Name
    probe: Name
    metric: Name
    seed: Number
    value: Finite | None
    reason: str | None
    task: str
    group: str | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.value is None) == (self.reason is None):
            raise ValueError("there must be either a value or the reason why there is none")
        return self


class WrittenCurve(Written):
    """A line of a chart; see `Curve`."""

    title: str
    x_title: str
    y_title: str
    x: list[Finite]
    y: list[Finite]
    scale: Scale = "linear"

    @model_validator(mode="after")
    def _of_one_length(self) -> Self:
        if len(self.x) != len(self.y):
            raise ValueError(f"there must be as many x as y, not {len(self.x)} and {len(self.y)}")
        return self


class WrittenTraced(Written):
    """The curve of one probe of one model; see `Traced`."""

    row: Name
    risk: Name
    probe: Name
    seed: Number
    task: str
    curve: WrittenCurve


class ResultsFile(Written):
    """The results.json of an assessment. `matrix` and `gates` follow from the rest and are not read back."""

    format: Literal[4]
    experiment: Name
    dataset: WrittenDataset
    tested: WrittenTally = WrittenTally()
    own_risks: dict[str, list[Name]]
    against: dict[str, Name]
    looks: list[Annotated[int, Interval(gt=0, lt=LARGEST_NUMBER)]]
    spec: Any
    columns: Annotated[list[WrittenColumn], MinLen(1)]
    matrix: Any = None
    gates: Any = None
    values: Annotated[list[WrittenValue], MinLen(1)]
    curves: list[WrittenTraced]
    facts: dict[str, dict[str, dict[str, Fact]]]

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        _raise_first(_faults(self))
        return self


class WrittenModel(Written):
    """Which model; see `ModelFacts`."""

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


class WrittenVerdict(Written):
    """What is said of a difference; see `Verdict`. `family` follows from the column and is not read back."""

    word: Annotated[Word, Strict(strict=False)]
    paired: WrittenTest | None
    interval: Annotated[list[Finite], MinLen(2), MaxLen(2)] | None
    p: Share | None
    margin: Size
    level: Annotated[float, Gt(0), Lt(1)]
    reason: str | None
    family: Any = None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.interval is not None and self.interval[0] > self.interval[1]:
            raise ValueError("the interval must begin before it ends")
        return self


class WrittenPairCell(Written):
    """A metric of both models; see `PairCell`. `difference` follows from the rest and is not read back."""

    column: WrittenColumn
    records: Number
    before: Finite | None
    after: Finite | None
    reasons: list[str]
    resamples: Number
    lost: Number
    verdict: WrittenVerdict
    difference: Any = None

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        if not (self.column.holds(self.before) and self.column.holds(self.after)):
            raise ValueError(f"the values of '{self.column.metric}' must lie in its range")
        if self.lost > self.resamples:
            raise ValueError("no more resamples can be lost than there are")
        return self


class WrittenRecords(Written):
    """How many records of each role."""

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

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        _raise_first(_twice("cell", (cell.column.key for cell in self.cells)))
        return self


def written_results(folder: StrPath, command: str) -> str:
    """The text of a folder's results.json.

    Raises:
        AmuletError: there is none that can be read; `command` is what makes it.
    """
    return read_text(Path(folder) / "results.json", f"Run `amulet {command}` first.")


def holds_pair(folder: StrPath) -> bool:
    """Whether a folder's results.json is of a pair of models.

    Raises:
        AmuletError: there is no such file, or it is no JSON object.
    """
    return parse_json(written_results(folder, "assess"), RESULTS).get("kind") == PAIR


def read_manifest(folder: StrPath) -> dict[str, Any]:
    """A folder's manifest.json: what computed its results, as plain values.

    Raises:
        AmuletError: there is none, or it is no JSON object.
    """
    text = read_text(Path(folder) / "manifest.json", "Assess again to have one.")
    return parse_json(text, "a manifest of Amulet")


def parse_results(text: str) -> ResultsFile:
    """The results of an assessment from the text of their file.

    Raises:
        AmuletError: the text is something else, of another format, or does not hold together.
    """
    body = parse_json(text, RESULTS)
    upgrade(body)
    _check_format(body, (None, FORMAT), "assess", RESULTS)
    return checked(ResultsFile, body, RESULTS)


def parse_pair(text: str) -> PairFile:
    """The results of a pair of models from the text of their file; raises as `parse_results`."""
    body = parse_json(text, PAIR_RESULTS)
    upgrade_pair(body)
    _check_format(body, (PAIR, PAIR_FORMAT), "compare", PAIR_RESULTS)
    return checked(PairFile, body, PAIR_RESULTS)


def _check_format(body: dict[str, Any], known: tuple[str | None, int], command: str, what: str) -> None:
    kind, version = body.get("kind"), body.get("format")
    if kind != known[0] or version is None:
        raise AmuletError(f"This is not {what}: it states another kind or no format.")
    if version != known[1] or isinstance(version, bool | float):
        raise AmuletError(
            f"These results were written by another version of Amulet, in format {str(version)[:20]!r}; this one reads "
            f"format {known[1]}. Run `amulet {command}` again."
        )


def _raise_first(faults: Iterable[str]) -> None:
    for fault in faults:
        raise ValueError(fault)


def _twice(what: str, keys: Iterable[Hashable]) -> Iterator[str]:
    twice = [key for key, count in Counter(keys).items() if count > 1]
    yield from (f"the {what} {key} stands there twice" for key in twice[:1])


def _faults(file: ResultsFile) -> Iterator[str]:
    """What does not fit together: values out of range, lines that stand there twice, names that lead nowhere."""
    columns = {column.key: column for column in file.columns}
    rows = {value.row for value in file.values}
    cells = {(value.row, value.risk, value.probe, value.seed) for value in file.values}
    yield from _twice("column", (column.key for column in file.columns))
    yield from _twice("value", ((v.row, v.risk, v.probe, v.metric, v.group, v.seed) for v in file.values))
    yield from _twice("curve", ((item.row, item.risk, item.probe, item.seed) for item in file.curves))
    if BASELINE not in rows:
        yield f"the row '{BASELINE}' is missing"
    for value in file.values:
        column = columns.get((value.risk, value.probe, value.metric, value.group))
        if column is None:
            yield f"there is no column for '{value.metric}' of '{value.probe}'"
        elif not column.holds(value.value):
            yield f"'{value.metric}' must lie in {column.low} to {column.high}, not at {value.value}"
    yield from (
        f"there is a curve but no value of '{item.probe}' for row '{item.row}' and seed {item.seed}"
        for item in file.curves
        if (item.row, item.risk, item.probe, item.seed) not in cells
    )
    named = (*file.own_risks, *file.facts, *file.against, *file.against.values())
    yield from (f"there is no row '{row}'" for row in named if row not in rows)
    yield from (f"the row '{row}' is compared with itself" for row, other in file.against.items() if row == other)
    seeds = {str(value.seed) for value in file.values}
    yield from (f"no value has the seed '{seed}'" for of in file.facts.values() for seed in of if seed not in seeds)
    yield from (
        f"the fact '{name}' must be a number, not NaN or too large"
        for of in file.facts.values()
        for entry in of.values()
        for name, fact in entry.items()
        if not _is_sound(fact)
    )
    if file.looks != sorted(set(file.looks)):
        yield "'looks' must ascend"


def _is_sound(fact: Fact) -> bool:
    """Infinite is a privacy budget without noise."""
    if isinstance(fact, int):
        return abs(fact) < LARGEST_NUMBER
    return not isinstance(fact, float) or math.isinf(fact) or abs(fact) < LARGEST_NUMBER
