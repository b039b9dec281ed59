"""Attacks that read what a defense releases, such as explanations: where they have nothing to read."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Final

from amulet.core.threat import Access
from amulet.experiments.results.numbers import Column
from amulet.experiments.results.results import Results

MOST_NAMED: Final = 4
"""The most rows that are named one by one."""


def released_alone(column: Column) -> str:
    """What the attack reads if no model gives it by itself, "explanations"; empty for all other attacks and audits."""
    access = Access(column.access or 0)
    return str(access) if access.of_releases_alone else ""


def what_it_reads(column: Column) -> str:
    """What such an attack can do without releases, as the text of a term; empty for all others."""
    read = released_alone(column)
    return read and f"{read} alone; of a model that releases none, as the undefended one, it can only guess"


def release_sentences(results: Results) -> Iterator[str]:
    """Which attacks are not judged on which rows, and which are not checked on the undefended model."""
    yield from _unjudged(results)
    for probe, read in {column.probe: released_alone(column) for column in results.columns}.items():
        if read:
            yield (
                f"No attack check is made of {probe}: it reads {read} alone, of which the undefended model releases "
                "none, so that it can only guess there. Its values are compared with that guess."
            )


def _unjudged(results: Results) -> Iterator[str]:
    rows: dict[tuple[str, str], list[str]] = defaultdict(list)
    for row, attacks in results.not_judged.items():
        for attack, reason in attacks.items():
            rows[attack, reason].append(row)
    for (attack, reason), found in rows.items():
        yield f"{attack} is not judged in {_named(found)}: {reason}."


def _named(rows: Sequence[str]) -> str:
    if len(rows) > MOST_NAMED:
        return f"{len(rows)} rows"
    return f"the {'row' if len(rows) == 1 else 'rows'} {', '.join(f'“{row}”' for row in rows)}"
