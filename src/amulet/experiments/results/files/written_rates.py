"""Rates of groups in the files of results, as pydantic models, and their conversion from and to results."""

from collections.abc import Iterable, Iterator
from dataclasses import asdict
from itertools import product
from typing import Any, Self

from pydantic import model_validator

from amulet.core.measurements.group_rates import GroupRate, GroupRates
from amulet.experiments.results.files.file_parts import Name, Number
from amulet.experiments.results.files.json_files import Written
from amulet.experiments.results.numbers import Rated


class WrittenRate(Written):
    """One rate of one group; see `GroupRate`. `value`, `low` and `high` follow from the rest, so they are not read."""

    rate: Name
    group: str
    count: Number
    of: Number
    enters: bool
    value: Any = None
    low: Any = None
    high: Any = None

    @model_validator(mode="after")
    def _no_more_than_all(self) -> Self:
        if self.count > self.of:
            raise ValueError(f"no more records can be counted than there are, {self.of}")
        return self


class WrittenRates(Written):
    """The rates of groups of one audit; see `Rated`."""

    row: Name
    risk: Name
    probe: Name
    seed: Number
    task: str
    fewest: Number
    rates: list[WrittenRate]


def uneven_rates(tables: Iterable[WrittenRates]) -> Iterator[str]:
    """The end of a sentence for each table that has no line, or several, for a rate of a group that others have."""
    first: dict[tuple[str, str], list[tuple[str, str]]] = {}
    for each in tables:
        lines = sorted((line.rate, line.group) for line in each.rates)
        whole = sorted(product({rate for rate, _ in lines}, {group for _, group in lines}))
        if lines != whole or lines != first.setdefault((each.risk, each.probe), lines):
            yield f"the rates of '{each.probe}' must be the same in every table, each once for every group"


def plain_rates(rated: Rated) -> dict[str, Any]:
    """The rates in the types of JSON, with their values and intervals, for programs that read the file."""
    lines = [
        asdict(each) | {"value": each.value} | dict(zip(("low", "high"), each.interval or (None, None), strict=True))
        for each in rated.rates.rates
    ]
    about = {name: getattr(rated, name) for name in ("row", "risk", "probe", "seed", "task")}
    return {**about, "fewest": rated.rates.fewest, "rates": lines}


def rated_from(written: WrittenRates) -> Rated:
    """The rates that a checked file states."""
    rates = tuple(GroupRate(each.rate, each.group, each.count, each.of, each.enters) for each in written.rates)
    about = (written.row, written.risk, written.probe, written.seed, written.task)
    return Rated(*about, GroupRates(rates, written.fewest))
