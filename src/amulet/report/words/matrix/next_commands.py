"""The commands that show or settle more than a terminal has room for."""

from collections.abc import Iterator
from pathlib import Path
from shlex import quote

from amulet.experiments.results.checks.few_seeds import few_seeds
from amulet.experiments.results.results import Results
from amulet.statistics.looks import doubling

MOST = 80
"""The most seeds that are suggested."""


def next_commands(results: Results, folder: Path, file: Path | None) -> Iterator[str]:
    """Lines of a command and what it does.

    Args:
        results: what was assessed.
        folder: where results and reports are.
        file: the experiment as YAML; None if it is not known.
    """
    near = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    yield f"amulet report {quote(str(near))} --details   # every attack, audit and check"
    undecided = [
        verdict.seeds_needed
        for (_, column), verdict in results.verdicts.items()
        if column.primary and verdict.seeds_may_settle
    ]
    needed = [seeds for seeds in undecided if seeds is not None and seeds <= MOST]
    look = next((look for look in doubling(MOST) if 2 * sum(each <= look for each in needed) >= len(needed)), MOST)
    settled = sum(each <= look for each in needed)
    if file is not None and settled and look > len(results.seeds) and not few_seeds(results):
        what = f"settles about {settled} of {len(undecided)} open cells"
        yield f"amulet assess {quote(str(file))} --until-decided --max-seeds {look}   # {what}"
