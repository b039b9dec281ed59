"""A verdict as plain values, with what it says of the risk beside what it says of the metric."""

from dataclasses import asdict
from typing import Any

from amulet.experiments.results.numbers import Column
from amulet.statistics import Verdict


def plain_verdict(verdict: Verdict, column: Column) -> dict[str, Any]:
    """A verdict as plain values: `word` is what happens to the risk, `metric_word` what happens to the metric."""
    return {
        **asdict(verdict),
        "word": column.said(verdict.word),
        "metric_word": str(verdict.word),
        "family": "primary" if column.primary else "exploratory",
    }
