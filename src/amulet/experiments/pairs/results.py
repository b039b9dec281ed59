"""The results of a comparison of two models."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Self

import pandas as pd

from amulet.core.measurements.tally import Tally
from amulet.core.metric import ByChance
from amulet.core.spec import Plain
from amulet.core.storage.files import StrPath
from amulet.core.text import visible
from amulet.experiments.pairs.pair_file import PAIR_FORMAT, WrittenPairCell, parse_pair
from amulet.experiments.results.checks.gates import Checked
from amulet.experiments.results.files.result_folders import PAIR, written_results
from amulet.experiments.results.files.written_rates import plain_rates, rated_from
from amulet.experiments.results.numbers import Column, Rated
from amulet.experiments.results.risk_changes import plain_verdict
from amulet.statistics import Paired, Verdict


@dataclass(frozen=True)
class ModelFacts:
    """What identifies a model.

    Attributes:
        name: the name of its class.
        structure: its layers, as text.
        parameters: the number of its parameters.
        weights: SHA-256 over all its tensors.
    """

    name: str
    structure: str
    parameters: int
    weights: str


@dataclass(frozen=True)
class PairCell:
    """One metric of both models, and the verdict on its difference.

    Attributes:
        column: the metric.
        records: the number of records that the metric is computed from.
        before, after: the values for the two models; None where the metric is undefined.
        reasons: why the metric is undefined, each reason once.
        resamples: the number of resamples of the records that the confidence interval is computed from.
        lost: the number of resamples on which the metric is undefined.
        verdict: the verdict on the difference. Its interval is about other records, not about other trainings.
        by_chance: what chance adds to the value before and to the value after, for metrics that are net of chance; None
            for others. The difference and its interval are without it.
    """

    column: Column
    records: int
    before: float | None
    after: float | None
    reasons: tuple[str, ...]
    resamples: int
    lost: int
    verdict: Verdict
    by_chance: tuple[ByChance, ByChance] | None = None

    @property
    def difference(self) -> float | None:
        """The value after minus the value before, net of chance; None if either is undefined."""
        if self.before is None or self.after is None:
            return None
        added = self.by_chance[1].added - self.by_chance[0].added if self.by_chance else 0.0
        return self.after - self.before - added


@dataclass(frozen=True)
class PairResults:
    """All results of a comparison of two models, which hold for these two only. `frame` has a line for each metric.

    Attributes:
        name: the name of the comparison.
        dataset, content: the data set's name and the digest of its content.
        spec: the specification of the comparison as plain values.
        models: the model before and the model after.
        records: the numbers of members, of others (non-members) and of test records.
        resamples: the number of resamples of the records for primary metrics. Exploratory ones use the first of them.
        cells: one for each metric.
        tested: how many test records there are of each class and group; empty in results of older versions.
        gates: the validity check "model" of both models: whether they have learned anything; empty in results of older
            versions.
        rates: the rates of groups of audits that compare groups, in the rows "before" and "after"; empty in results of
            older versions.
    """

    name: str
    dataset: str
    content: str
    spec: Plain
    models: tuple[ModelFacts, ModelFacts]
    records: Mapping[str, int]
    resamples: int
    cells: tuple[PairCell, ...]
    tested: Tally = field(default_factory=Tally)
    gates: tuple[Checked, ...] = ()
    rates: tuple[Rated, ...] = ()

    def __repr__(self) -> str:
        """What was compared, and how much of it."""
        counts = f"{len(self.cells)} metrics; .frame has the verdicts"
        return visible(f"PairResults({self.name} on {self.dataset}: {counts})")

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns of all metrics that were measured."""
        return tuple(cell.column for cell in self.cells)

    @property
    def frame(self) -> pd.DataFrame:
        """One line for each metric; undefined values are NaN.

        The column `verdict` says what happens to the risk, such as "risk decreases"; `difference` has the sign of the
        metric.
        """
        return pd.DataFrame(
            [
                {
                    "risk": cell.column.risk,
                    "probe": cell.column.probe,
                    "metric": cell.column.metric,
                    "group": cell.column.group,
                    "before": cell.before,
                    "after": cell.after,
                    "difference": cell.difference,
                    "low": cell.verdict.interval[0] if cell.verdict.interval else None,
                    "high": cell.verdict.interval[1] if cell.verdict.interval else None,
                    "verdict": cell.column.said(cell.verdict.word),
                    "primary": cell.column.primary,
                }
                for cell in self.cells
            ]
        ).astype(dict.fromkeys(("before", "after", "difference", "low", "high"), float))

    def to_json(self) -> str:
        """The results as JSON. The text is the same for the same models, records and settings."""
        body = asdict(self)
        for plain, cell in zip(body["cells"], self.cells, strict=True):
            plain["difference"] = cell.difference
            plain["verdict"] = plain_verdict(cell.verdict, cell.column)
        body["rates"] = [plain_rates(rated) for rated in self.rates]
        return json.dumps({"kind": PAIR, "format": PAIR_FORMAT, **body}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """The results from the text that `to_json` gives.

        Raises:
            AmuletError: the text is something else, of another format, or does not hold together.
        """
        file = parse_pair(text)
        before, after = (ModelFacts(**dict(model)) for model in file.models)
        return cls(
            name=file.name,
            dataset=file.dataset,
            content=file.content,
            spec=file.spec,
            models=(before, after),
            records=dict(file.records),
            resamples=file.resamples,
            cells=tuple(_cell(cell) for cell in file.cells),
            tested=Tally(**dict(file.tested)),
            gates=tuple(Checked(**dict(gate)) for gate in file.gates),
            rates=tuple(rated_from(written) for written in file.rates),
        )

    @classmethod
    def read(cls, folder: StrPath) -> Self:
        """The results of a comparison from its folder, or from the results.json in it.

        Raises:
            AmuletError: the folder has no results, or they cannot be read.
        """
        return cls.from_json(written_results(folder, "compare"))


def _cell(written: WrittenPairCell) -> PairCell:
    """The cell that a checked file states."""
    verdict = written.verdict
    paired = Paired(**dict(verdict.paired)) if verdict.paired else None
    interval = (verdict.interval[0], verdict.interval[1]) if verdict.interval else None
    judged = Verdict(verdict.metric_word, paired, interval, verdict.p, verdict.margin, verdict.level, verdict.reason)
    numbers = (written.records, written.before, written.after)
    counts = (written.resamples, written.lost)
    found = [ByChance(**dict(each)) for each in written.by_chance or ()]
    chances = (found[0], found[1]) if found else None
    return PairCell(Column(**dict(written.column)), *numbers, tuple(written.reasons), *counts, judged, chances)
