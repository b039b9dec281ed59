"""What the formats of both results files share, as pydantic models: ranges of numbers, columns, counts of records."""

import math
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from typing import Annotated, Final, Literal, Self

from annotated_types import Ge, Interval, MaxLen, MinLen
from pydantic import AfterValidator, AliasChoices, AllowInfNan, Field, model_validator

from amulet.core.metric import Shown
from amulet.experiments.results.files.json_files import LARGEST_NUMBER, Written

LARGEST_VALUE: Final = 1e150
"""A bound on the size of values, with whose squares a spread can still be computed."""


def _no_nan(value: float) -> float:
    if math.isnan(value):
        raise ValueError("this must be a number")
    return value


def _whose_square_is_finite(value: float) -> float:
    if abs(value) > LARGEST_VALUE:
        raise ValueError(f"this must lie between -{LARGEST_VALUE} and {LARGEST_VALUE}, not at {value}")
    return value


Finite = Annotated[float, AllowInfNan(allow_inf_nan=False), AfterValidator(_whose_square_is_finite)]
Bound = Annotated[float, AfterValidator(_no_nan)]
Share = Annotated[float, Interval(ge=0, le=1)]
Size = Annotated[float, Ge(0), AllowInfNan(allow_inf_nan=False)]
Number = Annotated[int, Interval(ge=0, lt=LARGEST_NUMBER)]
Name = Annotated[str, MinLen(1), MaxLen(10_000)]
Riskier = Literal["low", "high"] | None
Counts = dict[str, Number]


class WrittenTally(Written):
    """Numbers of test records; see `Tally`."""

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


class WrittenLeftOut(Written):
    """What could not be done; see `LeftOut`. Audits of older versions say "probe" instead of "name"."""

    risk: str
    name: Name = Field(validation_alias=AliasChoices("name", "probe"))
    reason: str
    pairs: Number = 0


class WrittenByChance(Written):
    """What chance alone does to a metric; see `ByChance`."""

    added: Finite
    bound: Finite


class WrittenColumn(Written):
    """A metric of an attack or audit; see `Column`."""

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
    turns: bool = False

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"'low' must be less than 'high', not {self.low} and {self.high}")
        return self

    @property
    def key(self) -> tuple[str, str, str, str | None]:
        """What identifies the column: risk, probe, metric and group."""
        return self.risk, self.probe, self.metric, self.group

    def holds(self, value: float | None) -> bool:
        """Whether a value lies in the metric's range; None, for an undefined value, does."""
        return value is None or self.low <= value <= self.high


def raise_first(faults: Iterable[str]) -> None:
    """Raise ValueError with the first of the faults, if there is one."""
    for fault in faults:
        raise ValueError(fault)


def repeated(what: str, keys: Iterable[Hashable]) -> Iterator[str]:
    """A sentence about the first key that occurs more than once, if there is one; `what` says what has the key."""
    twice = [key for key, count in Counter(keys).items() if count > 1]
    yield from (f"the {what} {key} stands there twice" for key in twice[:1])
