"""The numbers of an assessment: values, columns, curves and images, without verdicts."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any, Self

import pandas as pd

from amulet.core.measurements.curve import Curve
from amulet.core.measurements.group_rates import GroupRates
from amulet.core.measurements.tally import Tally
from amulet.core.metric import ByChance, Metric
from amulet.core.probe import Attack, Probe
from amulet.core.spec import Plain
from amulet.core.text import visible
from amulet.experiments.graph.failures import Failure
from amulet.experiments.planning.experiment import BASELINE
from amulet.experiments.planning.left_out import LeftOut
from amulet.experiments.planning.unreleased import NotJudged
from amulet.experiments.results.factors import Factors
from amulet.experiments.results.pictures import Pictured
from amulet.statistics import ALPHA, CHANGES, Summary, Verdict, Word


@dataclass(frozen=True)
class Value:
    """The value of one metric for one model, that is for one row and seed.

    Attributes:
        seed: the repetition. Values of different rows with the same seed are compared with each other.
        value: the number; None if it is undefined.
        reason: why the value is undefined; None if it is not.
        task: the digest of the task in the store that computed it.
        group: "attribute=value" if it is measured on the records of one sensitive group only.
        by_chance: what chance alone does to the metric, if it is net of chance; None for others.
    """

    row: str
    risk: str
    probe: str
    metric: str
    seed: int
    value: float | None
    reason: str | None
    task: str
    group: str | None = None
    by_chance: ByChance | None = None

    @property
    def net(self) -> float | None:
        """The value without what chance adds, by which rows are compared; None if it is undefined."""
        return self.value if self.value is None or self.by_chance is None else self.value - self.by_chance.added


@dataclass(frozen=True)
class Traced:
    """The curve of one probe for one model, that is for one row and seed.

    Attributes:
        task: the digest of the task in the store that computed it.
    """

    row: str
    risk: str
    probe: str
    seed: int
    task: str
    curve: Curve


@dataclass(frozen=True)
class Rated:
    """The rates of groups that one audit of one model compares, that is for one row and seed.

    Attributes:
        task: the digest of the task in the store that counted them.
    """

    row: str
    risk: str
    probe: str
    seed: int
    task: str
    rates: GroupRates


@dataclass(frozen=True)
class Column:
    """One column of the matrix: a metric of an attack or audit.

    Attributes:
        risk, probe, metric: the names of the risk, of the attack or audit, and of the metric.
        low, high, riskier, primary, margin, chance, must_exceed, shows, turns: as in `Metric`.
        budget: the perturbations that the attack may make, as text; None if it has no such limit.
        access: what the attack sees of its target, an `Access` as a number; None for an audit.
        group: "attribute=value" if it is measured on the records of one sensitive group only.
    """

    risk: str
    probe: str
    metric: str
    low: float
    high: float
    riskier: str | None
    primary: bool
    margin: float
    chance: float | str | None
    budget: str | None = None
    access: int | None = None
    must_exceed: str | None = None
    group: str | None = None
    shows: str | None = None
    turns: bool = False

    @classmethod
    def of(cls, probe: Probe[Any], metric: Metric[Any], group: str | None = None) -> Self:
        """The column of a probe's metric. A metric that is measured by group is always exploratory."""
        return cls(
            risk=probe.risk,
            probe=str(probe),
            metric=str(metric),
            low=metric.low,
            high=metric.high,
            riskier=metric.riskier,
            primary=metric.primary and group is None,
            margin=metric.margin,
            chance=metric.chance,
            budget=probe.budget(),
            access=int(probe.needs) if isinstance(probe, Attack) else None,
            must_exceed=metric.must_exceed,
            group=group,
            shows=metric.shows if group is None else None,
            turns=metric.turns,
        )

    def __repr__(self) -> str:
        """Its names, without what they stand for."""
        group = f", {self.group}" if self.group else ""
        return visible(f"Column({self.risk}, {self.probe}, {self.metric}{group})")

    @property
    def centre(self) -> float | None:
        """The value from which an attack that turns its answers round is as far on the other side; None without one."""
        return (self.low + self.high) / 2 if self.turns else None

    def gets_worse(self, word: Word) -> bool:
        """Whether a change of the metric means more risk; of what is no risk, such as utility, more is better."""
        return (word is Word.INCREASES) == (self.riskier == "high")

    def said(self, word: Word) -> str:
        """What happens to the risk: "risk decreases" where a higher robust accuracy means less risk.

        Other verdicts than changes, and those on what is no risk, are the word itself.
        """
        if word not in CHANGES or self.riskier is None:
            return str(word)
        return "risk increases" if self.gets_worse(word) else "risk decreases"


@dataclass(frozen=True)
class MatrixCell:
    """One cell of the matrix over all seeds.

    Attributes:
        summary: mean and spread of the values; None if no seed has a value.
        difference: mean and spread of the paired differences from the row that this row is compared with; None for the
            baseline.
        verdict: the verdict on the difference; None for the baseline.
        undefined: the reasons why seeds have no value, each once; none where nothing was run.
    """

    row: str
    column: Column
    summary: Summary | None
    difference: Summary | None
    verdict: Verdict | None
    undefined: tuple[str, ...]

    @property
    def valueless(self) -> str:
        """What stands in the place of its value where it has none."""
        return "undefined" if self.undefined else "not run"

    def __repr__(self) -> str:
        """Value, difference and interval, and what happens to the risk."""
        parts = [f"{self.summary.mean:.3f}" if self.summary else self.valueless]
        if self.difference:
            parts.append(f"{self.difference.mean:+.3f} against its reference")
        if self.verdict and self.verdict.interval:
            parts.append("interval {:+.3f} to {:+.3f}".format(*self.verdict.interval))
        said = self.column.said(self.verdict.word) if self.verdict else "not judged"
        return f"MatrixCell({visible(self.row)}, {self.column!r}: {', '.join(parts)}: {said})"


@dataclass(frozen=True)
class Numbers:
    """Everything that an assessment measured, without verdicts.

    Attributes:
        experiment: the name of the experiment.
        dataset, content: the data set's name and the digest of its content.
        spec: the specification of the experiment as plain values.
        columns: the metrics that were measured.
        values: a value for each row, column and seed.
        facts: what was recorded in the training of each row's models, by row and seed.
        classes: the number of classes of the data set.
        own_risks: by row, the risks that its defenses are made for.
        curves: the curves of attacks that have one.
        looks: the numbers of seeds at which verdicts were planned.
        tested: how many test records there are of each class and group; empty in results of older versions.
        pictures: the images of attacks that make some, of the first seed.
        own_claims: by row, the audits of claims of ownership that its defenses are made for.
        against: by row, the row that it is compared with; the undefended baseline for rows that are not named.
        families: by row, the families in `amulet.literature` of the defenses that it adds to the row that it is
            compared with; empty in results of older versions.
        rates: the rates of groups of audits that compare groups; empty in results of older versions.
        left_out: what was asked for with all risks, all defenses or all factors, and cannot be used.
        failures: the tasks that could not be computed. Values that depend on them are undefined.
        factors: properties of the models that may explain interactions; none where the experiment asks for none.
        screened: the rows that are screened, each a family of its own; none in results of older versions.
        not_judged: of each row the attacks that have nothing to read there, with the reason; they may have no values.
            Empty in results of older versions, in which such attacks were judged.
    """

    experiment: str
    dataset: str
    content: str
    spec: Plain
    columns: tuple[Column, ...]
    values: tuple[Value, ...]
    facts: Mapping[str, Mapping[str, Mapping[str, Any]]]
    classes: int = 2
    own_risks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    curves: tuple[Traced, ...] = ()
    looks: tuple[int, ...] = ()
    tested: Tally = field(default_factory=Tally)
    against: Mapping[str, str] = field(default_factory=dict)
    own_claims: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    families: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    pictures: tuple[Pictured, ...] = ()
    rates: tuple[Rated, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    failures: tuple[Failure, ...] = ()
    factors: Factors = Factors()
    screened: tuple[str, ...] = ()
    not_judged: NotJudged = field(default_factory=dict)

    @cached_property
    def rows(self) -> tuple[str, ...]:
        """The labels of the rows, the baseline first."""
        return tuple(dict.fromkeys(value.row for value in self.values))

    @cached_property
    def seeds(self) -> tuple[int, ...]:
        """The seeds in ascending order."""
        return tuple(sorted({value.seed for value in self.values}))

    @property
    def frame(self) -> pd.DataFrame:
        """One line for each row, metric and seed. Undefined values are NaN; the column `reason` says why.

        The column `by_chance` has what chance adds to the value of a metric that is net of chance.
        """
        lines = [asdict(value) | {"by_chance": value.by_chance and value.by_chance.added} for value in self.values]
        return pd.DataFrame(lines).astype({"value": float, "by_chance": float})

    @property
    def rates_frame(self) -> pd.DataFrame:
        """The rates of groups: one line for each row, audit, seed, rate and group, as `GroupRates.frame` has them."""
        about = ("row", "probe", "seed")
        frames = [rated.rates.frame.assign(**{name: getattr(rated, name) for name in about}) for rated in self.rates]
        joined = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame()
        return joined[[*about, *(name for name in joined.columns if name not in about)]] if frames else joined

    @cached_property
    def _by_cell(self) -> Mapping[tuple[str, str, str, str, str | None], list[Value]]:
        cells: dict[tuple[str, str, str, str, str | None], list[Value]] = {}
        for value in sorted(self.values, key=lambda value: value.seed):
            cells.setdefault((value.row, value.risk, value.probe, value.metric, value.group), []).append(value)
        return cells

    def of(self, row: str, column: Column) -> list[Value]:
        """The values of a cell of the matrix, in the order of their seeds."""
        return self._by_cell.get((row, column.risk, column.probe, column.metric, column.group), [])

    def reference(self, row: str) -> str:
        """The row that a row is compared with."""
        return self.against.get(row, BASELINE)

    def differences(self, row: str, column: Column) -> tuple[float, ...]:
        """A row's values minus those of the row it is compared with, paired by seed, without seeds that lack either."""
        return tuple(value for value in self.paired(row, column) if value is not None)

    def paired(self, row: str, column: Column) -> tuple[float | None, ...]:
        """A row's values minus those of the row it is compared with, by seed; None for a seed that lacks either.

        Of a metric that is net of chance, both are without what chance adds.
        """
        pairs = self.both(row, column)
        return tuple(None if None in pair else pair[1] - pair[0] for pair in pairs)  # type: ignore[operator]

    def both(self, row: str, column: Column) -> tuple[tuple[float | None, float | None], ...]:
        """The value of the row that a row is compared with, and its own, by seed; None where there is no value.

        Of a metric that is net of chance, both are without what chance adds.
        """
        reference = {item.seed: item.net for item in self.of(self.reference(row), column)}
        return tuple((reference.get(item.seed), item.net) for item in self.of(row, column))

    def unjudged(self, row: str, column: Column) -> str:
        """Why a cell is not judged; empty if it is."""
        return self.not_judged.get(row, {}).get(column.probe, "")

    def rates_of(self, row: str, probe: str) -> list[Rated]:
        """The rates of groups of an audit, in the order of their seeds; empty if it has none."""
        return self._rates_by_probe.get((row, probe), [])

    @cached_property
    def _rates_by_probe(self) -> Mapping[tuple[str, str], list[Rated]]:
        found: dict[tuple[str, str], list[Rated]] = {}
        for item in sorted(self.rates, key=lambda item: item.seed):
            found.setdefault((item.row, item.probe), []).append(item)
        return found

    def curves_of(self, row: str, column: Column) -> list[Traced]:
        """The curves of a cell's probe, in the order of their seeds; empty if the probe has no curve."""
        return self._curves_by_probe.get((row, column.risk, column.probe), [])

    @cached_property
    def _curves_by_probe(self) -> Mapping[tuple[str, str, str], list[Traced]]:
        found: dict[tuple[str, str, str], list[Traced]] = {}
        for item in sorted(self.curves, key=lambda item: item.seed):
            found.setdefault((item.row, item.risk, item.probe), []).append(item)
        return found

    @property
    def level(self) -> float:
        """The significance level of each gate; as for verdicts, ALPHA is split evenly over the looks."""
        return ALPHA / max(1, len(self.looks))
