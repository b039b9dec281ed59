"""Tasks that failed in words, and their tracebacks as the text of a file."""

from typing import Final

from amulet.core.user_code.containment import text_of
from amulet.experiments.results.results import Results

SHOWN: Final = 3
"""The number of errors that a page shows; the file of tracebacks has all."""


def failures_sentence(results: Results) -> str:
    """How many tasks failed, which values are undefined for that reason, and the first errors; empty if none failed."""
    if not results.failures:
        return ""
    undefined = sum(value.value is None and (value.reason or "").startswith("failed: ") for value in results.values)
    tasks = f"{len(results.failures):,} {'task' if len(results.failures) == 1 else 'tasks'} failed"
    values = f"{undefined:,} of {len(results.values):,} values"
    errors = list(dict.fromkeys(text_of(failure.error).removesuffix(".") for failure in results.failures))
    more = f"; and {len(errors) - SHOWN:,} more" if len(errors) > SHOWN else ""
    return (
        f"{tasks}, so {values} are missing. Verdicts rest on the seeds that remain; where fewer than two remain there "
        f"is none. Why: {'; '.join(errors[:SHOWN])}{more}. The next run of the assessment tries these tasks again."
    )


def tracebacks(results: Results) -> str:
    """Each task that failed with its error and where it was raised."""
    parts = (f"{failure}\n{failure.traceback}".rstrip() for failure in results.failures)
    return "\n\n".join(parts) + "\n"
