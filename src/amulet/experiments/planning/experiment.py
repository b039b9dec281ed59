"""The specification of an assessment: data set, recipe, defenses, attacks, audits, metrics and seeds."""

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
from amulet.experiments.registry.plugins import risk_names
from amulet.factors.factor import Factor
from amulet.statistics import doubling
from amulet.statistics.power import MOST_SEEDS
from amulet.utility import Utility

BASELINE = "undefended"
HALF = 0.5
ALL = "all"

LONGEST_NAME = 200
"""The most bytes of an experiment's name. File systems allow 255, and temporary files have longer names."""
Seeds = Annotated[int, Interval(ge=1, le=MOST_SEEDS)]


@dataclass(frozen=True)
class Row(Spec):
    """One row of the matrix.

    Attributes:
        label: the name of the row.
        defenses: the defenses that are applied together, in this order.
        against: the label of the row that it is compared with; by default the undefended baseline. A row that adds
            a defense to another row can be compared with that one: "watermark and DP-SGD" against "watermark".
        attacked: an attack that tampers with the training records of the row's models. All other attacks and audits
            are done to these models as usual, so the row shows what this attack does to other risks.
        screened: whether the row is one of many that are looked through for those in which something happens, as those
            that `all_pairs` adds are. Its verdicts have an error rate of their own; see `amulet.statistics.screen`.
    """

    label: str
    defenses: tuple[Defense, ...] = ()
    against: str = BASELINE
    attacked: TamperingAttack | None = None  # type: ignore[type-arg]
    screened: bool = False

    def problems(self) -> Iterator[Problem]:
        """The label must have at least one letter."""
        if not self.label.strip():
            yield self.problem("label", "text with at least one letter")


@dataclass(frozen=True)
class Experiment(Spec):
    """An assessment of what each defense does to each risk, on one data set.

    Attributes:
        name: the name of the experiment, and of its folder under `runs/`.
        dataset: the data set; None if the records are passed to `assess` or `plan`.
        recipe: how the undefended model is trained; defenses are applied to it.
        defenses: the rows of the matrix; the row "undefended" is added to them.
        attacks, audits: the attacks and audits that are done to the models of every row.
        metrics: metrics in addition to all registered ones with their default settings. A metric that is listed here
            replaces the registered one of its class.
        seeds: the number of repetitions, each with its own split and training. Rows are compared seed by seed.
        until_decided: whether to start with a few seeds and add more, up to `seeds`, only for rows and probes with a
            primary metric that is still undecided.
        split: the shares of members and validation records. Its seed is that of the first repetition; each further
            repetition adds 1 to it.
        risks: names of risks whose usual attacks and audits are added, with settings that fit the data set; "all" for
            all risks. One that the experiment lists itself replaces the usual ones of its class; see `Probe.for_data`.
        all_defenses: whether to add a row for each registered defense, with settings that fit the data set, unless a
            row consists of a defense of its class already; see `Defense.for_data`.
        all_pairs: whether to add a row for each pair of these defenses, and of defenses that are rows by themselves.
            These rows are `screened`.
        by_group: names of sensitive attributes. Every metric whose cases are records is also measured on the records
            of each of their groups, as exploratory columns.
        factors: properties of the models that may explain interactions, measured for every row and seed. They are no
            risks and get no verdicts.
        all_factors: whether to add all registered factors, with settings that fit the data set, unless one of the class
            is listed; see `Probe.for_data`.
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
    risks: tuple[str, ...] = ()
    all_defenses: bool = False
    all_pairs: bool = False
    factors: tuple[Factor, ...] = ()
    all_factors: bool = False

    def problems(self) -> Iterator[Problem]:
        """The problems of names and labels, of attacks, audits and metrics that occur twice, and of the split."""
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
        if twice := [str(factor) for factor in self.factors if self.factors.count(factor) > 1]:
            yield Problem.of("factors", "Experiment", "all different", twice)
        asking = (*self.attacks, *self.factors)
        asked = (requests for probe in asking for requests in probe.models(self.split).values())
        shadows = any(isinstance(request.draw, ShadowDraw) for requests in asked for request in requests)
        if shadows and self.split.members != HALF:
            allowed = "0.5 with attacks or factors that train shadow models, which are halves of the same records"
            yield Problem.of("members", "Split", allowed, self.split.members)
        yield from name_problems("Experiment", self.name)
        known = (ALL, *risk_names())
        if unknown := [risk for risk in self.risks if risk not in known]:
            yield Problem.of("risks", "Experiment", f"some of {', '.join(known)}", ", ".join(unknown))

    @property
    def looks(self) -> tuple[int, ...]:
        """The numbers of seeds at which verdicts are made, in ascending order."""
        return doubling(self.seeds) if self.until_decided else (self.seeds,)

    @property
    def probes(self) -> tuple[Probe, ...]:  # type: ignore[type-arg]
        """All audits and attacks, the audits first."""
        return (*self.audits, *self.attacks)

    @property
    def played(self) -> tuple[Probe, ...]:  # type: ignore[type-arg]
        """All audits, attacks and factors: whatever is played with the models of every row."""
        return (*self.probes, *self.factors)

    @property
    def rows(self) -> tuple[Row, ...]:
        """All rows, the undefended baseline first."""
        return (Row(BASELINE, ()), *self.defenses)


def question_problems(owner: str, probes: Sequence[Probe[Any]], metrics: Sequence[Metric[Any]]) -> Iterator[Problem]:
    """Problems of a list of attacks, audits and metrics: there is no attack or audit, or one is listed twice."""
    if not probes:
        yield Problem("attacks", "There must be at least one attack or audit. Got none.")
    labels = [str(probe) for probe in probes]
    if len(set(labels)) < len(labels):
        yield Problem.of("attacks and audits", owner, "all different", labels)
    named = [(str(metric), metric.outcome_type()) for metric in metrics]
    if len(set(named)) < len(named):
        yield Problem.of("metrics", owner, "all different", [name for name, _ in named])


def label_problems(label: str) -> Iterator[Problem]:
    """A label must be one line of visible text that can be encoded in UTF-8, since it is written to files."""
    if not is_line(label):
        yield Problem.of("label", "Row", "one line of visible text", label)
    try:
        label.encode()
    except UnicodeEncodeError:
        yield Problem.of("label", "Row", "text that can be written as UTF-8", label)


def name_problems(owner: str, name: str) -> Iterator[Problem]:
    """A name must be suitable as the name of a folder under `runs/`."""
    if name.strip(".").casefold() in {"", "store"}:
        yield Problem.of("name", owner, "something else than 'store' and dots, since it names a folder", name)
    elif name.startswith("."):
        yield Problem.of("name", owner, "without a dot in front, since such folders are hidden or unfinished", name)
    if not all(letter.isalnum() or letter in "-_." for letter in name):
        yield Problem.of("name", owner, "made of letters, digits, '-', '_' and '.'", name)
    elif len(name.encode(errors="replace")) > LONGEST_NAME:
        yield Problem.of("name", owner, f"at most {LONGEST_NAME} bytes long, since it names a folder", name)
