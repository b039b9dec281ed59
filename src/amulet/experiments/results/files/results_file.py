"""The format of the results.json of an assessment, as pydantic models.

A file is checked once, when it is read, so that other code can rely on its content.
"""

import math
from collections.abc import Collection, Iterator
from typing import Annotated, Any, Final, Literal, Self

from annotated_types import Interval, MaxLen, MinLen
from pydantic import AfterValidator, Field, model_validator

from amulet.core.measurements.curve import Scale
from amulet.core.measurements.image_grid import MOST_COLUMNS
from amulet.experiments.planning.experiment import BASELINE
from amulet.experiments.results.files.file_parts import (
    Finite,
    Name,
    Number,
    WrittenByChance,
    WrittenColumn,
    WrittenLeftOut,
    WrittenTally,
    raise_first,
    repeated,
)
from amulet.experiments.results.files.json_files import LARGEST_NUMBER, Written, check_format, checked, parse_json
from amulet.experiments.results.files.older_files import upgrade
from amulet.experiments.results.files.result_folders import RESULTS
from amulet.experiments.results.files.written_factors import WrittenFactors, factor_faults
from amulet.experiments.results.files.written_rates import WrittenRates, uneven_rates
from amulet.experiments.results.pictures import LONGEST, Pictured, PictureRow, image_from

FORMAT: Final = 4
Fact = bool | int | float | str | None


def _small_png(text: str) -> str:
    try:
        image_from(text)
    except ValueError as error:
        raise ValueError(f"the image {error}") from None
    return text


WrittenImage = Annotated[str, MaxLen(LONGEST), AfterValidator(_small_png)]


class WrittenDataset(Written):
    """The data set that was assessed."""

    name: Name
    content: Name
    classes: Annotated[int, Interval(ge=1, lt=LARGEST_NUMBER)]


class WrittenValue(Written):
    """The value of a metric for one model; see `Value`."""

    row: Name
    risk: Name
    probe: Name
    metric: Name
    seed: Number
    value: Finite | None
    reason: str | None
    task: str
    group: str | None = None
    by_chance: WrittenByChance | None = None

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.value is None) == (self.reason is None):
            raise ValueError("there must be either a value or the reason why there is none")
        return self


class WrittenCurve(Written):
    """A curve; see `Curve`."""

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
    """The curve of one probe for one model; see `Traced`."""

    row: Name
    risk: Name
    probe: Name
    seed: Number
    task: str
    curve: WrittenCurve


class WrittenPictureRow(Written):
    """A row of images; see `PictureRow`."""

    name: Name
    images: Annotated[list[WrittenImage], MinLen(1), MaxLen(MOST_COLUMNS)]


class WrittenPictured(Written):
    """The images of one probe for one model; see `Pictured`."""

    row: Name
    risk: Name
    probe: Name
    seed: Number
    task: str
    title: Name
    columns: Annotated[list[Name], MinLen(1), MaxLen(MOST_COLUMNS)]
    rows: Annotated[list[WrittenPictureRow], MinLen(1), MaxLen(MOST_COLUMNS)]
    references: Number

    @model_validator(mode="after")
    def _of_one_width(self) -> Self:
        if any(len(row.images) != len(self.columns) for row in self.rows):
            raise ValueError("each row must have as many images as there are columns")
        if self.references >= len(self.rows):
            raise ValueError(f"there must be fewer references than the {len(self.rows)} rows, not {self.references}")
        return self

    @property
    def pictured(self) -> Pictured:
        """As results hold it."""
        rows = tuple(PictureRow(row.name, tuple(row.images)) for row in self.rows)
        return Pictured(**{**dict(self), "columns": tuple(self.columns), "rows": rows})


class WrittenFailure(Written):
    """A task that could not be computed; see `Failure`."""

    task: Name
    error: str


class ResultsFile(Written):
    """The results.json of an assessment. `matrix`, `gates` and `literature` are computed from the rest."""

    format: Literal[4]
    experiment: Name
    dataset: WrittenDataset
    tested: WrittenTally = WrittenTally()
    own_risks: dict[str, list[Name]]
    own_claims: dict[str, list[Name]] = Field(default_factory=dict)
    families: dict[str, list[Name]] = Field(default_factory=dict)
    left_out: list[WrittenLeftOut] = Field(default_factory=list)
    failures: list[WrittenFailure] = Field(default_factory=list)
    screened: list[Name] = Field(default_factory=list)
    not_judged: dict[str, dict[str, Name]] = Field(default_factory=dict)
    literature: Any = None
    against: dict[str, Name]
    looks: list[Annotated[int, Interval(gt=0, lt=LARGEST_NUMBER)]]
    spec: Any
    columns: Annotated[list[WrittenColumn], MinLen(1)]
    matrix: Any = None
    gates: Any = None
    values: Annotated[list[WrittenValue], MinLen(1)]
    curves: list[WrittenTraced]
    pictures: list[WrittenPictured] = Field(default_factory=list)
    rates: list[WrittenRates] = Field(default_factory=list)
    facts: dict[str, dict[str, dict[str, Fact]]]
    factors: WrittenFactors = Field(default_factory=WrittenFactors)

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        raise_first(_faults(self))
        return self


def parse_results(text: str) -> ResultsFile:
    """The results of an assessment from the text of their file.

    Raises:
        AmuletError: the text is something else, of another format, or does not hold together.
    """
    body = parse_json(text, RESULTS)
    upgrade(body)
    check_format(body, (None, FORMAT), "assess", RESULTS)
    return checked(ResultsFile, body, RESULTS)


def _faults(file: ResultsFile) -> Iterator[str]:
    """Contradictions in a file: values out of range, repeated entries, names of rows or columns that do not exist."""
    columns = {column.key: column for column in file.columns}
    rows = {value.row for value in file.values}
    cells = {(value.row, value.risk, value.probe, value.seed) for value in file.values}
    yield from repeated("column", (column.key for column in file.columns))
    yield from repeated("value", ((v.row, v.risk, v.probe, v.metric, v.group, v.seed) for v in file.values))
    yield from repeated("table of rates", ((item.row, item.risk, item.probe, item.seed) for item in file.rates))
    yield from uneven_rates(file.rates)
    yield from repeated("curve", ((item.row, item.risk, item.probe, item.seed) for item in file.curves))
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
    yield from _picture_faults(file, cells)
    models = {(row, seed) for row, _, _, seed in cells}
    yield from factor_faults(file.factors, models)
    yield from (  # rates may stand alone: the metrics of their audit may all be left out
        f"there are rates but no value for row '{item.row}' and seed {item.seed}"
        for item in file.rates
        if (item.row, item.seed) not in models
    )
    named = (*file.own_risks, *file.own_claims, *file.families, *file.facts, *file.against, *file.against.values())
    named = (*named, *file.screened, *file.not_judged)
    yield from (f"there is no row '{row}'" for row in named if row not in rows)
    probes = {column.probe for column in file.columns}
    unjudged = dict.fromkeys(probe for of in file.not_judged.values() for probe in of)
    yield from (f"there is no column of '{probe}', which is not judged" for probe in unjudged if probe not in probes)
    yield from repeated("screened row", file.screened)
    if BASELINE in file.screened:
        yield f"the row '{BASELINE}' cannot be screened"
    if BASELINE in file.not_judged:
        yield f"the row '{BASELINE}' is never judged, and needs no reason"
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


def _picture_faults(file: ResultsFile, cells: Collection[tuple[str, str, str, int]]) -> Iterator[str]:
    """Images of what was not measured, or that cannot stand in one table."""
    yield from repeated("images of", ((item.row, item.risk, item.probe) for item in file.pictures))
    columns: dict[tuple[str, str], list[str]] = {}
    for item in file.pictures:
        if (item.row, item.risk, item.probe, item.seed) not in cells:
            yield f"there are images but no value of '{item.probe}' for row '{item.row}' and seed {item.seed}"
        if columns.setdefault((item.risk, item.probe), item.columns) != item.columns:
            yield f"the images of '{item.probe}' must have the same columns for all rows"


def _is_sound(fact: Fact) -> bool:
    """Whether a fact is no NaN and not too large. Infinity is allowed: the privacy budget without noise."""
    if isinstance(fact, int):
        return abs(fact) < LARGEST_NUMBER
    return not isinstance(fact, float) or math.isinf(fact) or abs(fact) < LARGEST_NUMBER
