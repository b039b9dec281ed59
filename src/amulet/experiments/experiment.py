"""What is to be assessed, as one value."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from amulet.core.dataset_spec import DatasetSpec
from amulet.core.errors import Problem
from amulet.core.metric import Metric
from amulet.core.probe import Attack, Audit, Probe
from amulet.core.spec import Count, Spec
from amulet.core.split import Split
from amulet.core.trainable import Defense, Trainable
from amulet.statistics import doubling
from amulet.utility import Utility

BASELINE = "undefended"
HALF = 0.5


@dataclass(frozen=True)
class Row(Spec):
    """One row of the matrix: defenses applied together, in order, under a label."""

    label: str
    defenses: tuple[Defense, ...]


@dataclass(frozen=True)
class Experiment(Spec):
    """What each defense does to each risk, on one data set.

    Attributes:
        name: of its folder under `runs/`.
        dataset: where the records come from; None where they are handed to `assess` or `plan`.
        recipe: how the undefended model is trained; defenses are applied to it.
        defenses: the rows; the baseline "undefended" is always there.
        attacks, audits: what is done to every row's models.
        metrics: beside every registered metric with its defaults; one that is listed replaces the default of
            its class.
        seeds: repetitions, each with its own split and training, paired over the rows.
        until_decided: whether to begin with a few seeds and add more, up to `seeds`, only where a primary metric
            is still undecided.
        split: the shares of members and validation records (its own seed counts up from the one given).
    """

    name: str
    dataset: DatasetSpec | None
    recipe: Trainable
    defenses: tuple[Row, ...]
    attacks: tuple[Attack, ...] = ()  # type: ignore[type-arg]
    audits: tuple[Audit, ...] = (Utility(),)  # type: ignore[type-arg]
    metrics: tuple[Metric, ...] = ()  # type: ignore[type-arg]
    seeds: Count = 10
    split: Split = Split()
    until_decided: bool = False

    def problems(self) -> Iterator[Problem]:
        """Labels are keys, and names are folders."""
        labels = [BASELINE, *(row.label for row in self.defenses)]
        if len(set(labels)) < len(labels):
            yield Problem.of("defenses", "Experiment", f"labelled differently, and none '{BASELINE}'", labels[1:])
        for row in self.defenses:
            if not row.defenses:
                yield Problem("defenses", f"Row '{row.label}' must have at least one defense. It has none.")
        yield from question_problems("Experiment", (*self.attacks, *self.audits), self.metrics)
        wanted = [probe.shadows_wanted() for probe in self.attacks]
        if any(each.count and not each.own_records for each in wanted) and self.split.members != HALF:
            allowed = "0.5 with attacks that train shadow models, which are halves of the same records"
            yield Problem.of("members", "Split", allowed, self.split.members)
        yield from name_problems("Experiment", self.name)

    @property
    def looks(self) -> tuple[int, ...]:
        """Numbers of seeds at which verdicts are made."""
        return doubling(self.seeds) if self.until_decided else (self.seeds,)

    @property
    def probes(self) -> tuple[Probe, ...]:  # type: ignore[type-arg]
        """Audits, then attacks: all that is done to every row's models."""
        return (*self.audits, *self.attacks)

    @property
    def rows(self) -> tuple[Row, ...]:
        """The baseline and every defended row."""
        return (Row(BASELINE, ()), *self.defenses)


def question_problems(owner: str, probes: Sequence[Probe[Any]], metrics: Sequence[Metric[Any]]) -> Iterator[Problem]:
    """Attacks, audits and metrics that are none, or that stand there twice."""
    if not probes:
        yield Problem("attacks", "There must be at least one attack or audit. Got none.")
    labels = [str(probe) for probe in probes]
    if len(set(labels)) < len(labels):
        yield Problem.of("attacks and audits", owner, "all different", labels)
    named = [(str(metric), metric.outcome_type()) for metric in metrics]
    if len(set(named)) < len(named):
        yield Problem.of("metrics", owner, "all different", [name for name, _ in named])


def name_problems(owner: str, name: str) -> Iterator[Problem]:
    """Names are folders under `runs/`."""
    if name.strip(".") in {"", "store"}:
        yield Problem.of("name", owner, "something else than 'store' and dots, since it names a folder", name)
    if not all(letter.isalnum() or letter in "-_." for letter in name):
        yield Problem.of("name", owner, "made of letters, digits, '-', '_' and '.'", name)
