"""`--fail-if`: the command ends with an exit code of its own if a condition on the verdicts holds."""

from typing import TYPE_CHECKING, Final

import typer

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from amulet.experiments import Results
    from amulet.experiments.results.conditions import Condition

HOLDS: Final = 3
"""The exit code if a condition holds."""


def holding(results: "Results", asked: "Iterable[Condition]") -> tuple[str, ...]:
    """The conditions that hold, a sentence each."""
    from amulet.experiments.results.conditions import fulfilled
    from amulet.report.words.verdicts.conditions import condition_sentence

    return tuple(condition_sentence(condition, cells) for condition, cells in fulfilled(results, asked))


def end_if_any(sentences: "Sequence[str]") -> None:
    """Say which conditions hold, each in a sentence on standard error, and end the command if any does."""
    from amulet.report.console import open_console

    errors = open_console(errors=True)
    for sentence in sentences:
        errors.print(sentence, soft_wrap=True)
    if sentences:
        raise typer.Exit(HOLDS)
