"""What is to be assessed, as one value."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

from annotated_types import Interval

from amulet.core.dataset_spec import DatasetSpec
from amulet.core.errors import Problem
from amulet.core.metric import Metric
from amulet.core.probe import Attack, Audit, Probe, TamperingAttack
from amulet.core.spec import Spec
from amulet.core.split import ShadowDraw, Split
from amulet.core.text import alike, is_line
from amulet.core.trainable import Defense, Trainable
from amulet.statistics import doubling
from amulet.statistics.power import MOST_SEEDS
from amulet.utility import Utility

BASELINE = "undefended"
HALF = 0.5

LONGEST_NAME = 200
"""Bytes; file systems take 255, and files that are being written have longer names than their folder."""
Seeds = Annotated[int, Interval(ge=1, le=MOST_SEEDS)]


@dataclass(frozen=True)
class Row(Spec):
    """One row of the matrix.

    Attributes:
        label: its name.
        defenses: applied together, in this order.
        against: label of the row that it is compared with; the undefended baseline by default. A defense that is
            added to another one is compared with that one: "watermark and DP-SGD" against "watermark".
        attacked: an attack that tampers with the training records of the row's models, while every other attack and
            audit looks at these models as always. So a row shows what one attack does to other risks.
    """

    label: str
    defenses: tuple[Defense, ...] = ()
    against: str = BASELINE
    attacked: TamperingAttack | None = None  # type: ignore[type-arg]

    def problems(self) -> Iterator[Problem]:
        """A label without any text could not be told from others."""
        if not self.label.strip():
            yield self.problem("label", "text with at least one letter")


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
        by_group: names of sensitive attributes; every metric of test or training records is also measured on the
            records of each of their groups, as exploratory columns.
    """

    name: str
    dataset: DatasetSpec | None
    recipe: Trainable
    defenses: tuple[Row, ...]
    attacks: tuple[Attack, ...] = ()  # type: ignore[type-arg]
    audits: tuple[Audit, ...] = (Utility(),)  # type: ignore[type-arg]
    metrics: tuple[Metric, ...] = ()  # type: ignore[type-arg]
    seeds: Seeds = 10
    split: Split = Split()
    until_decided: bool = False
    by_group: tuple[str, ...] = ()

    def problems(self) -> Iterator[Problem]:
        """Labels are keys, and names are folders."""
        labels = [BASELINE, *(row.label for row in self.defenses)]
        if len(set(labels)) < len(labels):
            yield Problem.of("defenses", "Experiment", f"labelled differently, and none '{BASELINE}'", labels[1:])
        if pair := alike(labels):
            allowed = "labelled differently (not in invisible characters, blanks or Unicode form alone)"
            yield Problem("defenses", f"The 'defenses' of Experiment must be {allowed}. Got {pair!a}.")
        for row in self.defenses:
            yield from label_problems(row.label)
            if not row.defenses and row.attacked is None:
                yield Problem("defenses", f"Row '{row.label}' must have at least one defense. It has none.")
            if row.against == row.label or row.against not in labels:
                others = ", ".join(label for label in labels if label != row.label)
                yield Problem.of("against", f"row '{row.label}'", f"the label of another row ({others})", row.against)
        yield from question_problems("Experiment", (*self.attacks, *self.audits), self.metrics)
        asked = (requests for probe in self.attacks for requests in probe.models(self.split).values())
        shadows = any(isinstance(request.draw, ShadowDraw) for requests in asked for request in requests)
        if shadows and self.split.members != HALF:
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


def label_problems(label: str) -> Iterator[Problem]:
    """Labels head columns, and stand in files, which lone surrogates have no bytes for."""
    if not is_line(label):
        yield Problem.of("label", "Row", "one line of visible text", label)
    try:
        label.encode()
    except UnicodeEncodeError:
        yield Problem.of("label", "Row", "text that can be written as UTF-8", label)


def name_problems(owner: str, name: str) -> Iterator[Problem]:
    """Names are folders under `runs/`."""
    if name.strip(".") in {"", "store"}:
        yield Problem.of("name", owner, "something else than 'store' and dots, since it names a folder", name)
    if not all(letter.isalnum() or letter in "-_." for letter in name):
        yield Problem.of("name", owner, "made of letters, digits, '-', '_' and '.'", name)
    elif len(name.encode(errors="replace")) > LONGEST_NAME:
        yield Problem.of("name", owner, f"at most {LONGEST_NAME} bytes long, since it names a folder", name)
