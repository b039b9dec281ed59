"""Attacks that read what a row does not release: there they repeat other attacks, or guess, and are not judged."""

from collections.abc import Mapping
from typing import Any

from amulet.core.probe import Attack, Probe
from amulet.experiments.planning.experiment import BASELINE, Experiment, Row

NotJudged = Mapping[str, Mapping[str, str]]
"""Of each row, by label, the attacks that are not judged there, by name, with the reason."""


def not_judged(experiment: Experiment) -> dict[str, dict[str, str]]:
    """The attacks that have nothing to read, by row.

    An attack that reads explanations is, on two rows that release none, another attack under a second name. If that one
    is part of the experiment, it is left out of the family of verdicts there, since it would be counted twice.

    Args:
        experiment: with all its rows and attacks.
    """
    rows = {row.label: row for row in experiment.rows}
    found: dict[str, dict[str, str]] = {}
    for row in experiment.defenses:
        for attack in experiment.attacks:
            if reason := _nothing_to_read(attack, row, rows[row.against], experiment.probes):
                found.setdefault(row.label, {})[str(attack)] = reason
    return found


def played(experiment: Experiment) -> set[tuple[str, str]]:
    """The rows and probes that are run: those that are judged, and those that these are compared with.

    A row on which nothing is judged is run all the same: results have a value of every row.
    """
    unjudged = not_judged(experiment)
    judged = {
        (row.label, str(probe))
        for row in experiment.rows
        for probe in experiment.probes
        if str(probe) not in unjudged.get(row.label, {})
    }
    references = {row.label: row.against for row in experiment.rows}
    empty = references.keys() - {row for row, _ in judged}
    judged |= {(row, str(probe)) for row in empty for probe in experiment.probes}
    return judged | {(references[row], probe) for row, probe in judged if row != BASELINE}


def _nothing_to_read(attack: Attack[Any], row: Row, reference: Row, probes: tuple[Probe[Any], ...]) -> str:
    """Why an attack has nothing to read on a row and the one that it is compared with; empty if it is judged."""
    unread = attack.unreleased((*row.defenses, *reference.defenses))
    without = _without_releases(attack)
    if not unread or not (without is None or (without != attack and without in probes)):
        return ""
    kinds = " or ".join(map(str, unread))
    then = f"only repeat {without}" if without else "only guess"
    return f"these models release no {kinds}, so that the attack would {then}"


def _without_releases(attack: Attack[Any]) -> Attack[Any] | None:
    """What an attack is without releases, if its own class says so: a subclass may answer otherwise."""
    return attack.without_releases() if "without_releases" in vars(type(attack)) else attack
