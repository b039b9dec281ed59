"""The format of factors in the results.json of an assessment."""

from collections.abc import Collection, Iterator
from typing import Any, Self

from pydantic import Field, model_validator

from amulet.experiments.results.factors import Factors, FactorValue, MeasuredFactor
from amulet.experiments.results.files.file_parts import Bound, Finite, Name, Number, raise_first, repeated
from amulet.experiments.results.files.json_files import Written


class WrittenFactor(Written):
    """A factor that was measured; see `MeasuredFactor`."""

    name: Name
    title: Name
    meaning: Name
    low: Bound
    high: Bound
    code: str = ""
    grows: bool = True
    attribute: str = ""


class WrittenFactorValue(Written):
    """The value of a factor for one model; see `FactorValue`."""

    row: Name
    factor: Name
    seed: Number
    value: Finite | None
    reason: str | None
    task: str

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.value is None) == (self.reason is None):
            raise ValueError("there must be either a value or the reason why there is none")
        return self


class WrittenFactors(Written):
    """All factors. `changes` and `correlations` are computed from the rest."""

    measured: list[WrittenFactor] = Field(default_factory=list)
    values: list[WrittenFactorValue] = Field(default_factory=list)
    changes: Any = None
    correlations: Any = None

    @model_validator(mode="after")
    def _holds_together(self) -> Self:
        raise_first(_faults(self))
        return self


def factors_from(written: WrittenFactors) -> Factors:
    """As results hold them."""
    return Factors(
        tuple(MeasuredFactor(**dict(each)) for each in written.measured),
        tuple(FactorValue(**dict(each)) for each in written.values),
    )


def factor_faults(written: WrittenFactors, models: Collection[tuple[str, int]]) -> Iterator[str]:
    """Factors of models that have no values, each given by its row and seed."""
    for each in written.values:
        if (each.row, each.seed) not in models:
            yield f"there is a factor but no value for row '{each.row}' and seed {each.seed}"


def _faults(written: WrittenFactors) -> Iterator[str]:
    factors = {each.name: each for each in written.measured}
    values = written.values
    yield from repeated("factor", (each.name for each in written.measured))
    yield from repeated("value of a factor", ((each.row, each.factor, each.seed) for each in values))
    for each in values:
        factor = factors.get(each.factor)
        if factor is None:
            yield f"there is no factor '{each.factor}'"
        elif each.value is not None and not factor.low <= each.value <= factor.high:
            yield f"'{each.factor}' must lie in {factor.low} to {factor.high}, not at {each.value}"
