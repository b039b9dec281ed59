"""What a verdict says of the risk, in the same words for terminal, page, notebook, frames and files."""

from dataclasses import asdict
from typing import Any

from amulet.experiments.results.numbers import Column
from amulet.statistics import CHANGES, Verdict, Word


def is_worse(column: Column, word: Word) -> bool:
    """Whether a change of the metric means more risk; of what is no risk, such as utility, more is better."""
    return (word is Word.INCREASES) == (column.riskier == "high")


def risk_word(column: Column, word: Word) -> str:
    """What happens to the risk: "risk decreases" where a higher robust accuracy means less risk.

    Other verdicts than changes, and those on what is no risk, are the word itself.
    """
    if word not in CHANGES or column.riskier is None:
        return str(word)
    return "risk increases" if is_worse(column, word) else "risk decreases"


def plain_verdict(verdict: Verdict, column: Column) -> dict[str, Any]:
    """A verdict as plain values: `word` is what happens to the risk, `metric_word` what happens to the metric."""
    return {
        **asdict(verdict),
        "word": risk_word(column, verdict.word),
        "metric_word": str(verdict.word),
        "family": "primary" if column.primary else "exploratory",
    }
