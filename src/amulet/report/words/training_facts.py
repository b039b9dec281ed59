"""Facts that training recorded about each row's models, such as the epsilon spent, over seeds."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from typing import Any

from amulet.experiments.results.results import Results
from amulet.report.words.vocabulary.formats import number, setting, spread
from amulet.report.words.vocabulary.names import fact_rank, fact_title
from amulet.statistics import summarize


@dataclass(frozen=True)
class FactsTable:
    """A table: `rows` by label, each with a text per title, None where its training has no such fact."""

    titles: tuple[str, ...]
    rows: Mapping[str, tuple[str | None, ...]]


def training_facts(results: Results) -> FactsTable:
    """Values that are the same for every seed as they are, others as mean and spread."""
    names = dict.fromkeys(name for seeds in results.facts.values() for entry in seeds.values() for name in entry)
    ordered = sorted(names, key=fact_rank)
    return FactsTable(
        tuple(fact_title(name) for name in ordered),
        {row: tuple(_over_seeds(entries, name) for name in ordered) for row, entries in results.facts.items()},
    )


def _over_seeds(entries: Mapping[str, Mapping[str, Any]], name: str) -> str | None:
    values = [entry[name] for entry in entries.values() if name in entry]
    if not values:
        return None
    return _one(values[0]) if all(value == values[0] for value in values) else _several(values)


def _several(values: Sequence[Any]) -> str:
    summary = None
    if all(isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value) for value in values):
        summary = summarize(values)
    return f"{number(summary.mean)} {spread(summary)}" if summary else ", ".join(_one(value) for value in values)


def _one(value: Any) -> str:
    return setting(float(f"{value:.4g}") if isinstance(value, float) else value)
