"""Too few seeds for verdicts, in one sentence."""

from typing import Final

from amulet.experiments.results.numbers import Numbers
from amulet.statistics.looks import FIRST

FEW: Final = 3
"""With so many seeds or fewer, hardly any difference is proven, whatever its size."""


def few_seeds(numbers: Numbers) -> str:
    """A sentence that says so, and what to run instead; empty where there are more seeds, or nothing to compare."""
    seeds = len(numbers.seeds)
    if seeds > FEW or len(numbers.rows) < 2:
        return ""
    are = "1 seed is" if seeds == 1 else f"{seeds} seeds are"
    return f"{are} too few for verdicts; run again with `--max-seeds {FIRST}`. What is stored is not computed again."
