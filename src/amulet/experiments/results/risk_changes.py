"""What a verdict says of the risk, in the same words for terminal, page, notebook, frames and files."""

from dataclasses import asdict
from typing import Any

from amulet.experiments.results.numbers import Column
from amulet.statistics import Verdict, Word


def is_worse(column: Column, word: Word) -> bool:
    """Whether a change of the metric means more risk; see `Column.gets_worse`."""
    return column.gets_worse(word)


def risk_word(column: Column, word: Word) -> str:
    """What happens to the risk: "risk decreases"; see `Column.said`."""
    return column.said(word)


def plain_verdict(verdict: Verdict, column: Column) -> dict[str, Any]:
    """A verdict as plain values: `word` is what happens to the risk, `metric_word` what happens to the metric."""
    return {
        **asdict(verdict),
        "word": risk_word(column, verdict.word),
        "metric_word": str(verdict.word),
        "family": "primary" if column.primary else "exploratory",
    }
