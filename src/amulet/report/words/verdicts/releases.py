"""Attacks that read only what a defense releases, such as explanations; without that they can but guess."""

from collections.abc import Iterator

from amulet.core.threat import Access
from amulet.experiments.results.numbers import Column
from amulet.experiments.results.results import Results


def released_alone(column: Column) -> str:
    """What the attack reads if no model gives it by itself, "explanations"; empty for all other attacks and audits."""
    access = Access(column.access or 0)
    return str(access) if access.of_releases_alone else ""


def what_it_reads(column: Column) -> str:
    """What such an attack can do without releases, as the text of a term; empty for all others."""
    read = released_alone(column)
    return read and f"{read} alone; of a model that releases none, as the undefended one, it can only guess"


def unasked_sentences(results: Results) -> Iterator[str]:
    """Of which attacks it is not asked whether they find something on the undefended model, a sentence each."""
    for probe, read in {column.probe: released_alone(column) for column in results.columns}.items():
        if read:
            yield (
                f"No attack check is made of {probe}: it reads {read} alone, of which the undefended model releases "
                "none, so that it can only guess there. Its values are compared with that guess."
            )
